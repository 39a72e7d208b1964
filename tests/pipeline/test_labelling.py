"""Labels out to people and in again, on a store of a few days."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from fashiontrend import taxonomy
from fashiontrend.attrnet.inference import artifact
from fashiontrend.attrnet.network import model
from fashiontrend.config import AttrNetConfig, Config
from fashiontrend.errors import AccuracyGateClosed, ConfigError, DataError, StoreError
from fashiontrend.labels.label_studio_tasks import without_timestamps
from fashiontrend.labels.tasks import Tool
from fashiontrend.loop import Move, Step
from fashiontrend.pipeline import (
    labelled_files,
    labelling,
    labelling_guide,
    labelling_request,
    labelling_status,
)
from fashiontrend.pipeline.catalogue import Catalogue
from fashiontrend.pipeline.context import Context, load_taxonomy
from fashiontrend.pipeline.label import label
from fashiontrend.report import guide
from fashiontrend.storage import layout, ledger
from tests.pipeline.conftest import DAYS, LAST, LongStore, _taxonomy_file

SHOWN = 12  # days


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The last days of the long store; 36 pictures, as many products."""
    found = LongStore(tmp_path_factory.mktemp("few") / "store")
    for number in range(DAYS - SHOWN, DAYS):
        found._add_day(number, "north")
        found._add_day(number, "east")
        found._add_day(number, "south")
    config = {
        "store": {"url": str(found.folder)},
        "taxonomy": str(_taxonomy_file(found.folder)),
        "loop": {"history_days": SHOWN},
        "crawl": {"platforms": [{"name": p, "kind": "shopify", "base_url": f"http://{p}"}
                                for p in ("north", "east", "south")]},
    }  # fmt: skip
    for number in range(DAYS - SHOWN, DAYS):
        for platform in ("north", "east", "south"):
            found.put_raw(number, platform)
    return found, Config.model_validate(config)


@pytest.fixture
def export(world):
    store, config = world

    def made(known=None, **request) -> tuple[labelling.ExportFacts, dict[str, bytes]]:
        files: dict[str, bytes] = {}
        known = known or labelling.gather(config, store.store, LAST)
        facts = labelling.export_request(
            config, known, labelling.ExportRequest(**request), files.__setitem__
        )
        return facts, files

    return made


def test_an_export_holds_tasks_interface_and_pictures(export):
    facts, files = export(number=20, random=8)
    tasks = json.loads(files["tasks.json"])
    assert (len(tasks), facts.pictures, facts.random) == (20, 20, 8)
    assert facts.predicted_by == "titles"
    assert sum(t["data"]["split"] == "val" for t in tasks) == 8
    for task in tasks:
        assert task["data"]["image"].split("?d=")[1] in files
    assert len({(t["data"]["platform"], t["data"]["product_id"]) for t in tasks}) == 20
    assert len({t["data"]["platform"] for t in tasks}) == 3
    assert b"<Choices" in files["interface.xml"]


def test_values_of_the_part_that_evaluates_are_not_filled_in_unless_wished(export):
    def filled(files):
        tasks = json.loads(files["tasks.json"])
        return {t["data"]["split"] for t in tasks if t["predictions"]}

    assert filled(export(number=20, random=8)[1]) == {"train"}
    assert filled(export(number=20, random=8, prefill_random=True)[1]) == {"train", "val"}


def test_the_recognisers_boxes_and_values_are_corrected_where_there_are_any(export, world):
    store, config = world
    known = labelling.gather(config, store.store, LAST)
    known = labelling.KnownLabels(
        known.store,
        known.taxonomy,
        known.catalogue,
        known.pictures,
        known.people,
        None,
        "attrnet-1",
    )
    facts, files = export(known, number=20, random=0)
    assert facts.predicted_by == "attrnet-1"
    results = [
        r for t in json.loads(files["tasks.json"]) for p in t["predictions"] for r in p["result"]
    ]
    assert {r["from_name"] for r in results} == {"box", "colour"}


