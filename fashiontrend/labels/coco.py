"""Read and write COCO's JSON. COCO has boxes and classes, and no values per box, so that values are lost in it.

CVAT adds `attributes` and a rotation to its COCO; those are read where they stand.
https://cocodataset.org/#format-data
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from fashiontrend.errors import DataError
from fashiontrend.labels.annotations import (
    AnnotationReader,
    Box,
    ReadAnnotations,
    damage_named,
    index_pictures,
    make_annotation,
)
from fashiontrend.labels.boxes import clipped_fractions, turned_hull
from fashiontrend.labels.tasks import GARMENT, LabellingTask, read_file_name
from fashiontrend.labels.value_names import ValueNames
from fashiontrend.taxonomy import Taxonomy

#: What CVAT adds to each box beside the attributes that people filled.
_OF_CVAT = frozenset({"occluded", "rotation", "track_id", "keyframe"})
_TIMES = ("date_created", "date_captured")


def read_coco(text: str, source: str, taxonomy: Taxonomy, pictures: pa.Table) -> ReadAnnotations:
    """Read COCO's JSON: the largest box of each picture, and CVAT's attributes if there are any.

    Raises:
        DataError: the text is no COCO.
    """
    document = parse_coco(text, source)
    boxes: dict[Any, list[Mapping[str, Any]]] = {}
    with damage_named(f"{source}: annotations"):
        for annotation in document["annotations"]:
            boxes.setdefault(annotation.get("image_id"), []).append(annotation)
    reader = _Reader(taxonomy, index_pictures(pictures), ValueNames(taxonomy))
    with damage_named(f"{source}: images"):
        images = [(i, f"{source}: image {i.get('file_name')!r}") for i in document["images"]]
    for image, place in images:
        with damage_named(place):
            reader.read(image, boxes.pop(image.get("id"), []), place)
    for identity in boxes:
        reader.notes.add("boxes of images that are not listed are left out", str(identity))
    return reader.gathered()


def parse_coco(text: str, source: str) -> dict[str, Any]:
    """Return COCO's document.

    Raises:
        DataError: the text is no COCO.
    """
    try:
        document = json.loads(text.removeprefix("\ufeff"))
    except ValueError as error:
        raise DataError(f"{source}: not JSON: {error}. Export as COCO.") from None
    if not isinstance(document, dict) or not {"images", "annotations"} <= set(document):
        raise DataError(f"{source}: expected the lists `images` and `annotations`. Export as COCO.")
    return document


class _Reader(AnnotationReader):
    """Reads images one after the other."""

    def read(self, image: Mapping[str, Any], boxes: list[Mapping[str, Any]], place: str) -> None:
        identity, split = read_file_name(str(image.get("file_name") or ""))
        picture = self.index.find(identity, "") if identity else None
        if picture is None:
            self.missing.append(identity or str(image.get("file_name")))
            return
        drawn = [b for b in boxes if len(b.get("bbox") or ()) == 4]
        if len(drawn) < len(boxes):
            self.notes.add("annotations without a box are left out", place)
        if not drawn:
            self.notes.add("pictures without annotation", place)
            return
        if len(drawn) > 1:
            self.notes.add("pictures with several boxes, of which the largest is taken", place)
        largest = max(drawn, key=lambda b: b["bbox"][2] * b["bbox"][3])
        size = (
            float(image.get("width") or picture.width),
            float(image.get("height") or picture.height),
        )
        labels = self._labels(largest.get("attributes") or {}, place)
        box = self._box(largest, size, place)
        self.found.append(make_annotation(picture, split, labels, box))

    def _box(
        self, annotation: Mapping[str, Any], size: tuple[float, float], place: str
    ) -> Box | None:
        x, y, width, height = (float(v) for v in annotation["bbox"])
        degrees = float((annotation.get("attributes") or {}).get("rotation") or 0)
        if degrees % 360:
            self.notes.add("rotated boxes, read as the upright box around them", place)
        centre = (x + width / 2, y + height / 2)
        box = clipped_fractions(turned_hull((x, y, x + width, y + height), centre, degrees), size)
        if box is None:
            self.notes.add("boxes outside the picture or without area are left out", place)
        return box

    def _labels(self, attributes: Mapping[str, Any], place: str) -> dict[str, str]:
        stated: dict[str, str] = {}
        filled = {a: str(v) for a, v in attributes.items() if a not in _OF_CVAT}
        if not filled:
            self.notes.add("COCO holds no values: boxes are read, labels are not", place)
        for attribute, name in filled.items():
            value = self.names.find(attribute, name) if attribute in self.taxonomy.ids else None
            if attribute not in self.taxonomy.ids:
                self.ignored.add(attribute)
            if value is None:
                self.notes.add(f"{attribute}: {name!r} is not in the taxonomy, left out", place)
            else:
                stated[attribute] = value
        return stated


def coco_json(tasks: Iterable[LabellingTask], taxonomy: Taxonomy) -> tuple[str, int]:
    """The predicted boxes, or those that people drew, as COCO.

    Returns:
        The document, and the number of values that are lost in it.
    """
    images: list[dict[str, Any]] = []
    boxes: list[dict[str, Any]] = []
    lost = 0
    for number, task in enumerate(tasks, start=1):
        width, height = task.size
        images.append({"id": number, "file_name": task.file, "width": width, "height": height})
        labels = task.given[0].labels if task.given else task.values
        box = task.given[0].box if task.given else task.box
        lost += len(labels)
        if box is not None:
            boxes.append({"id": len(boxes) + 1, "image_id": number, **_bbox(box, task.size)})
    document = {
        "info": {"description": "fashiontrend", "version": taxonomy.version},
        "images": images,
        "annotations": boxes,
        "categories": [{"id": 1, "name": GARMENT, "supercategory": ""}],
    }
    return json.dumps(document, ensure_ascii=False, indent=1), lost


def _bbox(box: Box, size: tuple[int, int]) -> dict[str, Any]:
    x0, y0, x1, y1 = (round(float(v) * s, 2) for v, s in zip(box, size * 2, strict=True))
    width, height = round(x1 - x0, 2), round(y1 - y0, 2)
    return {
        "category_id": 1,
        "bbox": [x0, y0, width, height],
        "area": round(width * height, 2),
        "iscrowd": 0,
        "segmentation": [],
    }


def without_times(document: Any) -> Any:
    """Return COCO's document without the times at which its parts were made."""
    if isinstance(document, list):
        return [without_times(part) for part in document]
    if not isinstance(document, dict):
        return document
    return {n: without_times(p) for n, p in document.items() if n not in _TIMES}
