"""Read and write "CVAT for images 1.1", CVAT's XML: boxes with attributes, and tags for pictures without a box.

A picture's file name holds its id and its split. CVAT turns a box clockwise about its centre.
https://docs.cvat.ai/docs/manual/advanced/xml_format/
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from lxml import etree

from fashiontrend.errors import DataError
from fashiontrend.labels.annotations import (
    AnnotationReader,
    Box,
    IndexedPicture,
    ReadAnnotations,
    damage_named,
    index_pictures,
    make_annotation,
)
from fashiontrend.labels.boxes import clipped_fractions, turned_hull
from fashiontrend.labels.tasks import (
    GARMENT,
    LabellingTask,
    known_attributes,
    read_file_name,
    shown_values,
)
from fashiontrend.labels.value_names import ValueNames, bilingual
from fashiontrend.taxonomy import Taxonomy

#: CVAT's attributes always have a value; this one states nothing.
UNSTATED = "-"
#: The class of tags, which carry the values of a picture that has no box.
PICTURE = "picture"
#: Elements that say when something was written.
_TIMES = ("created", "updated", "dumped", "start_date", "end_date")


def read_cvat(text: str, source: str, taxonomy: Taxonomy, pictures: pa.Table) -> ReadAnnotations:
    """Read CVAT's XML.

    The largest box of a picture is the garment; a picture without a box has its values in a tag.
    Whatever is left out is counted in `notes`: smaller boxes, other shapes, unknown values.

    Raises:
        DataError: the text is no such XML.
    """
    root = parse_xml(text, source)
    person = root.find(".//meta//assignee/username")
    annotator = (person.text or "") if person is not None else ""
    reader = _Reader(taxonomy, index_pictures(pictures), ValueNames(taxonomy), annotator=annotator)
    for image in root.iter("image"):
        place = f"{source}: image {image.get('name')!r}"
        with damage_named(place):
            reader.read(image, place)
    if root.find("track") is not None:
        reader.notes.add("tracks of videos are left out", source)
    return reader.gathered()


def parse_xml(text: str, source: str) -> Any:
    """Return the root of CVAT's XML; entities and other documents are not followed.

    Raises:
        DataError: the text is no such XML.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=True)
    try:
        root = etree.fromstring(text.removeprefix("\ufeff").encode(), parser)
    except etree.XMLSyntaxError as error:
        raise DataError(f"{source}: not XML: {error}. Export as 'CVAT for images 1.1'.") from None
    if root.tag != "annotations":
        raise DataError(
            f"{source}: seen <{root.tag}>, expected <annotations>. Export as 'CVAT for images 1.1'."
        )
    return root


@dataclass
class _Reader(AnnotationReader):
    """Reads images one after the other."""

    annotator: str = ""

    def read(self, image: Any, place: str) -> None:
        identity, split = read_file_name(image.get("name") or "")
        picture = self.index.find(identity, "") if identity else None
        if picture is None:
            self.missing.append(identity or str(image.get("name")))
            return
        boxes = image.findall("box")
        for shape in image:
            if shape.tag not in ("box", "tag"):
                self.notes.add(f"shapes of the kind {shape.tag!r} are left out", place)
        if not boxes and not image.findall("tag"):
            self.notes.add("pictures without annotation", place)
            return
        largest = max(boxes, key=_area, default=None)
        if len(boxes) > 1:
            self.notes.add("pictures with several boxes, of which the largest is taken", place)
        labels: dict[str, str] = {}
        for shape in (*image.findall("tag"), *([] if largest is None else [largest])):
            labels |= self._labels(shape, place)
        box = None if largest is None else self._box(largest, image, picture, place)
        self.found.append(make_annotation(picture, split, labels, box, self.annotator))

    def _box(self, shape: Any, image: Any, picture: IndexedPicture, place: str) -> Box | None:
        size = (
            float(image.get("width") or picture.width),
            float(image.get("height") or picture.height),
        )
        x0, y0, x1, y1 = _corners(shape)
        degrees = float(shape.get("rotation") or 0)
        if degrees % 360:
            self.notes.add("rotated boxes, read as the upright box around them", place)
        hull = turned_hull((x0, y0, x1, y1), ((x0 + x1) / 2, (y0 + y1) / 2), degrees)
        box = clipped_fractions(hull, size)
        if box is None:
            self.notes.add("boxes outside the picture or without area are left out", place)
        return box

    def _labels(self, shape: Any, place: str) -> dict[str, str]:
        stated: dict[str, str] = {}
        for part in shape.findall("attribute"):
            attribute, name = part.get("name") or "", (part.text or "").strip()
            if attribute not in self.taxonomy.ids:
                self.ignored.add(attribute)
                self.notes.add(
                    f"values of {attribute!r}, which is no attribute, are left out", place
                )
            elif name not in ("", UNSTATED):
                value = self.names.find(attribute, name)
                if value is None:
                    self.notes.add(
                        f"{attribute}: value {name!r} is not in the taxonomy, left out", place
                    )
                else:
                    stated[attribute] = value
        return stated


