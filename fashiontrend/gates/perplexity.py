"""G2: whether the trend model fits held-out days, and better than naive forecasts (A9)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fashiontrend.config import PerplexityGateConfig
from fashiontrend.gates.causes import explain, find_remedy, width_limit
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
)

PERPLEXITY = "perplexity"


def judge_perplexity(report: Report, accuracy: Report | None, cfg: PerplexityGateConfig) -> Verdict:
    """G2: whether the trend model fits held-out days, and better than naive forecasts.

    Args:
        report: `PerplexityReport.to_dict()` of the forecaster.
        accuracy: the recogniser's report, as for `judge_accuracy`; tells its errors from the model's.
        cfg: branch `perplexity_gate`.

    Returns:
        The verdict; `per_attribute` holds for every attribute its numbers, a `reason`
        ("", recogniser, products, regime or model) and a `remedy`.
    """
    pairs = [p for p in as_list(report.get("pairs")) if isinstance(p, Mapping)]
    threshold, warnings = _threshold(report, cfg)
    # Below 1 there is no perplexity: such a number is a mistake, not a good fit.
    seen = _at_least_one(report.get(cfg.metric)) if pairs else None
    checks = [check(cfg.metric, seen, f"< {threshold:.4f}", lambda s: s < threshold)]
    checks.append(_check_worst(pairs, cfg))
    checks.append(
        check(
            "skill",
            number(report.get("skill")),
            f"> {cfg.min_skill:g}",
            lambda s: s > cfg.min_skill,
        )
    )
    checks.append(_check_difference(report, cfg))
    low, high = cfg.coverage
    covered = number(report.get("coverage80"))
    checks.append(check("coverage80", covered, f"{low:g} .. {high:g}", lambda s: low <= s <= high))
    checks.append(at_least("days_used", report.get("days_used"), cfg.min_days))
    checks.append(at_least("origins_used", report.get("origins_used"), cfg.min_origins))
    widths = {n: number(w) for n, w in as_mapping(report.get("interval_width")).items()}
    if not widths:
        checks.append(at_most("interval_width", None, cfg.max_interval_width))
    for name, width in widths.items():
        limit = width_limit(pairs, name, cfg)
        checks.append(at_most(f"interval_width:{name}", width, round(limit, 4)))
    per_attribute = explain(pairs, widths, accuracy, cfg)
    return close_or_open(
        PERPLEXITY, checks, find_remedy(checks, per_attribute), tuple(warnings), per_attribute
    )


def _threshold(report: Report, cfg: PerplexityGateConfig) -> tuple[float, list[str]]:
    """tau_effective = max(tau, 1 + 2 (noise floor - 1)), scaled by the floor for raw perplexity."""
    floor = number(report.get("noise_floor"))
    noise = 1 + 2 * (floor - 1) if floor is not None else 0.0
    if cfg.metric == "perplexity":
        noise *= number(report.get("perplexity_floor")) or 0.0
    if noise <= cfg.threshold:
        return cfg.threshold, []
    return noise, [
        f"the noise of counting so few products sets the threshold: {noise:.4f} instead of {cfg.threshold:g}; "
        "more products a day would make the gate stricter"
    ]


def _check_worst(pairs: Sequence[Report], cfg: PerplexityGateConfig) -> Check:
    held = [p for p in pairs if (number(p.get("support")) or 0.0) >= cfg.min_support]
    limit = f"<= {cfg.max_pair:g}"
    if not held:
        return Check("max_pair", None, limit, False, f"no pair has {cfg.min_support} products")
    values = [_at_least_one(p.get("normalised_perplexity")) for p in held]
    worst = max(
        range(len(held)), key=lambda i: math.inf if values[i] is None else float(values[i] or 0.0)
    )
    detail = f"worst of {len(held)}: {held[worst].get('platform')}, {held[worst].get('attribute')}"
    return check("max_pair", values[worst], limit, lambda s: s <= cfg.max_pair, detail)


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
    detail = f"to {report.get('best_naive', 'naive')}, {cfg.standard_errors:g} x {error:.5f} over origins"
    return check("difference", difference, f"> {limit:.5f}", lambda s: s > limit, detail)


def _at_least_one(value: Any) -> float | None:
    seen = number(value)
    return seen if seen is not None and seen >= 1 else None
