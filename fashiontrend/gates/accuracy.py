"""G1: whether the recogniser is accurate enough (A6)."""

from collections.abc import Mapping

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

    Returns:
        The verdict; `per_attribute` holds for every attribute its numbers and a `reason` ("",
        recogniser, or support where too few pictures judge it, which also makes its bound low).
        `futile` where nothing but pictures is missing.
    """
    judged = {
        name: {n: number(a.get(n)) for n in ("accuracy", "wilson_low", "support")}
        for name, a in as_dicts(report.get("attributes")).items()
    }
    unknown = [name for name, a in judged.items() if a["accuracy"] is None]
    mean = number(report.get("mean_accuracy")) if judged and not unknown else None
    total = check("mean_accuracy", mean, f"> {cfg.threshold:g}", lambda seen: seen > cfg.threshold)
    own = {name: _check_attribute(name, a, cfg) for name, a in judged.items()}
    none = [] if judged else [Check("attributes", 0.0, ">= 1", False, "no attribute was judged")]
    reasons = {name: _find_reason(*checks) for name, checks in own.items()}
    thin = [name for name, reason in reasons.items() if reason == "support"]
    # A mean is missing, not low, where an attribute has no picture to be judged by.
    missing = mean is None and bool(unknown) and set(unknown) <= set(thin)
    futile = bool(thin) and "recogniser" not in reasons.values() and (total.passed or missing)
    return close_or_open(
        ACCURACY,
        [total, *none, *(c for checks in own.values() for c in checks)],
        _find_remedy({name: judged[name]["support"] for name in thin}, futile, cfg),
        per_attribute={name: {**a, "reason": reasons[name]} for name, a in judged.items()},
        futile=futile,
    )


def _check_attribute(
    name: str, seen: Mapping[str, float | None], cfg: AccuracyGateConfig
) -> tuple[Check, Check]:
    """Of its floor and of its support."""
    detail = f"accuracy {text(seen['accuracy'])}"
    floor = check(
        f"floor:{name}", seen["wilson_low"], f"> {cfg.floor:g}", lambda s: s > cfg.floor, detail
    )
    return floor, at_least(f"support:{name}", seen["support"], cfg.min_support)


def _find_reason(floor: Check, support: Check) -> str:
    if not support.passed:
        return "support"
    return "" if floor.passed else "recogniser"


def _find_remedy(thin: Mapping[str, float | None], futile: bool, cfg: AccuracyGateConfig) -> str:
    """What to do about a closed gate, given the support of attributes that have too little."""
    train = "Train again, longer and from other random weights."
    if not thin:
        return train
    least = cfg.min_support
    missing = ", ".join(
        f"{name} ({text(seen)} of {least}: {least - int(seen or 0)} more)"
        for name, seen in thin.items()
    )
    annotate = (
        f"Annotate more validation pictures of {missing}: {least} are needed to judge one. Split `val` "
        "makes a picture one; where no split is named, three products in ten are validated on."
    )
    return f"{annotate} Training cannot replace them." if futile else f"{annotate} {train}"
