"""Write tasks and the labelling interface for Label Studio.

Values are exported by their ids, because each choice has its id as `alias`; people see both names.
"""

import json
from collections.abc import Iterable
from typing import Any

from lxml import etree

from fashiontrend.labels.annotations import Box
from fashiontrend.labels.tasks import GARMENT, LabellingTask, known_attributes, shown_values
from fashiontrend.labels.value_names import bilingual
from fashiontrend.taxonomy import Attribute, Taxonomy

#: Label Studio serves a local file below its document root at this address.
LOCAL_FILES = "/data/local-files/?d="
_IMAGE, _BOX = "image", "box"


def interface(taxonomy: Taxonomy) -> str:
    """The labelling interface: one box and one choice per attribute, in English and Chinese."""
    view = etree.Element("View")
    etree.SubElement(view, "Image", name=_IMAGE, value="$image", zoom="true", rotateControl="false")
    boxes = etree.SubElement(
        view, "RectangleLabels", name=_BOX, toName=_IMAGE, canRotate="false", maxUsages="1"
    )
    etree.SubElement(boxes, "Label", value=GARMENT)
    for attribute in taxonomy.attributes:
        _add_choices(view, attribute)
    return str(etree.tostring(view, pretty_print=True, encoding="unicode"))


def _add_choices(view: Any, attribute: Attribute) -> None:
    etree.SubElement(view, "Header", value=bilingual(attribute.en, attribute.zh), size="5")
    choices = etree.SubElement(
        view, "Choices", name=attribute.id, toName=_IMAGE, choice="single", showInline="true"
    )
    for value in shown_values(attribute):
        etree.SubElement(choices, "Choice", value=bilingual(value.en, value.zh), alias=value.id)


def tasks_json(tasks: Iterable[LabellingTask], taxonomy: Taxonomy, model: str) -> str:
    """The tasks with predictions to correct, and with what people said of them already.

    Annotators are not named: Label Studio refuses people whom its database does not know.

    Args:
        tasks: to label.
        taxonomy: whose attributes are labelled.
        model: version of what predicted, which Label Studio shows.
    """
    made = [_task(task, taxonomy, model) for task in tasks]
    return json.dumps(made, ensure_ascii=False, indent=1)


def _task(task: LabellingTask, taxonomy: Taxonomy, model: str) -> dict[str, Any]:
    results = _results(task, task.values, task.box, taxonomy)
    predicted = {"model_version": model, "score": _score(task), "result": results}
    annotations = [
        {
            "was_cancelled": False,
            "result": _results(task, given.labels, given.box, taxonomy),
        }
        for given in task.given
    ]
    return {
        "data": {
            "image": task.address or f"{LOCAL_FILES}{task.file}",
            "picture_id": task.picture_id,
            "platform": task.platform,
            "product_id": task.product_id,
            "split": task.split,
            "taxonomy": taxonomy.version,
            "why": task.why,
        },
        "predictions": [predicted] if results else [],
        "annotations": annotations,
    }


def _score(task: LabellingTask) -> float:
    """The least of a task's confidences, by which Label Studio can sort."""
    return round(min(task.confidences.values(), default=0.0), 4)


def _results(
    task: LabellingTask, labels: Any, box: Box | None, taxonomy: Taxonomy
) -> list[dict[str, Any]]:
    width, height = task.size
    sides = {"original_width": width, "original_height": height, "image_rotation": 0}
    found = []
    if box is not None:
        x0, y0, x1, y1 = (100 * float(v) for v in box)
        value = {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0, "rotation": 0}
        found.append(
            _result("box", _BOX, "rectanglelabels", {**value, "rectanglelabels": [GARMENT]}) | sides
        )
    for attribute, chosen in known_attributes(taxonomy, labels).items():
        found.append(_result(attribute, attribute, "choices", {"choices": [chosen]}))
    return found


def _result(region: str, control: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"id": region, "from_name": control, "to_name": _IMAGE, "type": kind, "value": value}


def without_timestamps(tasks: Any) -> Any:
    """Return an export without the times at which its parts were written; the tasks' own data stays whole."""
    if isinstance(tasks, list):
        return [without_timestamps(part) for part in tasks]
    if not isinstance(tasks, dict):
        return tasks
    return {
        name: part if name == "data" else without_timestamps(part)
        for name, part in tasks.items()
        if not name.endswith(("_at", "_ago"))
    }