@pytest.mark.parametrize(
    ("where", "start"), [("shop", "http://"), ("https://pictures.example/x/", "https://pictures.example/x/pictures/")]
)  # fmt: skip
def test_pictures_may_be_named_by_address(export, where, start):
    _, files = export(number=6, random=2, pictures=where)
    assert [n for n in files if n.startswith("pictures/")] == []
    assert all(t["data"]["image"].startswith(start) for t in json.loads(files["tasks.json"]))


def labelled(tasks: list[dict[str, Any]], people=("ann",), wrong=0.0) -> list[dict[str, Any]]:
    """What Label Studio exports when people have labelled each task: red, or by mistake blue."""
    rng = np.random.default_rng(0)
    done = []
    for number, task in enumerate(tasks, start=1):
        annotations = []
        for person, name in enumerate(people, start=1):
            colour = "blue" if rng.uniform() < wrong else "red"
            box = {"x": 10, "y": 20, "width": 50, "height": 40, "rotation": 0}
            annotations.append({
                "id": 10 * number + person, "completed_by": {"id": person, "email": f"{name}@example.org"},
                "was_cancelled": False, "created_at": "2026-11-22T10:00:00Z", "lead_time": 9.5,
                "result": [
                    {"id": "b", "from_name": "box", "to_name": "image", "type": "rectanglelabels",
                     "original_width": 64, "original_height": 64,
                     "value": {**box, "rectanglelabels": ["garment"]}},
                    {"id": "c", "from_name": "colour", "to_name": "image", "type": "choices",
                     "value": {"choices": [colour]}},
                ],
            })  # fmt: skip
        done.append({**task, "id": number, "annotations": annotations, "updated_at": "2026-11-22"})
    return done


@pytest.fixture(scope="module")
def offered(world) -> bytes:
    """Tasks of 24 pictures, of which eight are drawn at random."""
    store, config = world
    files: dict[str, bytes] = {}
    request = labelling.ExportRequest(number=24, random=8)
    labelling.export_request(
        config, labelling.gather(config, store.store, LAST), request, files.__setitem__
    )
    return files["tasks.json"]


@pytest.fixture
def imported(world, offered, tmp_path):
    store, config = world

    def run(name, people=("ann",), wrong=0.0, skip=0):
        tasks = labelled(json.loads(offered), people, wrong)
        for task in tasks[:skip]:
            task["annotations"][0]["was_cancelled"] = True
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(tasks), "utf-8")
        return tasks, labelled_files.import_labels(config, store.store, [file], name, LAST)

    return run


def test_what_was_imported_is_exported_again_but_for_timestamps(world, imported, tmp_path):
    store, config = world
    tasks, found = imported("again", skip=3)
    assert found.pictures == {"train": 16, "val": 5}
    assert (found.labels, found.boxes, found.annotators) == (21, 21, 1)
    assert [str(n) for n in found.notes] == [
        "annotations that were skipped or cancelled: 3 (again.json: task 1 is the first)"
    ]
    files: dict[str, bytes] = {}
    labelled_files.export_set(config, store.store, "again", None, files.__setitem__, LAST)
    assert json.loads(files["again.json"]) == without_timestamps(tasks)
    assert b"2026-11-22" not in files["again.json"]


@pytest.mark.parametrize("tool", [Tool.CVAT, Tool.CSV, Tool.COCO, Tool.LABEL_STUDIO])
def test_a_set_goes_to_another_tool_with_its_pictures(world, imported, tool, tmp_path):
    store, config = world
    imported(f"to-{tool}")
    files: dict[str, bytes] = {}
    facts = labelled_files.export_set(
        config, store.store, f"to-{tool}", tool, files.__setitem__, LAST
    )
    if tool is Tool.LABEL_STUDIO:
        assert list(files) == ["to-label-studio.json"]
        return
    assert facts.pictures == 24
    assert sum(n.startswith("pictures/") for n in files) == 24
    (name,) = [n for n in files if n.endswith(("annotations.xml", "annotations.json", ".csv"))]
    back = tmp_path / name
    back.write_bytes(files[name])
    found = labelled_files.import_labels(config, store.store, [back], f"back-{tool}", LAST)
    assert found.boxes == 24
    assert found.labels == (0 if tool is Tool.COCO else 24)


