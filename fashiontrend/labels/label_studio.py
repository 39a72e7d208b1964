"""Read Label Studio's JSON export as ANNOTATION rows; its COCO export loses choices per box."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import pyarrow as pa

from fashiontrend.errors import DataError
from fashiontrend.labels.annotations import (
    Annotation,
    Box,
    ReadAnnotations,
    check_value,
    index_pictures,
    make_annotation,
    merge_annotations,
)
from fashiontrend.labels.split import TRAIN, VAL
from fashiontrend.taxonomy import NOT_VISIBLE, Taxonomy

#: An object of the export: a task, an annotation or a result of one.
LabelStudioNode: TypeAlias = Mapping[str, Any]


def read_label_studio(
    text: str, source: str, taxonomy: Taxonomy, pictures: pa.Table
) -> ReadAnnotations:
    """Read the JSON that Label Studio exports as "JSON".

    A task's `data` names its picture by picture_id, or by platform and product_id, and may hold
    `split`. Boxes are rectangles in per cent. A choice belongs to the attribute that its
    `from_name` names, and states a value by id, English or Chinese name, or `not_visible`. If
    there are several boxes, the largest is the garment, and choices of the others are left out.
    Cancelled annotations are skipped.

    Raises:
        DataError: the text is no such export, or a value is unknown; the message names the task.
    """
    tasks = _parse(text, source)
    index = index_pictures(pictures)
    found: list[Annotation] = []
    missing: list[str] = []
    ignored: set[str] = set()
    for number, task in enumerate(tasks):
        data = task.get("data") or {}
        key = f"{data.get('platform', '')}/{data.get('product_id', '')}"
        picture = index.find(str(data.get("picture_id") or ""), key)
        if picture is None:
            missing.append(str(data.get("picture_id") or key))
            continue
        split = str(data["split"]) if data.get("split") in (TRAIN, VAL) else ""
        place = f"{source}: task {task.get('id', number)}"
        for results in _annotations(task):
            box, region = _largest_box(results)
            labels = dict(_choices(results, region, taxonomy, place, ignored))
            found.append(make_annotation(picture, split, labels, box))
    table, disagreements = merge_annotations(found)
    return ReadAnnotations(
        table, tuple(dict.fromkeys(missing)), tuple(sorted(ignored)), disagreements
    )


def _parse(text: str, source: str) -> list[LabelStudioNode]:
    try:
        tasks = json.loads(text)
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


def _annotations(task: LabelStudioNode) -> Iterator[list[LabelStudioNode]]:
    for annotation in task["annotations"]:
        if not annotation.get("was_cancelled"):
            yield annotation.get("result") or []


def _largest_box(results: list[LabelStudioNode]) -> tuple[Box | None, str | None]:
    """Return the largest rectangle as fractions of the picture, and the id of its region."""
    rectangles = [
        (r["value"]["width"] * r["value"]["height"], str(r["id"]), r["value"])
        for r in results
        if r.get("type") in ("rectanglelabels", "rectangle")
    ]
    if not rectangles:
        return None, None
    _, region, value = max(rectangles, key=lambda rectangle: rectangle[:2])
    x, y, width, height = (float(value[k]) / 100 for k in ("x", "y", "width", "height"))
    return [min(max(v, 0.0), 1.0) for v in (x, y, x + width, y + height)], region


def _choices(
    results: list[LabelStudioNode],
    region: str | None,
    taxonomy: Taxonomy,
    place: str,
    ignored: set[str],
) -> Iterator[tuple[str, str]]:
    regions = {str(r["id"]) for r in results if r.get("type") in ("rectanglelabels", "rectangle")}
    for result in results:
        if result.get("type") != "choices" or (str(result.get("id")) in regions - {region}):
            continue
        attribute = str(result["from_name"])
        chosen = result["value"].get("choices") or []
        if attribute not in taxonomy.ids:
            ignored.add(attribute)
        elif len(chosen) > 1:
            raise DataError(
                f"{place}: {attribute!r} has {len(chosen)} choices ({', '.join(chosen)}); a "
                "garment has one value "
                'per attribute. Set choice="single" in the interface and correct the task.'
            )
        elif chosen:
            yield attribute, _value_id(taxonomy, attribute, str(chosen[0]), place)


def _value_id(taxonomy: Taxonomy, attribute: str, choice: str, place: str) -> str:
    for value in taxonomy.attribute(attribute).values:
        if choice in (value.id, value.en, value.zh):
            return value.id
    if choice.casefold().replace(" ", "_") == NOT_VISIBLE or choice == "看不出":
        return NOT_VISIBLE
    check_value(taxonomy, attribute, choice, f"{place}, choice of {attribute!r}")
    return choice
