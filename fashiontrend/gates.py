"""The three gates: data health (G0), recognition accuracy (G1, A6), trend fit (G2, A9).

Each takes a report as a plain dict and a branch of the configuration and returns a verdict: the
numbers seen, the limits, and what to do. A number that is missing or not finite closes a gate
with a reason; no gate raises over a report.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from numbers import Real
from statistics import median
from typing import Any

from fashiontrend.config import AccuracyGateConfig, HealthConfig, PerplexityGateConfig

Report = Mapping[str, Any]

HEALTH, ACCURACY, PERPLEXITY = "data_health", "accuracy", "perplexity"
POOLED = "*"
#: Persistence failing this much more than before (in divergence) is a change of regime.
_REGIME = 3.0
#: Above this part of what a forecaster that is merely lucky would have, it is the products.
_NOISE_PART = 0.5


@dataclass(frozen=True)
class Check:
    """One condition of a gate: what was seen, the limit in words, and whether it holds."""

    name: str
    seen: float | None  # None where the number is missing or not finite
    limit: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True)
class Verdict:
    """The answer of a gate."""

    gate: str
    passed: bool
    checks: tuple[Check, ...]
    reasons: tuple[str, ...] = ()  # why it is closed; empty when open
    remedy: str = ""  # what to do; empty when open
    warnings: tuple[str, ...] = ()
    per_attribute: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        plain = asdict(self)
        for name in ("checks", "reasons", "warnings"):
            plain[name] = list(plain[name])
        return plain

    @classmethod
    def from_dict(cls, data: Report) -> "Verdict":
        """What `to_dict` gave."""
        checks = tuple(Check(**c) for c in data["checks"])
        texts = {n: tuple(data[n]) for n in ("reasons", "warnings")}
        return cls(**{**data, **texts, "checks": checks})


def judge_health(facts: Report, trailing_products: Sequence[int], cfg: HealthConfig) -> Verdict:
    """G0: whether a platform's day is whole enough to count.

    Args:
        facts: products (count), and fractions image_success, field_coverage, blocked, duplicates.
        trailing_products: products of the good days before, newest last; without any, only
            an empty day fails by its number of products.
        cfg: branch `health`.
    """
    products = _number(facts.get("products"))
    checks = [_check("products", products, "> 0", lambda seen: seen > 0)]
    trail = [n for n in trailing_products[-cfg.trailing_days :] if n > 0]
    if trail:
        ratio = products / median(trail) if products is not None else None
        low, high = cfg.min_products_ratio, cfg.max_products_ratio
        detail = f"{_text(products)} products, trailing median {median(trail):g}"
        band = f"{low:g} .. {high:g}"
        checks.append(
            _check("products_ratio", ratio, band, lambda seen: low <= seen <= high, detail)
        )
    least = {"image_success": cfg.min_image_success, "field_coverage": cfg.min_field_coverage}
    most = {"blocked": cfg.max_blocked, "duplicates": cfg.max_duplicates}
    checks += [_at_least(n, facts.get(n), limit) for n, limit in least.items()]
    checks += [_at_most(n, facts.get(n), limit) for n, limit in most.items()]
    remedy = "The day is withheld from the series. Look at the platform's crawl; do not relabel."
    return _verdict(HEALTH, checks, remedy)


def judge_accuracy(report: Report, cfg: AccuracyGateConfig) -> Verdict:
    """G1: whether the recogniser is accurate enough.

    Args:
        report: `mean_accuracy`, and `attributes`: attribute -> accuracy, wilson_low, support, ...
        cfg: branch `accuracy_gate`.
    """
    attributes = _dicts(report.get("attributes"))
    judged = {
        name: (_number(a.get("accuracy")), _number(a.get("wilson_low")), _number(a.get("support")))
        for name, a in attributes.items()
    }
    known = [a for a, _, _ in judged.values() if a is not None]
    claimed = _number(report.get("mean_accuracy"))
    mean = claimed if known and len(known) == len(judged) else None
    checks = [
        _check("mean_accuracy", mean, f"> {cfg.threshold:g}", lambda seen: seen > cfg.threshold)
    ]
    if not judged:
        checks.append(Check("attributes", 0.0, ">= 1", False, "no attribute was judged"))
    per_attribute: dict[str, dict[str, Any]] = {}
    for name, (accuracy, low, support) in judged.items():
        own = [
            _check(
                f"floor:{name}",
                low,
                f"> {cfg.floor:g}",
                lambda seen: seen > cfg.floor,
                f"accuracy {_text(accuracy)}",
            ),
            _at_least(f"support:{name}", support, cfg.min_support),
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
    return _verdict(ACCURACY, checks, remedy, per_attribute=per_attribute)


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
    pairs = [p for p in report.get("pairs") or [] if isinstance(p, Mapping)]
    threshold, warnings = _threshold(report, cfg)
    seen = _number(report.get(cfg.metric)) if pairs else None
    checks = [_check(cfg.metric, seen, f"< {threshold:.4f}", lambda s: s < threshold)]
    checks.append(_check_worst(pairs, cfg))
    checks.append(
        _check(
            "skill",
            _number(report.get("skill")),
            f"> {cfg.min_skill:g}",
            lambda s: s > cfg.min_skill,
        )
    )
    checks.append(_check_difference(report, cfg))
    low, high = cfg.coverage
    covered = _number(report.get("coverage80"))
    checks.append(_check("coverage80", covered, f"{low:g} .. {high:g}", lambda s: low <= s <= high))
    checks.append(_at_least("days_used", report.get("days_used"), cfg.min_days))
    checks.append(_at_least("origins_used", report.get("origins_used"), cfg.min_origins))
    widths = {n: _number(w) for n, w in (report.get("interval_width") or {}).items()}
    if not widths:
        checks.append(_at_most("interval_width", None, cfg.max_interval_width))
    for name, width in widths.items():
        limit = _width_limit(pairs, name, cfg)
        checks.append(_at_most(f"interval_width:{name}", width, round(limit, 4)))
    per_attribute = _explain(pairs, widths, accuracy, cfg)
    return _verdict(
        PERPLEXITY, checks, _remedy(checks, per_attribute), tuple(warnings), per_attribute
    )


def labelling_request(verdict: Verdict) -> list[dict[str, Any]]:
    """What people should label next: attributes by their part of the divergence, worst first.

    Attributes whose reason is the recogniser come first; a change of regime, too few products or
    a weak model are not mended by labels and are listed after them.
    """
    rows = [
        {"attribute": name, **a} for name, a in verdict.per_attribute.items() if a.get("reason")
    ]
    ordered = sorted(
        rows,
        key=lambda r: (
            r["reason"] != "recogniser",
            -(r.get("contribution") or 0.0),
            r["attribute"],
        ),
    )
    return [{"rank": i + 1, **row} for i, row in enumerate(ordered)]


def _threshold(report: Report, cfg: PerplexityGateConfig) -> tuple[float, list[str]]:
    """tau_effective = max(tau, 1 + 2 (noise floor - 1)), scaled by the floor for raw perplexity."""
    floor = _number(report.get("noise_floor"))
    noise = 1 + 2 * (floor - 1) if floor is not None else 0.0
    if cfg.metric == "perplexity":
        noise *= _number(report.get("perplexity_floor")) or 0.0
    if noise <= cfg.threshold:
        return cfg.threshold, []
    return noise, [
        f"the noise of counting so few products sets the threshold: {noise:.4f} instead of {cfg.threshold:g}; "
        "more products a day would make the gate stricter"
    ]


def _check_worst(pairs: Sequence[Report], cfg: PerplexityGateConfig) -> Check:
    held = [p for p in pairs if (_number(p.get("support")) or 0.0) >= cfg.min_support]
    limit = f"<= {cfg.max_pair:g}"
    if not held:
        return Check("max_pair", None, limit, False, f"no pair has {cfg.min_support} products")
    values = [_number(p.get("normalised_perplexity")) for p in held]
    worst = max(
        range(len(held)), key=lambda i: math.inf if values[i] is None else float(values[i] or 0.0)
    )
    detail = f"worst of {len(held)}: {held[worst].get('platform')}, {held[worst].get('attribute')}"
    return _check("max_pair", values[worst], limit, lambda s: s <= cfg.max_pair, detail)


def _check_difference(report: Report, cfg: PerplexityGateConfig) -> Check:
    difference, error = _number(report.get("difference")), _number(report.get("difference_se"))
    if difference is None or error is None:
        return Check(
            "difference",
            None,
            f"> {cfg.standard_errors:g} standard errors",
            False,
            "not a finite number",
        )
    limit = cfg.standard_errors * error
    detail = f"to {report.get('best_naive', 'naive')}, {cfg.standard_errors:g} x {error:.5f} over origins"
    return _check("difference", difference, f"> {limit:.5f}", lambda s: s > limit, detail)


def _width_limit(pairs: Sequence[Report], attribute: str, cfg: PerplexityGateConfig) -> float:
    """The configured width, or half of what knowing nothing gives where that is less.

    Shares drawn evenly from all that sum to 1 over K values have 80 % of their mass between
    1 - 0.9^(1/(K-1)) and 1 - 0.1^(1/(K-1)): with many values even ignorance looks narrow.
    """
    sizes = [
        _number(p.get("perplexity_uniform")) or 0.0
        for p in pairs
        if p.get("attribute") == attribute
    ]
    if not sizes or sizes[0] < 2:
        return cfg.max_interval_width
    power = 1 / (sizes[0] - 1)
    ignorance = float(0.9**power - 0.1**power)
    return min(cfg.max_interval_width, ignorance / 2)


def _explain(
    pairs: Sequence[Report],
    widths: Mapping[str, float | None],
    accuracy: Report | None,
    cfg: PerplexityGateConfig,
) -> dict[str, dict[str, Any]]:
    single = [p for p in pairs if p.get("platform") != POOLED] or list(pairs)
    total = sum(_number(p.get("divergence")) or 0.0 for p in single)
    judged = _dicts((accuracy or {}).get("attributes"))
    explained = {}
    for name in dict.fromkeys(str(p.get("attribute")) for p in single):
        own = [p for p in single if p.get("attribute") == name]
        part = sum(_number(p.get("divergence")) or 0.0 for p in own)
        width, limit = widths.get(name), _width_limit(own, name, cfg)
        wide = name in widths and (width is None or width > limit)
        reason = "recogniser" if wide else _find_reason(own, judged.get(name), cfg)
        explained[name] = {
            "normalised_perplexity": _mean(own, "normalised_perplexity"),
            "noise_floor": _mean(own, "noise_floor"),
            "skill": _mean(own, "skill"),
            "coverage80": _mean(own, "coverage80"),
            "support": _mean(own, "support"),
            "interval_width": width,
            "accuracy": _number(judged.get(name, {}).get("accuracy")),
            "contribution": part / total if total > 0 else None,
            "reason": reason,
            "remedy": REMEDIES[reason],
        }
    return explained


REMEDIES = {
    "": "",
    "recogniser": "Check the attribute's title rules against annotations and label more of its pictures.",
    "products": "Crawl more products or platforms, or lengthen series.window_days.",
    "regime": "Look at the platform for a changed range or page; wait until the new level has history.",
    "model": "Train the trend model longer or on more days.",
}


def _find_reason(own: Sequence[Report], judged: Report | None, cfg: PerplexityGateConfig) -> str:
    """Why an attribute does not fit; "" where it does. The most telling cause first."""
    fit, floor = _mean(own, "normalised_perplexity"), _mean(own, "noise_floor")
    worst = max(
        (_number(p.get("normalised_perplexity")) or math.inf for p in own), default=math.inf
    )
    if fit is not None and fit < cfg.threshold and worst <= cfg.max_pair:
        return ""
    low = _number((judged or {}).get("wilson_low"))
    if low is not None and low <= _usable(judged or {}):
        return "recogniser"
    support = _mean(own, "support")
    noisy = (
        fit is not None
        and floor is not None
        and fit > 1
        and math.log(floor) > _NOISE_PART * math.log(fit)
    )
    if support is None or support < cfg.min_support or noisy:
        return "products"
    now = _mean_of(p.get("baselines", {}).get("persistence") for p in own)
    before = _mean(own, "naive_before")
    if (
        now is not None
        and before is not None
        and math.log(max(now, 1.0)) > _REGIME * math.log(max(before, 1.0001))
    ):
        return "regime"
    return "model"


def _usable(judged: Report) -> float:
    """The Wilson bound below which a recogniser tells too little: midway from majority to perfect."""
    majority = _number(judged.get("majority"))
    return 0.7 if majority is None else min(0.7, (1 + majority) / 2)


def _remedy(checks: Sequence[Check], per_attribute: Mapping[str, Mapping[str, Any]]) -> str:
    failed = {c.name for c in checks if not c.passed}
    if failed & {"days_used", "origins_used"}:
        return "Wait for more days of healthy data; labels will not help."
    named = [(n, a) for n, a in per_attribute.items() if a["reason"]]
    if not named:
        return REMEDIES["model"]
    ranked = sorted(named, key=lambda item: -(item[1]["contribution"] or 0.0))
    return " ".join(f"{name}: {a['remedy']}" for name, a in ranked)


def _verdict(
    gate: str,
    checks: Sequence[Check],
    remedy: str,
    warnings: tuple[str, ...] = (),
    per_attribute: dict[str, dict[str, Any]] | None = None,
) -> Verdict:
    failed = [c for c in checks if not c.passed]
    reasons = tuple(
        f"{c.name} is {_text(c.seen)}, expected {c.limit}" + (f" ({c.detail})" if c.detail else "")
        for c in failed
    )
    passed = bool(checks) and not failed
    return Verdict(
        gate,
        passed,
        tuple(checks),
        reasons,
        "" if passed else remedy,
        warnings,
        per_attribute or {},
    )


def _check(
    name: str, seen: float | None, limit: str, holds: Callable[[float], bool], detail: str = ""
) -> Check:
    if seen is None:
        return Check(name, None, limit, False, detail or "missing, or not a finite number")
    return Check(name, seen, limit, bool(holds(seen)), detail)


def _at_least(name: str, seen: Any, limit: float) -> Check:
    return _check(name, _number(seen), f">= {limit:g}", lambda s: s >= limit)


def _at_most(name: str, seen: Any, limit: float) -> Check:
    return _check(name, _number(seen), f"<= {limit:g}", lambda s: s <= limit)


def _number(value: Any) -> float | None:
    """A finite number, or None for everything else."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    return float(value) if math.isfinite(value) else None


def _dicts(value: Any) -> dict[str, Report]:
    if not isinstance(value, Mapping):
        return {}
    return {str(k): v if isinstance(v, Mapping) else {} for k, v in value.items()}


def _mean(rows: Sequence[Report], name: str) -> float | None:
    return _mean_of(r.get(name) for r in rows)


def _mean_of(values: Any) -> float | None:
    """Arithmetic mean; None when one is missing or there is none."""
    numbers = [_number(v) for v in values]
    known = [n for n in numbers if n is not None]
    return sum(known) / len(known) if known and len(known) == len(numbers) else None


def _text(seen: float | None) -> str:
    return "unknown" if seen is None else f"{seen:.4g}"