def test_several_people_and_their_agreement(imported):
    _, found = imported("pair", people=("ann", "bob"), wrong=0.2)
    assert found.annotators == 2
    assert found.disagreements > 0
    whole = next(a for a in found.agreement if not a.value)
    assert whole.alpha is not None
    assert whole.alpha < 1


def test_a_set_stays_as_it_was_imported(imported):
    imported("fixed")
    with pytest.raises(DataError, match="another set has the name 'fixed'"):
        imported("fixed", wrong=0.5)


def test_labelled_pictures_and_products_are_not_offered_again(world, imported, export):
    store, config = world
    tasks, _ = imported("first")
    with_labels = config.model_copy(
        update={"labels": config.labels.model_copy(update={"imported_sets": ("first",)})}
    )
    known = labelling.gather(with_labels, store.store, LAST)
    _, files = export(known, number=36, random=4)
    again = {t["data"]["picture_id"] for t in json.loads(files["tasks.json"])}
    assert again
    assert again & {t["data"]["picture_id"] for t in tasks} == set()
    (row,) = labelling_status.measure(known, with_labels).rows
    assert (row.validation, row.missing, row.training) == (8, 92, 16)
    assert row.few == {"blue": 0, "red": 16}
    assert "colour" in labelling_status.measure(known, with_labels).lines()[0]


def test_what_cannot_be_used_at_all_is_an_error_that_says_why(world, tmp_path):
    store, config = world
    (tmp_path / "x.csv").write_text("picture_id,colour\nnone,red\n")
    with pytest.raises(DataError, match="the catalogue does not hold: 1"):
        labelled_files.import_labels(config, store.store, [tmp_path / "x.csv"], "x", LAST)
    with pytest.raises(ConfigError, match="no such file"):
        labelled_files.import_labels(config, store.store, [tmp_path / "y.csv"], "x", LAST)
    with pytest.raises(DataError, match="no set of annotations has the name 'nobody'"):
        labelled_files.export_set(config, store.store, "nobody", None, dict.__setitem__, LAST)


def test_a_day_before_the_first_picture_offers_nothing(world):
    store, config = world
    known = labelling.gather(config, store.store, LAST - timedelta(days=300))
    facts = labelling.export_request(config, known, labelling.ExportRequest(), {}.__setitem__)
    assert facts.pictures == 0


def closed_gate(world, tmp_path) -> Context:
    store, config = world
    run = ledger.Run("2026-11-22-x", LAST, "2026-11-22T10:00:00", {}, "0", "long", "d", None)
    catalogue = Catalogue.of_run(store.store, config, LAST)
    return Context(config, catalogue, load_taxonomy(config, store.store), run, Move(Step.LABEL))


def test_an_imported_set_is_trained_and_evaluated_on_with_the_catalogues_pictures(
    world, imported, tmp_path
):
    store, config = world
    imported("trained")
    base = closed_gate(world, tmp_path)
    labels = config.labels.model_copy(update={"imported_sets": ("trained",)})
    context = replace(base, config=config.model_copy(update={"labels": labels}))
    done = label(context)
    assert done.facts.pictures.val == 8
    assert done.facts.pictures.annotated_train == 16
    val = store.store.read_partition(done.output, "val")
    assert val["image"].null_count == 0
    assert val["box"].null_count == 0


def test_a_closed_gate_writes_its_request_once_and_names_it(world, tmp_path):
    context = closed_gate(world, tmp_path)
    assert labelling_request.describe(context.store, "2026-11-22-x") == ""
    told = labelling_request.with_request(context, AccuracyGateClosed("closed."))
    assert type(told) is AccuracyGateClosed
    assert "closed. Pictures to label are ready: 36 for Label Studio" in str(told)
    prefix = layout.labelling_export("2026-11-22-x")
    keys = {k.removeprefix(f"{prefix}/") for k in context.store.keys(prefix)}
    assert {"tasks.json", "interface.xml", "how-to.txt", "request.json"} <= keys
    before = context.store.read(f"{prefix}/tasks.json")
    assert str(labelling_request.with_request(context, AccuracyGateClosed("closed."))) == str(told)
    assert context.store.read(f"{prefix}/tasks.json") == before


