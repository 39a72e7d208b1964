"""Bring what people labelled in a tool into the store as a set of annotations, and out again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from fashiontrend import delimited, images
from fashiontrend import taxonomy as taxonomies
from fashiontrend.config import Config, IngestConfig
from fashiontrend.errors import ConfigError, DataError
from fashiontrend.labelled_sets.importing import digest_content
from fashiontrend.labels import tools
from fashiontrend.labels.agreement import Agreement, measure_agreement
from fashiontrend.labels.annotations import Annotation, ReadAnnotations, merge_annotations
from fashiontrend.labels.notes import Note
from fashiontrend.labels.tasks import LabellingTask, Tool
from fashiontrend.pipeline.catalogue import Catalogue
from fashiontrend.pipeline.context import load_taxonomy
from fashiontrend.pipeline.importing import CONTENT
from fashiontrend.pipeline.labelling import ExportFacts, Sink, images_of, write_tasks
from fashiontrend.storage import layout, schemas
from fashiontrend.storage.object_store import Store
from fashiontrend.taxonomy import Taxonomy

#: Table of a set that holds the tools' files.
FILES = "files"


@dataclass(frozen=True)
class ImportedLabels:
    """An import of people's labels.

    Attributes:
        where: the set in the store.
        pictures: pictures with an annotation, by split.
        labels: their labels.
        boxes: those with a box.
        annotators: how many people are named.
        missing: pictures that the catalogue does not hold.
        disagreements: labels that were left out because people contradict each other.
        notes: what else was left out or understood otherwise.
        agreement: of people on the same pictures.
    """

    where: str
    pictures: Mapping[str, int]
    labels: int
    boxes: int
    annotators: int
    missing: int
    disagreements: int
    notes: tuple[Note, ...]
    agreement: tuple[Agreement, ...]


def import_labels(
    config: Config, store: Store, sources: Sequence[Path], name: str, day: date
) -> ImportedLabels:
    """Read tools' files and commit what they say as a set of annotations, with the files themselves.

    Raises:
        ConfigError: a file does not exist.
        DataError: a file cannot be read, no annotation of it is usable, or another set has the name.
    """
    used = load_taxonomy(config, store)
    texts = {path.name: _read_text(path) for path in sources}
    if len(texts) < len(sources):
        raise ConfigError(f"{', '.join(map(str, sources))}: two files have one name. Rename one.")
    index = _pictures(config, store, day)
    found = {n: tools.read(text, n, used, index) for n, (text, _) in texts.items()}
    people = [a for n, read in found.items() for a in _named(read.annotations, n, len(found))]
    table, disagreements = merge_annotations(people)
    missing = {m for read in found.values() for m in read.missing}
    notes = _notes(found, {n: notes for n, (_, notes) in texts.items()})
    if not table.num_rows:
        raise DataError(_explain_empty(missing, notes, sources))
    files = pa.Table.from_pylist(
        [
            {"name": n, "tool": str(tools.tool_of(t)), "text": tools.lasting(t, n)}
            for n, (t, _) in texts.items()
        ],
        schemas.TOOL_FILE,
    )
    where = _commit(store, name, table, files, _whole_taxonomy(config, store))
    rows = table.to_pylist()
    return ImportedLabels(
        where,
        {s: sum(r["split"] == s for r in rows) for s in sorted({r["split"] for r in rows})},
        sum(len(r["labels"]) for r in rows),
        sum(r["box"] is not None for r in rows),
        len({a.annotator for a in people if a.annotator}),
        len(missing), disagreements, notes, measure_agreement(people),
    )  # fmt: skip


def _read_text(path: Path) -> tuple[str, tuple[str, ...]]:
    if not path.is_file():
        raise ConfigError(f"{path}: no such file. Name the file that the labelling tool exported.")
    return delimited.decode(path.read_bytes())


def _pictures(config: Config, store: Store, day: date) -> pa.Table:
    return Catalogue.of_run(store, config, day).picture_index()


def _named(annotations: Sequence[Annotation], file: str, files: int) -> list[Annotation]:
    """Annotations by somebody: of several files that name nobody, each is one person's."""
    if files == 1:
        return list(annotations)
    return [replace(a, annotator=a.annotator or file) for a in annotations]


def _notes(
    found: Mapping[str, ReadAnnotations], decoded: Mapping[str, tuple[str, ...]]
) -> tuple[Note, ...]:
    told = [Note(note, 1, name) for name, notes in decoded.items() for note in notes]
    return (*told, *(note for read in found.values() for note in read.notes))


def _explain_empty(missing: set[str], notes: Sequence[Note], sources: Sequence[Path]) -> str:
    seen = [f"pictures that the catalogue does not hold: {len(missing)}"] if missing else []
    seen += [str(n) for n in notes]
    return (
        f"{', '.join(map(str, sources))}: no annotation can be used: {'; '.join(seen) or 'there is none'}. "
        "Export finished annotations of pictures of this store."
    )


