"""Pictures for people to label: gather what is known of them, choose them, write them for a tool."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fashiontrend.config import Config
from fashiontrend.labels import choosing, coco, csv_rows, cvat, label_studio_tasks
from fashiontrend.labels.choosing import AttributeNeed, Candidates, ChosenPicture
from fashiontrend.labels.split import TRAIN, VAL
from fashiontrend.labels.tasks import LabellingTask, Tool
from fashiontrend.outcomes import EvalReport, TrainAttrnetFacts
from fashiontrend.pipeline import inputs, label_predictions, labelling_how_to
from fashiontrend.pipeline.catalogue import Catalogue
from fashiontrend.pipeline.context import load_taxonomy
from fashiontrend.pipeline.label_predictions import PicturePrediction
from fashiontrend.storage import layout, ledger, releases
from fashiontrend.storage.object_store import Store
from fashiontrend.taxonomy import NOT_VISIBLE, Taxonomy
from fashiontrend.typed_json import JsonRecord

#: Writes a file of an export: its name and its bytes.
Sink = Callable[[str, bytes], None]
#: A recogniser that has not seen the catalogue looks at so many pictures for each one that is asked for.
POOL = 3
#: Where an export's pictures are: beside it, or at the shop's own address. Any other text is an address
#: that is put before the file's name.
BESIDE, SHOP = "beside", "shop"


@dataclass(frozen=True)
class KnownLabels:
    """What is known when people are to label more.

    Attributes:
        store: where everything lies.
        taxonomy: the attributes that are used.
        catalogue: of the days that a run of this day reads.
        pictures: PICTURE rows without the bytes.
        people: ANNOTATION rows without the bytes.
        report: evaluation of the newest recogniser; None if there is none.
        recogniser: its version, "" if there is none.
    """

    store: Store
    taxonomy: Taxonomy
    catalogue: Catalogue
    pictures: pa.Table
    people: pa.Table
    report: EvalReport | None = None
    recogniser: str = ""


@dataclass(frozen=True)
class ExportFacts(JsonRecord):
    """What an export holds.

    Attributes:
        tool: whose format it has.
        pictures: their number.
        random: those drawn at random, for validation.
        why: reason of the choice -> pictures.
        predicted_by: version of the recogniser whose predictions are to be corrected, or `titles`.
        lost: values, annotations or names of annotators that the format cannot hold.
        without_picture: chosen pictures whose bytes are missing; they are left out.
    """

    tool: str = ""
    pictures: int = 0
    random: int = 0
    why: Mapping[str, int] | None = None
    predicted_by: str = ""
    lost: int = 0
    without_picture: int = 0


@dataclass(frozen=True)
class ExportRequest:
    """What to export.

    Attributes:
        tool: whose format is written.
        number: of pictures.
        random: so many are drawn at random; None has the gate's need decide.
        seed: of the draw.
        pictures: `BESIDE`, `SHOP`, or an address to put before the file's name.
        prefill_random: whether predicted values stand on the random part too. People tend to leave what
            stands there, which flatters a recogniser that is evaluated on it.
    """

    tool: Tool = Tool.LABEL_STUDIO
    number: int = 200
    random: int | None = None
    seed: int = 0
    pictures: str = BESIDE
    prefill_random: bool = False


def gather(config: Config, store: Store, day: date) -> KnownLabels:
    """Read what is known of the pictures and their labels on a day."""
    taxonomy = load_taxonomy(config, store)
    catalogue = Catalogue.of_run(store, config, day)
    pictures = catalogue.picture_index()
    people = inputs.read_people(config, store, taxonomy, pictures)
    report, version = _newest_recogniser(store, taxonomy)
    return KnownLabels(store, taxonomy, catalogue, pictures, people, report, version)


def _newest_recogniser(store: Store, taxonomy: Taxonomy) -> tuple[EvalReport | None, str]:
    """Evaluation and version of the newest recogniser of this taxonomy, released or not."""
    for run_id in sorted(ledger.runs(store), reverse=True):
        run = ledger.load(store, run_id)
        if run.taxonomy_digest != taxonomy.digest:
            continue
        if trained := run.find_facts(TrainAttrnetFacts):
            return trained.report, trained.version
    current = releases.current(store)
    if current and current.taxonomy_digest == taxonomy.digest:
        return None, current.attrnet
    return None, ""


def label_counts(people: pa.Table, taxonomy: Taxonomy) -> dict[str, dict[str, Counter[str]]]:
    """Count people's labels: split -> attribute -> value -> pictures."""
    counts = {s: {a: Counter[str]() for a in taxonomy.ids} for s in (TRAIN, VAL)}
    for row in people.select(["split", "labels"]).to_pylist():
        for attribute, value in row["labels"] or ():
            if attribute in taxonomy.ids and row["split"] in counts:
                counts[row["split"]][attribute][value] += 1
    return counts


