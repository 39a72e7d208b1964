"""The three gates: data health (G0), recognition accuracy (G1, A6), trend fit (G2, A9).

Each takes a report and a branch of the configuration and returns a verdict: the numbers seen, the
limits, and what to do. No gate raises over a report.
"""

from fashiontrend.gates.accuracy import decide_accuracy
from fashiontrend.gates.causes import REQUEST_COLUMNS, RequestRow, labelling_request
from fashiontrend.gates.health import decide_health
from fashiontrend.gates.perplexity import decide_perplexity

__all__ = [
    "REQUEST_COLUMNS",
    "RequestRow",
    "decide_accuracy",
    "decide_health",
    "decide_perplexity",
    "labelling_request",
]
