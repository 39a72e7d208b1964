"""G2: whether the trend model fits held-out days, and better than naive forecasts (A9)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fashiontrend.config import PerplexityGateConfig
from fashiontrend.gates.causes import (
    attainable,
    explain,
    find_remedy,
    is_judged,
    name_pairs,
    pair_limit,
    single_platforms,
    width_limit,
)
from fashiontrend.gates.verdict import (
    Check,
    Report,
    Verdict,
    as_list,
    as_mapping,
    at_least,
    at_most,
    check,
    close_or_open,
    number,
    text,
)

PERPLEXITY = "perplexity"
#: Reported with every verdict, whichever of them the gate is set to.
REPORTED = (
    "perplexity", "perplexity_floor", "perplexity_uniform", "normalised_perplexity", "noise_floor",
    "skill", "difference", "difference_se", "origins_effective", "coverage80",
)  # fmt: skip
#: Below so many independent origins the standard error itself is uncertain.
FEW_ORIGINS = 4


def judge_perplexity(report: Report, accuracy: Report | None, cfg: PerplexityGateConfig) -> Verdict:
    """G2: whether the trend model fits held-out days, and better than naive forecasts.

    Args:
        report: `PerplexityReport.to_dict()` of the forecaster.
        accuracy: the recogniser's report, as for `judge_accuracy`; tells its errors from the model's.
        cfg: branch `perplexity_gate`.

    Returns:
        The verdict; `per_attribute` holds for every attribute its numbers, whether it `fits` (None
        where no pair of it is judged yet), a `reason` ("" where it fits or is not judged,
        recogniser, products, regime or model) and a `remedy`.
    """
    known = [p for p in as_list(report.get("pairs")) if isinstance(p, Mapping)]
    pairs = [p for p in known if is_judged(p)]
    threshold, warnings = _threshold(report, cfg)
    worst, lifted = _check_worst(pairs, cfg)
    widths = {n: number(w) for n, w in as_mapping(report.get("interval_width")).items()}
    checks = [
        _check_mean(report, known, threshold, cfg),
        worst,
        _more_than("skill", report.get("skill"), cfg.min_skill),
        _check_difference(report, cfg),
        _check_coverage(report, cfg),
        at_least("days_used", report.get("days_used"), cfg.min_days),
        at_least("origins_used", report.get("origins_used"), cfg.min_origins),
        *_check_widths(widths, pairs, cfg),
    ]
    per_attribute = explain(known, widths, accuracy, threshold, cfg)
    return close_or_open(
        PERPLEXITY,
        checks,
        find_remedy(checks, per_attribute),
        tuple(warnings + lifted + _warn_of_overlap(report) + _warn_of_unjudged(known)),
        per_attribute,
        {**{n: number(report.get(n)) for n in REPORTED}, "threshold": threshold},
    )


def _check_mean(
    report: Report, pairs: Sequence[Report], threshold: float, cfg: PerplexityGateConfig
) -> Check:
    """The mean, strictly below the threshold; a judged pair without a number leaves no mean."""
    judged = [p for p in single_platforms(pairs) if is_judged(p)]
    # Below 1 there is no perplexity: such a number is a mistake, not a good fit.
    seen = _at_least_one(report.get(cfg.metric)) if judged else None
    unknown = [p for p in judged if number(p.get(cfg.metric)) is None]
    detail = f"mean of {len(judged)} pairs" if judged else "no pair was judged"
    if unknown:
        detail = (
            f"no finite number for {len(unknown)} of {len(judged)} pairs: {name_pairs(unknown)}"
        )
    return check(cfg.metric, seen, f"< {threshold:.4f}", lambda s: s < threshold, detail)


def _more_than(name: str, value: Any, limit: float) -> Check:
    return check(name, number(value), f"> {limit:g}", lambda s: s > limit)


def _check_coverage(report: Report, cfg: PerplexityGateConfig) -> Check:
    low, high = cfg.coverage
    covered = number(report.get("coverage80"))
    return check("coverage80", covered, f"{low:g} .. {high:g}", lambda s: low <= s <= high)


def _check_widths(
    widths: Mapping[str, float | None], pairs: Sequence[Report], cfg: PerplexityGateConfig
) -> list[Check]:
    """A series of wide intervals is easy to forecast because it measures nothing."""
    if not widths:
        return [at_most("interval_width", None, cfg.max_interval_width)]
    return [
        at_most(f"interval_width:{name}", width, round(width_limit(pairs, name, cfg), 4))
        for name, width in widths.items()
    ]


def _warn_of_overlap(report: Report) -> list[str]:
    effective = number(report.get("origins_effective"))
    if effective is None or effective >= FEW_ORIGINS:
        return []
    return [
        f"the {text(number(report.get('origins_used')))} origins overlap so far that they tell as much as "
        f"{effective:.1f} independent ones; a longer history makes the paired difference surer"
    ]


def _warn_of_unjudged(pairs: Sequence[Report]) -> list[str]:
    single = single_platforms(pairs)
    waiting = [p for p in single if not is_judged(p)]
    if not waiting:
        return []
    return [
        f"{len(waiting)} of {len(single)} pairs are not judged yet and count for nothing: {name_pairs(waiting)}; "
        "no held-out day of theirs has enough measured days before it"
    ]


def _threshold(report: Report, cfg: PerplexityGateConfig) -> tuple[float, list[str]]:
    """tau_effective = max(tau, 1 + 2 (noise floor - 1)), scaled by the floor for raw perplexity."""
    noise = attainable(report.get("noise_floor"))
    if cfg.metric == "perplexity":
        noise *= number(report.get("perplexity_floor")) or 0.0
    if noise <= cfg.threshold:
        return cfg.threshold, []
    return noise, [
        f"the noise of counting so few products sets the threshold: {noise:.4f} instead of {cfg.threshold:g}; "
        "more products a day would make the gate stricter"
    ]


def _check_worst(pairs: Sequence[Report], cfg: PerplexityGateConfig) -> tuple[Check, list[str]]:
    """The pair furthest above its limit, which is never asked for less than twice its noise."""
    held = [p for p in pairs if (number(p.get("support")) or 0.0) >= cfg.min_support]
    if not held:
        detail = f"no pair has {cfg.min_support} products"
        return Check("max_pair", None, f"<= {cfg.max_pair:g}", False, detail), []
    values = [_at_least_one(p.get("normalised_perplexity")) for p in held]
    limits = [pair_limit(p, cfg) for p in held]
    above = [math.inf if v is None else v - m for v, m in zip(values, limits, strict=True)]
    worst = max(range(len(held)), key=above.__getitem__)
    limit = limits[worst]
    detail = f"worst of {len(held)}: {held[worst].get('platform')}, {held[worst].get('attribute')}"
    lifted = sum(m > cfg.max_pair for m in limits)
    warning = (
        f"counting noise lifts the limit of {lifted} of {len(held)} pairs above {cfg.max_pair:g}, "
        f"at most to {max(limits):.4f}; more products a day would make the gate stricter"
    )
    found = check("max_pair", values[worst], f"<= {limit:.4g}", lambda s: s <= limit, detail)
    return found, [warning] if lifted else []


def _check_difference(report: Report, cfg: PerplexityGateConfig) -> Check:
    difference, error = number(report.get("difference")), number(report.get("difference_se"))
    if difference is None or error is None or error < 0:
        return Check(
            "difference",
            None,
            f"> {cfg.standard_errors:g} standard errors",
            False,
            "not a finite number",
        )
    limit = cfg.standard_errors * error
    detail = f"to {report.get('best_naive', 'naive')}, {cfg.standard_errors:g} x {error:.5f} with overlap"
    return check("difference", difference, f"> {limit:.5f}", lambda s: s > limit, detail)


def _at_least_one(value: Any) -> float | None:
    seen = number(value)
    return seen if seen is not None and seen >= 1 else None
