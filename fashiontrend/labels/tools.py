"""Which labelling tool wrote a file, and the reader of its format."""

import json

import pyarrow as pa

from fashiontrend.labels import coco, cvat, label_studio, label_studio_tasks
from fashiontrend.labels.annotations import ReadAnnotations, read_csv
from fashiontrend.labels.tasks import Tool
from fashiontrend.taxonomy import Taxonomy

_READERS = {
    Tool.LABEL_STUDIO: label_studio.read_label_studio,
    Tool.CVAT: cvat.read_cvat,
    Tool.COCO: coco.read_coco,
    Tool.CSV: read_csv,
}


def tool_of(text: str) -> Tool:
    """The tool whose format a text has, by its first letters."""
    start = text.removeprefix("\ufeff").lstrip()
    if start.startswith("<"):
        return Tool.CVAT
    if start.startswith("["):
        return Tool.LABEL_STUDIO
    if start.startswith("{"):
        return Tool.COCO if '"annotations"' in start else Tool.LABEL_STUDIO
    return Tool.CSV


def read(text: str, source: str, taxonomy: Taxonomy, pictures: pa.Table) -> ReadAnnotations:
    """Read the annotations of a file, whose format its content shows.

    Raises:
        DataError: the file is of no known format, or holds what cannot be read.
    """
    return _READERS[tool_of(text)](text, source, taxonomy, pictures)


def lasting(text: str, source: str) -> str:
    """Return a tool's file without timestamps: what is kept of it, and exported again."""
    tool = tool_of(text)
    if tool is Tool.CVAT:
        return cvat.without_times(text, source)
    if tool is Tool.CSV:
        return text.removeprefix("\ufeff")
    document = json.loads(text.removeprefix("\ufeff"))
    strip = coco.without_times if tool is Tool.COCO else label_studio_tasks.without_timestamps
    return json.dumps(strip(document), ensure_ascii=False, indent=1)