def needs_of(known: KnownLabels, config: Config) -> dict[str, AttributeNeed]:
    """What each attribute still needs before the accuracy gate opens."""
    gate = config.accuracy_gate
    counts = label_counts(known.people, known.taxonomy)
    found = {}
    for attribute in known.taxonomy.attributes:
        shown = sum(counts[VAL][attribute.id][v] for v in attribute.value_ids)
        seen = known.report.attributes.get(attribute.id) if known.report else None
        weight = 1.0
        if seen is not None and np.isfinite(seen.wilson_low):
            # An attribute at the floor weighs 1, one far above it little, one far below it several times as much.
            weight = float(np.exp((gate.floor - seen.wilson_low) * 5))
        found[attribute.id] = AttributeNeed(
            weight,
            max(0, gate.min_support - shown),
            attribute.value_ids,
            [counts[TRAIN][attribute.id][v] for v in attribute.value_ids],
        )
    return found


def export_request(
    config: Config, known: KnownLabels, request: ExportRequest, sink: Sink
) -> ExportFacts:
    """Choose pictures and write them for a labelling tool."""
    index = _unlabelled(known)
    pool = POOL * request.number
    predictions, source, index = _predict(known, config, index, pool, request.seed)
    candidates = _candidates(index, predictions, known.taxonomy)
    needs = needs_of(known, config)
    random = request.random
    if random is None:
        random = choosing.random_part(candidates, needs, request.number)
    chosen = choosing.choose(candidates, needs, request.number, random, request.seed)
    addresses = _addresses(known, request, index, chosen)
    kind_of = {index["picture_id"][c.place].as_py(): c.kind or c.why for c in chosen}
    tasks, images, absent = _tasks(known, request, index, predictions, chosen, addresses)
    for task in tasks:
        if task.picture_id in images:
            sink(task.file, images[task.picture_id])
    kinds = Counter(kind_of[task.picture_id] for task in tasks)
    lost = write_tasks(request.tool, tasks, known.taxonomy, source, sink)
    sink("how-to.txt", labelling_how_to.TEXTS[request.tool].encode())
    return ExportFacts(
        str(request.tool), len(tasks), sum(t.split == VAL for t in tasks),
        dict(kinds), source, lost, absent,
    )  # fmt: skip


def describe_export(facts: ExportFacts) -> list[str]:
    """What an export holds, as sentences."""
    why = ", ".join(f"{n} {kind}" for kind, n in (facts.why or {}).items())
    lines = [f"{facts.pictures} pictures for {facts.tool}{f': {why}' if why else ''}"]
    if facts.predicted_by:
        lines.append(f"values to correct were predicted by {facts.predicted_by}")
    if facts.random:
        lines.append(
            f"the {facts.random} pictures drawn at random are for validation (split val); they alone evaluate the "
            "recogniser"
        )
    if facts.lost:
        lines.append(
            f"{facts.lost} values, annotations or names of annotators are lost, because the format cannot hold them"
        )
    if facts.without_picture:
        lines.append(
            f"{facts.without_picture} chosen pictures are missing in the store and left out"
        )
    return lines


def write_tasks(
    tool: Tool, tasks: Sequence[LabellingTask], taxonomy: Taxonomy, model: str, sink: Sink
) -> int:
    """Write the files of a tool, and return how many values its format loses."""
    if tool is Tool.LABEL_STUDIO:
        sink("tasks.json", label_studio_tasks.tasks_json(tasks, taxonomy, model).encode())
        sink("interface.xml", label_studio_tasks.interface(taxonomy).encode())
        return sum(bool(g.annotator) for t in tasks for g in t.given)
    elif tool is Tool.CVAT:
        sink("annotations.xml", cvat.annotations_xml(tasks, taxonomy).encode())
        sink("labels.json", cvat.label_constructor(taxonomy).encode())
        return sum(len(t.given) - 1 for t in tasks if t.given)
    elif tool is Tool.COCO:
        text, lost = coco.coco_json(tasks, taxonomy)
        sink("annotations.json", text.encode())
        return lost
    else:
        sink("labels.csv", csv_rows.csv_rows(tasks, taxonomy).encode())
    return 0


def _unlabelled(known: KnownLabels) -> pa.Table:
    """PICTURE rows of pictures and products that nobody labelled, the first picture of a product first."""
    labelled = pc.unique(known.people["picture_id"])
    products = pa.array(
        sorted({k for k in known.people["product_key"].to_pylist() if k}), pa.string()
    )
    pictures = known.pictures
    keys = pc.binary_join_element_wise(pictures["platform"], pictures["product_id"], "/")
    pictures = pictures.append_column("product_key", keys)
    free = pc.invert(pc.or_(pc.is_in(pictures["picture_id"], labelled), pc.is_in(keys, products)))
    order = [("platform", "ascending"), ("product_id", "ascending"), ("position", "ascending"),
             ("day", "ascending"), ("picture_id", "ascending")]  # fmt: skip
    return pictures.filter(free).sort_by(order)


