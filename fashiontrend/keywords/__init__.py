"""Fashion-trend keywords (A10): which values rise, how sure that is, and what shows it."""

from fashiontrend.keywords.evidence import Evidence
from fashiontrend.keywords.published import (
    KeywordRecord,
    KeywordsFile,
    Provenance,
    ReleasedKeyword,
)
from fashiontrend.keywords.render import render, render_chinese
from fashiontrend.keywords.scorecard import Outcomes, read_outcomes, score_keywords, summarise
from fashiontrend.keywords.segments import ALL, Segment, find_segments, members
from fashiontrend.keywords.select import Selection, add_segment, select_keywords
from fashiontrend.keywords.write import to_csv, to_json, to_markdown, to_table

__all__ = [
    "ALL",
    "Evidence",
    "KeywordRecord",
    "KeywordsFile",
    "Outcomes",
    "Provenance",
    "ReleasedKeyword",
    "Segment",
    "Selection",
    "add_segment",
    "find_segments",
    "members",
    "read_outcomes",
    "render",
    "render_chinese",
    "score_keywords",
    "select_keywords",
    "summarise",
    "to_csv",
    "to_json",
    "to_markdown",
    "to_table",
]
