"""Fashion-trend keywords (A10): which values rise, how sure that is, and what shows it."""

from fashiontrend.keywords.known import Evidence
from fashiontrend.keywords.scorecard import score_keywords
from fashiontrend.keywords.select import Selection, select_keywords
from fashiontrend.keywords.write import to_csv, to_json, to_markdown, to_table

__all__ = [
    "Evidence",
    "Selection",
    "score_keywords",
    "select_keywords",
    "to_csv",
    "to_json",
    "to_markdown",
    "to_table",
]
