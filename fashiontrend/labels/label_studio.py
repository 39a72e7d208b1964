"""Read Label Studio's JSON export as ANNOTATION rows; its COCO export loses choices per box."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa

from fashiontrend.errors import DataError
from fashiontrend.labels.annotations import (
    AnnotationReader,
    Box,
    IndexedPicture,
    ReadAnnotations,
    check_value,
    damage_named,
    index_pictures,
    make_annotation,
    other_version,
)
from fashiontrend.labels.boxes import clipped_fractions, turned_hull
from fashiontrend.labels.split import TRAIN, VAL
from fashiontrend.labels.successors import Successors
from fashiontrend.labels.value_names import ValueNames
from fashiontrend.taxonomy import Taxonomy

#: An object of the export: a task, an annotation or a result of one.
LabelStudioNode: TypeAlias = Mapping[str, Any]
_RECTANGLES = ("rectanglelabels", "rectangle")


def read_label_studio(
    text: str, source: str, taxonomy: Taxonomy, pictures: pa.Table
) -> ReadAnnotations:
    """Read the JSON that Label Studio exports as "JSON".

    A task's `data` names its picture by picture_id, or by platform and product_id, and may hold
    `split` and `taxonomy`, the version of the values. Boxes are rectangles in per cent; a rotated
    one becomes the upright box around it. A choice belongs to the attribute that its `from_name`
    names, and states a value by id, English or Chinese name, or `not_visible`. If there are several
    boxes, the largest is the garment. Whatever is left out is counted in `notes`: choices of
    smaller boxes, skipped tasks, results of other kinds, tasks of other splits.

    Raises:
        DataError: the text is no such export, or a value is unknown and the task is not of another
            version of the taxonomy; the message names the task.
    """
    reader = _Reader(
        taxonomy=taxonomy,
        index=index_pictures(pictures),
        names=ValueNames(taxonomy),
        source=source,
        successors=Successors(taxonomy),
    )
    for number, task in enumerate(parse_tasks(text, source)):
        place = f"{source}: task {task.get('id', number)}"
        with damage_named(place):
            reader.read(task, place)
    return reader.gathered()


@dataclass(kw_only=True)
class _Reader(AnnotationReader):
    """Reads tasks one after the other."""

    source: str
    successors: Successors

    def read(self, task: LabelStudioNode, place: str) -> None:
        data = task.get("data") or {}
        key = f"{data.get('platform', '')}/{data.get('product_id', '')}"
        picture = self.index.find(str(data.get("picture_id") or ""), key)
        if picture is None:
            self.missing.append(str(data.get("picture_id") or key))
            return
        split = str(data.get("split") or "").strip()
        if split not in ("", TRAIN, VAL):
            self.notes.add(f"tasks of split {split!r} are left out", place)
            return
        version = str(data.get("taxonomy") or "")
        if foreign := bool(version) and version != self.taxonomy.version:
            self.notes.add(other_version(version, self.taxonomy), place)
        for annotation in self._finished(task, place):
            results = annotation.get("result") or []
            box, region = self._largest_box(results, picture, place)
            labels = dict(self._choices(results, region, place, foreign))
            annotator = _annotator(annotation)
            self.found.append(make_annotation(picture, split, labels, box, annotator))

    def _finished(self, task: LabelStudioNode, place: str) -> Iterator[LabelStudioNode]:
        """The annotations that a person finished; the others are counted."""
        annotations = task["annotations"] or []
        if not annotations:
            self.notes.add("tasks without annotation", place)
        if task.get("drafts"):
            self.notes.add("drafts that nobody submitted", place)
        for annotation in annotations:
            if annotation.get("was_cancelled"):
                self.notes.add("annotations that were skipped or cancelled", place)
            else:
                yield annotation

    def _largest_box(
        self, results: list[LabelStudioNode], picture: IndexedPicture, place: str
    ) -> tuple[Box | None, str | None]:
        """Return the largest rectangle as fractions of the picture, and the id of its region."""
        rectangles = [r for r in results if r.get("type") in _RECTANGLES]
        if not rectangles:
            return None, None
        largest = max(
            rectangles, key=lambda r: (r["value"]["width"] * r["value"]["height"], str(r["id"]))
        )
        if len(rectangles) > 1:
            self.notes.add("pictures with several boxes, of which the largest is taken", place)
        if float(largest["value"].get("rotation") or 0) % 360:
            self.notes.add("rotated boxes, read as the upright box around them", place)
        box = _upright_box(largest, picture)
        if box is None:
            self.notes.add("boxes outside the picture or without area are left out", place)
        return box, str(largest["id"])

    def _choices(
        self, results: list[LabelStudioNode], region: str | None, place: str, foreign: bool
    ) -> Iterator[tuple[str, str]]:
        regions = {str(r["id"]) for r in results if r.get("type") in _RECTANGLES}
        for result in results:
            kind = result.get("type")
            if kind in _RECTANGLES:
                continue
            if kind != "choices":
                self.notes.add(f"results of the kind {kind!r} are left out", place)
            elif str(result.get("id")) in regions - {region}:
                self.notes.add("choices of smaller boxes are left out", place)
            else:
                yield from self._choice(result, place, foreign)

    def _choice(
        self, result: LabelStudioNode, place: str, foreign: bool
    ) -> Iterator[tuple[str, str]]:
        attribute = str(result["from_name"])
        chosen = result["value"].get("choices") or []
        now = self.successors.of(attribute, str(chosen[0])) if len(chosen) == 1 else None
        if now is not None:
            self.notes.add(f"{attribute} {chosen[0]} is read as {' '.join(now)}", place)
            yield now
        elif attribute not in self.taxonomy.ids:
            self.ignored.add(attribute)
            self.notes.add(f"choices of {attribute!r}, which is no attribute, are left out", place)
        elif len(chosen) > 1:
            raise DataError(
                f"{place}: {attribute!r} has {len(chosen)} choices ({', '.join(map(str, chosen))}); a garment "
                'has one value per attribute. Set choice="single" in the interface and correct the task.'
            )
        elif chosen:
            name = str(chosen[0])
            value = self.names.find(attribute, name)
            if value is None and foreign:
                self.notes.add(
                    f"{attribute}: value {name!r} is not in the taxonomy, left out", place
                )
                return
            if value is None:
                check_value(self.taxonomy, attribute, name, f"{place}, choice of {attribute!r}")
            yield attribute, value or name


def parse_tasks(text: str, source: str) -> list[dict[str, Any]]:
    """Return the tasks of a JSON export.

    Raises:
        DataError: the text is no such export.
    """
    try:
        tasks = json.loads(text.removeprefix("\ufeff"))
    except ValueError as error:
        raise DataError(f"{source}: not JSON: {error}. Export from Label Studio as JSON.") from None
    if not isinstance(tasks, list) or not all(
        isinstance(t, dict) and "annotations" in t for t in tasks
    ):
        raise DataError(
            f"{source}: seen {type(tasks).__name__} without `annotations`, expected a list of "
            "tasks. "
            'Export as "JSON", not as "JSON-MIN" or "COCO": those lose the choices made per box.'
        )
    return tasks


def _upright_box(result: LabelStudioNode, picture: IndexedPicture) -> Box | None:
    """The box of a rectangle in per cent that is turned clockwise about its top left corner."""
    size = (
        float(result.get("original_width") or picture.width),
        float(result.get("original_height") or picture.height),
    )
    value = result["value"]
    x, y, width, height = (float(value[k]) / 100 for k in ("x", "y", "width", "height"))
    left, top = x * size[0], y * size[1]
    corners = (left, top, left + width * size[0], top + height * size[1])
    return clipped_fractions(
        turned_hull(corners, (left, top), float(value.get("rotation") or 0)), size
    )


def _annotator(annotation: LabelStudioNode) -> str:
    """Who made an annotation: an e-mail address or a number, as the export names it."""
    who = annotation.get("completed_by")
    if isinstance(who, Mapping):
        who = who.get("email") or who.get("id")
    return "" if who is None else str(who)