@pytest.mark.parametrize("problem", [StoreError("full"), KeyError("a mistake of ours")])
def test_a_request_that_cannot_be_written_does_not_hide_the_gate(
    world, tmp_path, monkeypatch, problem
):
    def refuse(*_):
        raise problem

    context = replace(
        closed_gate(world, tmp_path), run=replace(closed_gate(world, tmp_path).run, run_id="y")
    )
    monkeypatch.setattr(labelling, "gather", refuse)
    error = AccuracyGateClosed("closed.")
    assert labelling_request.with_request(context, error) is error


def test_the_guide_shows_every_value_with_examples(world, imported):
    store, config = world
    imported("for-guide")
    with_labels = config.model_copy(
        update={"labels": config.labels.model_copy(update={"imported_sets": ("for-guide",)})}
    )
    known = labelling.gather(with_labels, store.store, LAST)
    text = labelling_guide.page(known, with_labels)
    assert text.count('alt="An example of red, according to people"') == 3
    assert text.count('alt="An example of blue, according to titles"') == 3


def test_the_guide_names_the_pairs_that_are_most_often_confused():
    colour = taxonomy.load().attribute("colour")
    size = len(colour.values) + 1
    confusion = [[0] * size for _ in range(size)]
    confusion[0][1], confusion[1][0], confusion[2][0], confusion[3][3] = 4, 3, 1, 90
    first, second = guide.find_confused(colour, confusion)
    assert {first.first, first.second} == {colour.values[0].en, colour.values[1].en}
    assert (first.pictures, second.pictures) == (7, 1)


def test_two_people_with_three_mistakes_in_a_hundred_complete_what_the_gate_asks_for(
    world, offered, tmp_path
):
    """Exported, filled from the truth, imported: the pictures that the gate lacked are there."""
    store, config = world
    gate = config.accuracy_gate.model_copy(update={"min_support": 6})
    before = config.model_copy(update={"accuracy_gate": gate})
    known = labelling.gather(before, store.store, LAST)
    assert labelling_status.measure(known, before).rows[0].missing == 6
    tasks = json.loads(offered)
    rng = np.random.default_rng(1)
    for task in tasks:
        true = ("red", "blue")[(int(task["data"]["product_id"]) // 3) % 2]
        other = {"red": "blue", "blue": "red"}[true]
        task["annotations"] = [
            {"completed_by": person, "result": [
                {"id": "c", "from_name": "colour", "to_name": "image", "type": "choices",
                 "value": {"choices": [other if rng.uniform() < 0.03 else true]}}]}
            for person in (1, 2)
        ]  # fmt: skip
    (tmp_path / "two.json").write_text(json.dumps(tasks))
    found = labelled_files.import_labels(before, store.store, [tmp_path / "two.json"], "two", LAST)
    assert found.annotators == 2
    assert found.labels + found.disagreements == 24
    labels = before.labels.model_copy(update={"imported_sets": ("two",)})
    after = before.model_copy(update={"labels": labels})
    known = labelling.gather(after, store.store, LAST)
    measured = labelling_status.measure(known, after)
    assert measured.rows[0].missing == 0
    assert measured.lines() == [
        "Every attribute has the validation pictures that the accuracy gate asks for."
    ]


def test_a_recogniser_whose_gate_closed_looks_at_pictures_that_nobody_recognised(
    world, tmp_path, export
):
    store, config = world
    taxonomy = load_taxonomy(config, store.store)
    cfg = AttrNetConfig(input_px=32, region_channels=8, embedding_dim=16)
    net = model.build(cfg, [2], (128.0,) * 3, 0).eval()
    artifact.save(tmp_path, net, artifact.make_card(taxonomy, net, {"colour": np.ones(3)}, {}))
    store.store.upload(layout.model("attrnet", "closed"), tmp_path, {})
    known = replace(labelling.gather(config, store.store, LAST), recogniser="closed")
    facts, files = export(known, number=8, random=2)
    assert (facts.predicted_by, facts.pictures) == ("closed", 8)
    tasks = json.loads(files["tasks.json"])
    boxes = [
        r for t in tasks for p in t["predictions"] for r in p["result"] if r["from_name"] == "box"
    ]
    assert boxes
