"""Label Studio's native JSON to ANNOTATION rows; its COCO export loses the choices per box."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from fashiontrend.errors import DataError
from fashiontrend.labels.annotations import (
    Annotated,
    Answer,
    Box,
    check_value,
    collect,
    index_pictures,
)
from fashiontrend.labels.split import TRAIN, VAL, split_of
from fashiontrend.taxonomy import NOT_VISIBLE, Taxonomy

Node = Mapping[str, Any]


def read_label_studio(text: str, source: str, taxonomy: Taxonomy, pictures: pa.Table) -> Annotated:
    """Read the JSON that Label Studio exports as "JSON".

    A task's `data` names its picture by picture_id, or by platform and product_id, and may hold
    `split`. Boxes are rectangles in per cent. A choice belongs to the attribute that its
    `from_name` names, and states a value by id, English or Chinese name, or `not_visible`. Of
    several boxes the largest is the garment; choices of other boxes are left out. Cancelled
    annotations are skipped.

    Raises:
        DataError: not such an export, or an unknown value; with the task.
    """
    tasks = _parse(text, source)
    catalogue = index_pictures(pictures)
    answers: list[Answer] = []
    missing: list[str] = []
    ignored: set[str] = set()
    for number, task in enumerate(tasks):
        data = task.get("data") or {}
        key = f"{data.get('platform', '')}/{data.get('product_id', '')}"
        picture = catalogue.find(str(data.get("picture_id") or ""), key)
        if picture is None:
            missing.append(str(data.get("picture_id") or key))
            continue
        key = f"{picture['platform']}/{picture['product_id']}"
        split = data.get("split") if data.get("split") in (TRAIN, VAL) else split_of(key)
        place = f"{source}: task {task.get('id', number)}"
        for results in _annotations(task):
            box, region = _largest_box(results)
            labels = dict(_choices(results, region, taxonomy, place, ignored))
            answers.append(Answer(picture["picture_id"], key, str(split), labels, box))
    table, disagreements = collect(answers)
    return Annotated(table, tuple(dict.fromkeys(missing)), tuple(sorted(ignored)), disagreements)


def _parse(text: str, source: str) -> list[Node]:
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


def _annotations(task: Node) -> Iterator[list[Node]]:
    for annotation in task["annotations"]:
        if not annotation.get("was_cancelled"):
            yield annotation.get("result") or []


def _largest_box(results: list[Node]) -> tuple[Box | None, str | None]:
    """The largest rectangle as fractions, and the id of its region."""
    found = [
        (r["value"]["width"] * r["value"]["height"], str(r["id"]), r["value"])
        for r in results
        if r.get("type") in ("rectanglelabels", "rectangle")
    ]
    if not found:
        return None, None
    _, region, value = max(found, key=lambda f: f[:2])
    x, y, width, height = (float(value[k]) / 100 for k in ("x", "y", "width", "height"))
    return [min(max(v, 0.0), 1.0) for v in (x, y, x + width, y + height)], region


def _choices(
    results: list[Node], region: str | None, taxonomy: Taxonomy, place: str, ignored: set[str]
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
