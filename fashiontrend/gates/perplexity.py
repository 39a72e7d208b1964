"""G2: whether the trend model fits held-out days, and better than naive forecasts (A9)."""

import math
from collections.abc import Mapping, Sequence

from fashiontrend.config import PerplexityGateConfig
from fashiontrend.gates.causes import (
    attainable,
    explain,
    find_remedy,
    metric_of,
    name_pairs,
    pair_limit,
    width_limit,
)
from fashiontrend.gates.checks import (
    at_least,
    at_most,
    between,
    check,
    make_verdict,
    more_than,
    number,
)
from fashiontrend.outcomes import Check, EvalReport, PairReport, TrendReport, Verdict
from fashiontrend.outcomes.verdict import PERPLEXITY

#: Below so many independent origins the standard error itself is uncertain.
FEW_ORIGINS = 4


def decide_perplexity(
    report: TrendReport, accuracy: EvalReport | None, cfg: PerplexityGateConfig
) -> Verdict:
    """G2: whether the trend model fits held-out days, and better than naive forecasts.

    Args:
        report: the forecaster's backtest.
        accuracy: the recogniser's evaluation, which separates its errors from the forecaster's.
        cfg: branch `perplexity_gate`.

    Returns:
        The verdict, with a finding for every attribute.
    """
    pairs = [p for p in report.pairs if p.is_tested]
    threshold, warnings = _threshold(report, cfg)
    furthest, lifted = _check_furthest(pairs, cfg)
    widths = {name: number(w) for name, w in report.interval_width.items()}
    checks = [
        _check_mean(report, threshold, cfg),
        furthest,
        more_than("skill", report.skill, cfg.min_skill),
        _check_difference(report, cfg),
        between("coverage80", report.coverage80, *cfg.coverage),
        at_least("days_used", report.days_used, cfg.min_days),
        at_least("origins_used", report.origins_used, cfg.min_origins),
        *_check_widths(widths, pairs, cfg),
    ]
    per_attribute = explain(report, widths, accuracy, threshold, cfg)
    return make_verdict(
        PERPLEXITY,
        checks,
        find_remedy(checks, per_attribute),
        tuple(warnings + lifted + _warn_of_overlap(report) + _warn_of_untested(report)),
        per_attribute,
        {**_reported(report), "threshold": threshold},
    )


def _reported(report: TrendReport) -> dict[str, float | None]:
    """The numbers that stand in every verdict, whichever of them the gate is set to."""
    return {
        "perplexity": number(report.perplexity),
        "perplexity_floor": number(report.perplexity_floor),
        "perplexity_uniform": number(report.perplexity_uniform),
        "normalised_perplexity": number(report.normalised_perplexity),
        "noise_floor": number(report.noise_floor),
        "skill": number(report.skill),
        "difference": number(report.difference),
        "difference_se": number(report.difference_se),
        "origins_effective": number(report.origins_effective),
        "coverage80": number(report.coverage80),
    }


def _check_mean(report: TrendReport, threshold: float, cfg: PerplexityGateConfig) -> Check:
    """The mean, strictly below the threshold; a tested pair without a number leaves no mean."""
    tested = [p for p in report.single_platforms if p.is_tested]
    # Below 1 there is no perplexity: such a number is a mistake, not a good fit.
    seen = _at_least_one(metric_of(report, cfg)) if tested else None
    unknown = [p for p in tested if number(metric_of(p, cfg)) is None]
    detail = f"mean of {len(tested)} pairs" if tested else "no pair was tested"
    if unknown:
        detail = (
            f"no finite number for {len(unknown)} of {len(tested)} pairs: {name_pairs(unknown)}"
        )
    return check(cfg.metric, seen, f"< {threshold:.4f}", lambda s: s < threshold, detail)


def _check_widths(
    widths: Mapping[str, float | None], pairs: Sequence[PairReport], cfg: PerplexityGateConfig
) -> list[Check]:
    """A series of wide intervals is easy to forecast because it measures nothing."""
    if not widths:
        return [at_most("interval_width", None, cfg.max_interval_width)]
    return [
        at_most(f"interval_width:{name}", width, round(width_limit(pairs, name, cfg), 4))
        for name, width in widths.items()
    ]


def _warn_of_overlap(report: TrendReport) -> list[str]:
    effective = number(report.origins_effective)
    if effective is None or effective >= FEW_ORIGINS:
        return []
    return [
        f"the {report.origins_used} origins overlap so far that they are worth {effective:.1f} independent ones; "
        "a longer history makes the paired difference more certain"
    ]


def _warn_of_untested(report: TrendReport) -> list[str]:
    single = report.single_platforms
    waiting = [p for p in single if not p.is_tested]
    if not waiting:
        return []
    return [
        f"{len(waiting)} of {len(single)} pairs are not tested yet and count for nothing: {name_pairs(waiting)}; "
        "no held-out day of theirs has enough measured days before it"
    ]


def _threshold(report: TrendReport, cfg: PerplexityGateConfig) -> tuple[float, list[str]]:
    """tau_effective = max(tau, 1 + 2 (noise floor - 1)), scaled by the floor for raw perplexity."""
    noise = attainable(report.noise_floor)
    if cfg.metric == "perplexity":
        noise *= number(report.perplexity_floor) or 0.0
    if noise <= cfg.threshold:
        return cfg.threshold, []
    return noise, [
        f"the noise of counting so few products sets the threshold: {noise:.4f} instead of {cfg.threshold:g}; "
        "more products a day would make the gate stricter"
    ]


def _check_furthest(
    pairs: Sequence[PairReport], cfg: PerplexityGateConfig
) -> tuple[Check, list[str]]:
    """The pair furthest above its limit; the limit is never below twice its noise."""
    held = [p for p in pairs if (number(p.support) or 0.0) >= cfg.min_support]
    if not held:
        detail = f"no pair has {cfg.min_support} products"
        return Check("max_pair", None, f"<= {cfg.max_pair:g}", False, detail), []
    values = [_at_least_one(p.normalised_perplexity) for p in held]
    limits = [pair_limit(p, cfg) for p in held]
    above = [math.inf if v is None else v - m for v, m in zip(values, limits, strict=True)]
    furthest = max(range(len(held)), key=above.__getitem__)
    limit, pair = limits[furthest], held[furthest]
    detail = f"highest of {len(held)} pairs: {pair.platform}, {pair.attribute}"
    lifted = sum(m > cfg.max_pair for m in limits)
    warning = (
        f"counting noise lifts the limit of {lifted} of {len(held)} pairs above {cfg.max_pair:g}, "
        f"at most to {max(limits):.4f}; more products a day would make the gate stricter"
    )
    found = check("max_pair", values[furthest], f"<= {limit:.4g}", lambda s: s <= limit, detail)
    return found, [warning] if lifted else []


def _check_difference(report: TrendReport, cfg: PerplexityGateConfig) -> Check:
    difference, error = number(report.difference), number(report.difference_se)
    if difference is None or error is None or error < 0:
        limit_text = f"> {cfg.standard_errors:g} standard errors"
        return Check("difference", None, limit_text, False, "not a finite number")
    limit = cfg.standard_errors * error
    naive = report.best_naive or "naive"
    detail = f"to {naive}, {cfg.standard_errors:g} x {error:.5f}, overlap of origins counted"
    return check("difference", difference, f"> {limit:.5f}", lambda s: s > limit, detail)


def _at_least_one(value: float) -> float | None:
    seen = number(value)
    return seen if seen is not None and seen >= 1 else None