def _predict(
    known: KnownLabels, config: Config, index: pa.Table, pool: int, seed: int
) -> tuple[dict[str, PicturePrediction], str, pa.Table]:
    """Predictions by picture id, what made them, and the pictures that can be chosen."""
    if known.recogniser:
        table = label_predictions.stored(known.catalogue, known.recogniser, index["picture_id"])
        if table is None:
            index = _pool(index, pool, seed)
            images = images_of(known.store, index["picture_id"].to_pylist())
            table = label_predictions.look(known.store, known.recogniser, known.taxonomy, images)
        if table is not None:
            found = label_predictions.by_picture(table, known.taxonomy)
            return found, known.recogniser, index
    weak = label_predictions.from_titles(known.catalogue, config, known.taxonomy, known.store)
    return weak, "titles", index


def _pool(index: pa.Table, number: int, seed: int) -> pa.Table:
    """So many pictures of different products, drawn at random and spread over platforms and days."""
    bare = _candidates(index, {}, None)
    drawn = choosing.choose(bare, {}, number, number, seed)
    return index.take(pa.array(sorted(c.place for c in drawn), pa.int64()))


def _candidates(
    index: pa.Table, predictions: Mapping[str, PicturePrediction], taxonomy: Taxonomy | None
) -> Candidates:
    ids = index["picture_id"].to_pylist()
    days, platforms = index["day"].to_pylist(), index["platform"].to_pylist()
    probabilities = {}
    for attribute in taxonomy.attributes if taxonomy and predictions else ():
        found = np.zeros((len(ids), len(attribute.values) + 1))
        for n, picture in enumerate(ids):
            if picture in predictions and attribute.id in predictions[picture].probabilities:
                found[n] = predictions[picture].probabilities[attribute.id]
        probabilities[attribute.id] = found
    strata = [f"{p}/{d}" for p, d in zip(platforms, days, strict=True)]
    return Candidates(ids, index["product_key"].to_pylist(), strata, probabilities)


def _addresses(
    known: KnownLabels, request: ExportRequest, index: pa.Table, chosen: Sequence[ChosenPicture]
) -> dict[str, str]:
    """Where the chosen pictures can be fetched; none if they lie beside the export."""
    if request.pictures == BESIDE:
        return {}
    ids = {index["picture_id"][c.place].as_py(): c for c in chosen}
    if request.pictures != SHOP:
        return dict.fromkeys(ids, request.pictures.rstrip("/") + "/")
    found: dict[str, str] = {}
    for table in known.catalogue.listings(["images"]):
        for images in table["images"].to_pylist():
            found |= {i["picture_id"]: i["url"] for i in images or () if i["picture_id"] in ids}
    return found


def _tasks(
    known: KnownLabels,
    request: ExportRequest,
    index: pa.Table,
    predictions: Mapping[str, PicturePrediction],
    chosen: Sequence[ChosenPicture],
    addresses: Mapping[str, str],
) -> tuple[list[LabellingTask], dict[str, bytes], int]:
    """The tasks, the bytes of the pictures that lie beside them, and how many pictures are missing."""
    rows = index.take(pa.array([c.place for c in chosen], pa.int64())).to_pylist()
    tasks, images, absent = [], {}, 0
    for row, choice in zip(rows, chosen, strict=True):
        task = _task(row, choice, predictions.get(row["picture_id"]), known.taxonomy, request)
        address = addresses.get(task.picture_id, "")
        if address:
            whole = address + task.file if request.pictures != SHOP else address
            tasks.append(replace(task, address=whole))
        elif (data := _read_image(known.store, task.picture_id)) is not None:
            images[task.picture_id] = data
            tasks.append(task)
        else:
            absent += 1
    return tasks, images, absent


def _task(
    row: Mapping[str, object],
    choice: ChosenPicture,
    seen: PicturePrediction | None,
    taxonomy: Taxonomy,
    request: ExportRequest,
) -> LabellingTask:
    values, confidences = {}, {}
    for attribute, p in (seen.probabilities if seen else {}).items():
        classes = (*taxonomy.attribute(attribute).value_ids, NOT_VISIBLE)
        values[attribute] = classes[int(np.argmax(p))]
        confidences[attribute] = float(np.max(p))
    shown = choice.split == TRAIN or request.prefill_random
    return LabellingTask(
        str(row["picture_id"]), f"{row['platform']}/{row['product_id']}", choice.split,
        (int(str(row["width"])), int(str(row["height"]))), str(row["format"] or "JPEG"), choice.why,
        values=values if shown else {}, confidences=confidences if shown else {},
        box=seen.box if seen else None, box_score=seen.box_score if seen else 0.0,
    )  # fmt: skip


def _read_image(store: Store, picture_id: str) -> bytes | None:
    key = layout.raw_image(picture_id)
    return store.read(key) if store.exists(key) else None


def images_of(store: Store, ids: Collection[str]) -> dict[str, bytes]:
    """The bytes of pictures as they were crawled; those that are missing are left out."""
    return {i: data for i in ids if (data := _read_image(store, i)) is not None}
