"""The report that ends every run: one HTML file that needs nothing else, and terminal lines."""

from fashiontrend.report.page import ReportInput, build_html, needed_pictures
from fashiontrend.report.scorecard import judge_directions, share_errors, true_shares
from fashiontrend.report.text import score_lines, step_line, summary_lines

__all__ = [
    "ReportInput",
    "build_html",
    "judge_directions",
    "needed_pictures",
    "score_lines",
    "share_errors",
    "step_line",
    "summary_lines",
    "true_shares",
]
