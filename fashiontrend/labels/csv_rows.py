"""Write tasks as the CSV that `annotations.read_csv` reads, for people who label in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Mapping

from fashiontrend.labels.annotations import CORNER_COLUMNS, Box
from fashiontrend.labels.tasks import LabellingTask, known_attributes
from fashiontrend.taxonomy import Taxonomy


def csv_rows(tasks: Iterable[LabellingTask], taxonomy: Taxonomy) -> str:
    """One row per picture with its predicted values to correct, or one per person who labelled it."""
    columns = (
        *(
            "picture_id",
            "platform",
            "product_id",
            "split",
            "annotator",
            "taxonomy",
            "why",
            "address",
        ),
        *taxonomy.ids,
        *CORNER_COLUMNS,
    )
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for task in tasks:
        stated = [(g.annotator, g.labels, g.box) for g in task.given]
        for annotator, labels, box in stated or [("", task.values, task.box)]:
            writer.writerow(
                _row(task, annotator, known_attributes(taxonomy, labels), box, taxonomy)
            )
    return out.getvalue()


def _row(
    task: LabellingTask,
    annotator: str,
    labels: Mapping[str, str],
    box: Box | None,
    taxonomy: Taxonomy,
) -> dict[str, object]:
    corners = (
        [] if box is None else [round(v * s, 2) for v, s in zip(box, task.size * 2, strict=True)]
    )
    return {
        "picture_id": task.picture_id,
        "platform": task.platform,
        "product_id": task.product_id,
        "split": task.split,
        "annotator": annotator,
        "taxonomy": taxonomy.version,
        "why": task.why,
        "address": task.address or task.file,
        **labels,
        **dict(zip(CORNER_COLUMNS, corners, strict=False)),
    }