def _whole_taxonomy(config: Config, store: Store) -> dict[str, Any]:
    """The taxonomy of which the configuration uses a part, as a set keeps it."""
    if config.taxonomy is None and not config.labels.imported_sets:
        return taxonomies.load(None).model_dump(mode="json")
    every = config.model_copy(update={"attributes": ()})
    return load_taxonomy(every, store).model_dump(mode="json")


def _commit(
    store: Store, name: str, table: pa.Table, files: pa.Table, taxonomy: dict[str, Any]
) -> str:
    partition = layout.annotation_set(name)
    splits = table["split"].to_pylist()
    content = digest_content(table)
    facts = {
        "rows": table.num_rows,
        "splits": {s: splits.count(s) for s in sorted(set(splits))},
        "taxonomy": taxonomy,
        CONTENT: content,
    }
    standing = store.manifest(partition) or store.commit_tables(
        partition, {"annotations": table, FILES: files}, facts
    )
    if standing.facts.get(CONTENT) != content:
        raise DataError(
            f"{store.uri(partition)}: another set has the name {name!r}. A set stays as it was imported: choose "
            "another --set, and name that in labels.imported_sets."
        )
    return store.uri(partition)


def export_set(
    config: Config, store: Store, name: str, tool: Tool | None, sink: Sink, day: date
) -> ExportFacts:
    """Write a set of annotations for a labelling tool.

    The tool that the set came from gets its own files back, without their timestamps. For another tool
    they are read and written anew.

    Raises:
        DataError: there is no such set.
    """
    partition = layout.annotation_set(name)
    manifest = store.manifest(partition)
    if manifest is None:
        known = [p.rsplit("/", 1)[1] for p in store.committed("annotations/")]
        raise DataError(
            f"no set of annotations has the name {name!r}; there are: {', '.join(known) or 'none yet'}."
        )
    files = (
        store.read_partition(partition, FILES, None, manifest).to_pylist()
        if manifest.tables(FILES)
        else []
    )
    if files and all(f["tool"] == (tool or f["tool"]) for f in files):
        for file in files:
            sink(file["name"], file["text"].encode())
        return ExportFacts(str(tool or files[0]["tool"]), manifest.facts["rows"])
    chosen = tool or Tool.LABEL_STUDIO
    taxonomy = Taxonomy.model_validate(manifest.facts["taxonomy"])
    index = _pictures(config, store, day)
    tasks = _tasks_of_set(index, store, partition, files, taxonomy, sink)
    lost = write_tasks(chosen, tasks, taxonomy, "", sink)
    return ExportFacts(str(chosen), len(tasks), lost=lost)


def _tasks_of_set(
    index: pa.Table,
    store: Store,
    partition: str,
    files: Sequence[Mapping[str, str]],
    taxonomy: Taxonomy,
    sink: Sink,
) -> list[LabellingTask]:
    """The tasks of a set with what people said, each picture once; their pictures go to the sink."""
    of_picture = {
        r["picture_id"]: r
        for r in index.select(["picture_id", "width", "height", "format"]).to_pylist()
    }
    given: dict[str, list[Annotation]] = {}
    for file in files:
        for a in tools.read(file["text"], file["name"], taxonomy, index).annotations:
            given.setdefault(a.picture_id, []).append(a)
    rows = store.read_partition(partition, "annotations").to_pylist()
    tasks = []
    for row in rows:
        people = given.get(row["picture_id"]) or [_merged(row)]
        task = _task(row, people, of_picture.get(row["picture_id"]))
        data = row["image"] or images_of(store, [task.picture_id]).get(task.picture_id)
        if data:
            sink(task.file, data)
        tasks.append(task)
    return tasks


def _merged(row: Mapping[str, Any]) -> Annotation:
    return Annotation(
        row["picture_id"], row["product_key"], row["split"], dict(row["labels"] or ()), row["box"]
    )


def _task(
    row: Mapping[str, Any], people: Sequence[Annotation], picture: Mapping[str, Any] | None
) -> LabellingTask:
    if picture is None:
        size, kind = _inspect(row)
    else:
        size, kind = (picture["width"], picture["height"]), picture["format"] or "JPEG"
    return LabellingTask(
        row["picture_id"], row["product_key"], row["split"], size, kind, given=tuple(people)
    )


def _inspect(row: Mapping[str, Any]) -> tuple[tuple[int, int], str]:
    """Size and format of a picture whose bytes the set holds itself."""
    if not row["image"]:
        raise DataError(f"picture {row['picture_id']}: neither the catalogue nor the set holds it.")
    seen = images.inspect(row["image"], IngestConfig())
    return (seen.width, seen.height), seen.format
