"""G1: whether the recogniser is accurate enough (A6)."""

from collections.abc import Mapping

from fashiontrend.config import AccuracyGateConfig
from fashiontrend.gates.checks import at_least, make_verdict, more_than, number, text
from fashiontrend.outcomes import AccuracyFinding, AttributeReport, Check, EvalReport, Verdict
from fashiontrend.outcomes.verdict import ACCURACY


def decide_accuracy(report: EvalReport, cfg: AccuracyGateConfig) -> Verdict:
    """G1: whether the recogniser is accurate enough.

    Args:
        report: the recogniser's evaluation.
        cfg: branch `accuracy_gate`.

    Returns:
        The verdict, with a finding for every attribute. Too few pictures also make an attribute's
        bound low, so that `support` is then the reason. The verdict is `futile` if nothing but
        pictures is missing.
    """
    known = report.attributes
    unknown = [name for name, a in known.items() if number(a.accuracy) is None]
    mean = number(report.mean_accuracy) if known and not unknown else None
    total = more_than("mean_accuracy", mean, cfg.threshold)
    own = {name: _check_attribute(name, a, cfg) for name, a in known.items()}
    none = [] if known else [Check("attributes", 0.0, ">= 1", False, "no attribute was evaluated")]
    reasons = {name: _find_reason(*checks) for name, checks in own.items()}
    thin = [name for name, reason in reasons.items() if reason == "support"]
    # A mean is missing, not low, if an attribute has no picture to be evaluated on.
    missing = mean is None and bool(unknown) and set(unknown) <= set(thin)
    futile = bool(thin) and "recogniser" not in reasons.values() and (total.passed or missing)
    return make_verdict(
        ACCURACY,
        [total, *none, *(c for checks in own.values() for c in checks)],
        _find_remedy({name: known[name].support for name in thin}, futile, cfg),
        per_attribute={name: _finding(a, reasons[name]) for name, a in known.items()},
        futile=futile,
    )


def _finding(seen: AttributeReport, reason: str) -> AccuracyFinding:
    return AccuracyFinding(
        number(seen.accuracy), number(seen.wilson_low), float(seen.support), reason
    )


def _check_attribute(
    name: str, seen: AttributeReport, cfg: AccuracyGateConfig
) -> tuple[Check, Check]:
    """The checks of its lower bound and of its support."""
    detail = f"accuracy {text(number(seen.accuracy))}"
    floor = more_than(f"floor:{name}", seen.wilson_low, cfg.floor, detail)
    return floor, at_least(f"support:{name}", seen.support, cfg.min_support)


def _find_reason(floor: Check, support: Check) -> str:
    if not support.passed:
        return "support"
    return "" if floor.passed else "recogniser"


def _find_remedy(thin: Mapping[str, int], futile: bool, cfg: AccuracyGateConfig) -> str:
    """What to do about a closed gate, given the support of attributes that have too little."""
    train = "Train again, longer and from other random weights."
    if not thin:
        return train
    least = cfg.min_support
    missing = ", ".join(
        f"{name} ({seen} of {least}: {least - seen} more)" for name, seen in thin.items()
    )
    annotate = (
        f"Annotate more validation pictures of {missing}: each attribute needs {least}. A picture is one of them "
        "if its `split` is `val`; if no split is named, three products in ten are taken for validation."
    )
    return f"{annotate} Training cannot replace them." if futile else f"{annotate} {train}"
