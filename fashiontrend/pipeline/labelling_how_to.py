"""What stands beside an export: how to label it with each tool, and how to import what was labelled."""

from collections.abc import Mapping

from fashiontrend.labels.tasks import Tool

_END = """
Label what you see: one garment a picture, and at most one value of each attribute. Choose "Not visible" if the
garment may have the attribute and the picture does not show it. Leave an attribute open if you cannot decide.
Pictures below pictures/val evaluate the recogniser. No value is filled in on them unless that was asked for.

Then:
  fashiontrend labels import {file} --set NAME
and add NAME to labels.imported_sets in the configuration.
"""

#: The text for each tool.
TEXTS: Mapping[Tool, str] = {
    Tool.LABEL_STUDIO: """Label Studio
1. Start it so that it may read this folder. If the folder is /data/labelling:
     LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT=/data/labelling label-studio
2. Create a project, and paste interface.xml into Settings > Labeling Interface > Code.
3. Add /data/labelling/pictures under Settings > Cloud Storage > Local files. Do not synchronise it.
4. Import tasks.json, label, and export as "JSON".
"""
    + _END.format(file="export.json"),
    Tool.CVAT: """CVAT
1. Create a project, and paste labels.json into its constructor, "Raw".
2. Create a task with the folder "pictures" as one zip file, so that the names keep their folders.
3. Upload annotations.xml as "CVAT 1.1", label, and export as "CVAT for images 1.1".
"""
    + _END.format(file="annotations.xml"),
    Tool.COCO: """COCO
COCO holds boxes and no values: what comes back are boxes alone, unless the tool adds `attributes` to each box.
1. Import annotations.json and the folder "pictures" into your tool, and correct the boxes.
2. Export as COCO.
"""
    + _END.format(file="annotations.json"),
    Tool.CSV: """A spreadsheet
1. Open labels.csv. Import it with the columns picture_id and product_id as text, so that ids keep their zeros.
2. Correct the values, which are ids of the taxonomy (English and Chinese names are read too). x0, y0, x1, y1 are
   the garment's box in pixels. Put your name into the column annotator.
3. Save as CSV.
"""
    + _END.format(file="labels.csv"),
}
