"""The reports of a run and of a recogniser: HTML files that need nothing else, and terminal lines."""

from fashiontrend.report.evaluation import EvaluationInput, build_evaluation
from fashiontrend.report.exhibits import Exhibit
from fashiontrend.report.page import ReportInput, build_html, needed_pictures
from fashiontrend.report.scorecard import check_directions, share_errors, true_shares
from fashiontrend.report.text import (
    failure_lines,
    label_lines,
    score_lines,
    step_line,
    summary_lines,
    text_lines,
)

__all__ = [
    "EvaluationInput",
    "Exhibit",
    "ReportInput",
    "build_evaluation",
    "build_html",
    "check_directions",
    "failure_lines",
    "label_lines",
    "needed_pictures",
    "score_lines",
    "share_errors",
    "step_line",
    "summary_lines",
    "text_lines",
    "true_shares",
]
