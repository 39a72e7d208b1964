"""G1: whether the recogniser is accurate enough (A6)."""

from typing import Any

from fashiontrend.config import AccuracyGateConfig
from fashiontrend.gates.verdict import (
    Check,
    Report,
    Verdict,
    as_dicts,
    at_least,
    check,
    close_or_open,
    number,
    text,
)

ACCURACY = "accuracy"


def judge_accuracy(report: Report, cfg: AccuracyGateConfig) -> Verdict:
    """G1: whether the recogniser is accurate enough.

    Args:
        report: `mean_accuracy`, and `attributes`: attribute -> accuracy, wilson_low, support, ...
        cfg: branch `accuracy_gate`.
    """
    attributes = as_dicts(report.get("attributes"))
    judged = {
        name: (number(a.get("accuracy")), number(a.get("wilson_low")), number(a.get("support")))
        for name, a in attributes.items()
    }
    known = [a for a, _, _ in judged.values() if a is not None]
    claimed = number(report.get("mean_accuracy"))
    mean = claimed if known and len(known) == len(judged) else None
    checks = [
        check("mean_accuracy", mean, f"> {cfg.threshold:g}", lambda seen: seen > cfg.threshold)
    ]
    if not judged:
        checks.append(Check("attributes", 0.0, ">= 1", False, "no attribute was judged"))
    per_attribute: dict[str, dict[str, Any]] = {}
    for name, (accuracy, low, support) in judged.items():
        own = [
            check(
                f"floor:{name}",
                low,
                f"> {cfg.floor:g}",
                lambda seen: seen > cfg.floor,
                f"accuracy {text(accuracy)}",
            ),
            at_least(f"support:{name}", support, cfg.min_support),
        ]
        checks += own
        failed = [c for c in own if not c.passed]
        reason = (
            ""
            if not failed
            else ("recogniser" if failed[0].name.startswith("floor") else "support")
        )
        per_attribute[name] = {
            "accuracy": accuracy,
            "wilson_low": low,
            "support": support,
            "reason": reason,
        }
    thin = [n for n, a in per_attribute.items() if a["reason"] == "support"]
    remedy = "Train again, longer and from other random weights."
    if thin:
        remedy = f"Annotate more validation pictures of {', '.join(thin)}: {cfg.min_support} are needed to judge one."
    return close_or_open(ACCURACY, checks, remedy, per_attribute=per_attribute)