def _corners(shape: Any) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(shape.get(k)) for k in ("xtl", "ytl", "xbr", "ybr"))
    return x0, y0, x1, y1


def _area(shape: Any) -> float:
    x0, y0, x1, y1 = _corners(shape)
    return (x1 - x0) * (y1 - y0)


def label_constructor(taxonomy: Taxonomy) -> str:
    """The labels of a CVAT project, to be pasted into its constructor ("Raw")."""
    attributes = [
        {
            "name": a.id,
            "mutable": False,
            "input_type": "select",
            "default_value": UNSTATED,
            "values": [UNSTATED, *(bilingual(v.en, v.zh) for v in shown_values(a))],
        }
        for a in taxonomy.attributes
    ]
    kinds = ((GARMENT, "rectangle"), (PICTURE, "tag"))
    labels = [{"name": n, "type": kind, "attributes": attributes} for n, kind in kinds]
    return json.dumps(labels, ensure_ascii=False, indent=1)


def annotations_xml(tasks: Iterable[LabellingTask], taxonomy: Taxonomy) -> str:
    """The predictions, or what people said, as annotations that CVAT uploads.

    CVAT holds one annotation of a picture; of several people's the first is written.
    """
    root = etree.Element("annotations")
    etree.SubElement(root, "version").text = "1.1"
    for number, task in enumerate(tasks):
        width, height = task.size
        image = etree.SubElement(
            root, "image", id=str(number), name=task.file, width=str(width), height=str(height),
            subset=task.split,
        )  # fmt: skip
        labels = task.given[0].labels if task.given else task.values
        box = task.given[0].box if task.given else task.box
        source = "manual" if task.given else "auto"
        _add_shape(
            image, (width, height), box, source, known_attributes(taxonomy, labels), taxonomy
        )
    return str(etree.tostring(root, pretty_print=True, encoding="unicode"))


def _add_shape(
    image: Any,
    size: tuple[int, int],
    box: Box | None,
    source: str,
    labels: Mapping[str, str],
    taxonomy: Taxonomy,
) -> None:
    if box is None and not labels:
        return
    shape = etree.SubElement(image, "tag", label=PICTURE, source=source)
    if box is not None:
        image.remove(shape)
        pixels = [f"{v * s:.2f}" for v, s in zip(box, size * 2, strict=True)]
        corners = dict(zip(("xtl", "ytl", "xbr", "ybr"), pixels, strict=True))
        shape = etree.SubElement(
            image, "box", label=GARMENT, source=source, occluded="0", z_order="0", **corners
        )
    for attribute in taxonomy.attributes:
        names = {v.id: bilingual(v.en, v.zh) for v in shown_values(attribute)}
        part = etree.SubElement(shape, "attribute", name=attribute.id)
        part.text = names.get(labels.get(attribute.id, ""), UNSTATED)


def without_times(text: str, source: str) -> str:
    """Return CVAT's XML without the times at which it was written."""
    root = parse_xml(text, source)
    for element in [e for e in root.iter() if e.tag in _TIMES]:
        element.getparent().remove(element)
    return str(etree.tostring(root, pretty_print=True, encoding="unicode"))
