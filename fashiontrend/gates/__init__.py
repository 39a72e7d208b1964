"""The three gates: data health (G0), recognition accuracy (G1, A6), trend fit (G2, A9).

Each takes a report as a plain dict and a branch of the configuration and returns a verdict: the
numbers seen, the limits, and what to do. No gate raises over a report.
"""

from fashiontrend.gates.accuracy import judge_accuracy
from fashiontrend.gates.causes import REQUEST_COLUMNS, labelling_request
from fashiontrend.gates.health import judge_health
from fashiontrend.gates.perplexity import judge_perplexity
from fashiontrend.gates.verdict import Check, Verdict

__all__ = [
    "REQUEST_COLUMNS",
    "Check",
    "Verdict",
    "judge_accuracy",
    "judge_health",
    "judge_perplexity",
    "labelling_request",
]
