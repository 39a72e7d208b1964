"""Why an attribute does not fit, what to do about it, and what to label next."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from fashiontrend.config import PerplexityGateConfig
from fashiontrend.gates.checks import mean_of, number
from fashiontrend.outcomes import (
    AttributeReport,
    Check,
    EvalReport,
    PairReport,
    TrendFinding,
    TrendReport,
    Verdict,
)
from fashiontrend.typed_json import JsonRecord

#: Persistence failing this much more than before (in divergence) is a change of regime.
_REGIME = 3.0
#: From this part of the divergence on, the noise of counting so few products explains it.
_NOISE_PART = 0.5
#: Wilson bound up to which a recogniser is the likely cause if its majority share is unknown.
_WEAK = 0.7
REMEDIES = {
    "": "",
    "recogniser": "Check the attribute's title rules against annotations and label more of its pictures.",
    "products": "Crawl more products or platforms, or lengthen series.window_days.",
    "regime": "Look at the platform for a changed range or page; wait until the new level has history.",
    "model": "Train the trend model longer or on more days.",
}


@dataclass(frozen=True)
class RequestRow(JsonRecord):
    """A row of the labelling request: an attribute that does not fit, its numbers and the remedy."""

    rank: int
    attribute: str
    perplexity: float | None
    perplexity_floor: float | None
    perplexity_uniform: float | None
    normalised_perplexity: float | None
    noise_floor: float | None
    skill: float | None
    coverage80: float | None
    support: float | None
    interval_width: float | None
    accuracy: float | None
    contribution: float | None
    reason: str
    remedy: str


REQUEST_COLUMNS = tuple(f.name for f in fields(RequestRow))


def metric_of(report: TrendReport | PairReport, cfg: PerplexityGateConfig) -> float:
    """The perplexity of a report or pair that the gate's setting `metric` selects."""
    return report.perplexity if cfg.metric == "perplexity" else report.normalised_perplexity


def name_pairs(pairs: Sequence[PairReport]) -> str:
    """The platform and attribute of at most five pairs, as text for people."""
    return ", ".join(f"{p.platform}/{p.attribute}" for p in pairs[:5])


def explain(
    report: TrendReport,
    widths: Mapping[str, float | None],
    accuracy: EvalReport | None,
    threshold: float,
    cfg: PerplexityGateConfig,
) -> dict[str, TrendFinding]:
    """The finding for each attribute: its numbers, the reason why it does not fit, a remedy.

    An attribute fits if it is itself below the gate's threshold, in the gate's metric, with no pair
    above its limit, a skill that is not known to be too low (unless counting leaves none to be
    had), and intervals that measure something. An attribute without a tested pair has no reason
    either, and does not count as fitting.
    """
    single = report.single_platforms
    total = sum(number(p.divergence) or 0.0 for p in single)
    known = accuracy.attributes if accuracy else {}
    explained = {}
    for name in dict.fromkeys(p.attribute for p in single):
        own = [p for p in single if p.attribute == name and p.is_tested]
        width, limit = widths.get(name), width_limit(own, name, cfg)
        wide = name in widths and (width is None or width > limit)
        fits = not own or (not wide and _fits(own, threshold, cfg))
        reason = "" if fits else "recogniser" if wide else _blame(own, known.get(name), cfg)
        explained[name] = TrendFinding(
            perplexity=mean_of(p.perplexity for p in own),
            perplexity_floor=mean_of(p.perplexity_floor for p in own),
            perplexity_uniform=mean_of(p.perplexity_uniform for p in own),
            normalised_perplexity=mean_of(p.normalised_perplexity for p in own),
            noise_floor=mean_of(p.noise_floor for p in own),
            skill=mean_of(p.skill for p in own),
            coverage80=mean_of(p.coverage80 for p in own),
            support=mean_of(p.support for p in own),
            interval_width=width,
            accuracy=number(known[name].accuracy) if name in known else None,
            contribution=_contribution(own, total),
            fits=not reason if own else None,
            reason=reason,
            remedy=REMEDIES[reason],
        )
    return explained


def _contribution(own: Sequence[PairReport], total: float) -> float | None:
    """The part of the whole divergence; None if one is unknown, as an infinite one is."""
    parts = [number(p.divergence) for p in own]
    known = [p for p in parts if p is not None]
    return sum(known) / total if total > 0 and len(known) == len(parts) else None


def _fits(own: Sequence[PairReport], threshold: float, cfg: PerplexityGateConfig) -> bool:
    seen = mean_of(metric_of(p, cfg) for p in own)
    if seen is None or seen >= threshold:
        return False
    skills = [s for p in own if (s := number(p.skill)) is not None]
    if skills and sum(skills) / len(skills) <= cfg.min_skill and not _within_noise(own):
        return False
    ratios = [(number(p.normalised_perplexity), pair_limit(p, cfg)) for p in own]
    return all(ratio is not None and ratio <= limit for ratio, limit in ratios)


def _within_noise(own: Sequence[PairReport]) -> bool:
    """Whether the forecast is as near as counting so few products allows: its skill is random then."""
    fit = mean_of(p.normalised_perplexity for p in own)
    floor = mean_of(p.noise_floor for p in own)
    return fit is not None and floor is not None and fit <= floor


def _blame(
    own: Sequence[PairReport], seen: AttributeReport | None, cfg: PerplexityGateConfig
) -> str:
    """The reason why an attribute does not fit; the most informative cause is tried first."""
    if seen is not None and _is_weak(seen):
        return "recogniser"
    support = mean_of(p.support for p in own)
    if support is None or support < cfg.min_support or _is_noisy(own):
        return "products"
    return "regime" if _has_jumped(own) else "model"


def _is_weak(seen: AttributeReport) -> bool:
    """Whether the Wilson bound lies below midway from the majority share to a perfect recogniser."""
    low, majority = number(seen.wilson_low), number(seen.majority_accuracy)
    limit = _WEAK if majority is None else min(_WEAK, (1 + majority) / 2)
    return low is not None and low <= limit


def _is_noisy(own: Sequence[PairReport]) -> bool:
    """Whether counting so few products explains most of the divergence."""
    fit = mean_of(p.normalised_perplexity for p in own)
    floor = mean_of(p.noise_floor for p in own)
    if fit is None or floor is None or fit <= 1:
        return False
    return math.log(max(floor, 1.0)) > _NOISE_PART * math.log(fit)


def _has_jumped(own: Sequence[PairReport]) -> bool:
    """Whether persistence fails far more than it did before the held-out days."""
    now = mean_of(p.baselines.get("persistence") for p in own)
    before = mean_of(p.naive_before for p in own)
    if now is None or before is None:
        return False
    return math.log(max(now, 1.0)) > _REGIME * math.log(max(before, 1.0001))


def pair_limit(pair: PairReport, cfg: PerplexityGateConfig) -> float:
    """The normalised perplexity that a pair may have: never less than twice its noise."""
    return max(cfg.max_pair, attainable(pair.noise_floor))


def attainable(floor: float) -> float:
    """1 + 2 (noise floor - 1): what a perfect forecast stays below; 0 if the floor is unknown."""
    known = number(floor)
    return 1 + 2 * (known - 1) if known is not None else 0.0


def width_limit(pairs: Sequence[PairReport], attribute: str, cfg: PerplexityGateConfig) -> float:
    """The configured width, or half of what knowing nothing gives if that is less.

    Shares drawn evenly from all that sum to 1 over K values have 80 % of their mass between
    1 - 0.9^(1/(K-1)) and 1 - 0.1^(1/(K-1)): with many values even ignorance looks narrow.
    """
    sizes = [number(p.perplexity_uniform) or 0.0 for p in pairs if p.attribute == attribute]
    if not sizes or sizes[0] < 2:
        return cfg.max_interval_width
    power = 1 / (sizes[0] - 1)
    ignorance = float(0.9**power - 0.1**power)
    return min(cfg.max_interval_width, ignorance / 2)


def find_remedy(checks: Sequence[Check], per_attribute: Mapping[str, TrendFinding]) -> str:
    """What to do about a closed gate, the largest part of the divergence first."""
    failed = {c.name for c in checks if not c.passed}
    if failed & {"days_used", "origins_used"}:
        return "Wait for more days of healthy data; labels will not help."
    named = [(name, a) for name, a in per_attribute.items() if a.reason]
    if not named:
        return (
            f"Every tested attribute fits by itself, so labels will not help. {REMEDIES['model']}"
        )
    ranked = sorted(named, key=lambda item: _by_part(item[1]))
    return " ".join(f"{name}: {a.remedy}" for name, a in ranked)


def _by_part(found: TrendFinding) -> float:
    """Sorts by the part of the divergence, the largest first; an unknown one before all."""
    return -math.inf if found.contribution is None else -found.contribution


def labelling_request(verdict: Verdict) -> list[RequestRow]:
    """What to label next, the largest part of the divergence first.

    Attributes whose reason is the recogniser come first: a series that measures nothing is nearly
    constant, has almost no divergence, and needs labels most. A change of regime, too few products
    or a weak model are not mended by labels and are listed after them, ranked in the same way.
    """
    blamed = [
        (name, found)
        for name, found in verdict.per_attribute.items()
        if isinstance(found, TrendFinding) and found.reason
    ]
    ordered = sorted(blamed, key=lambda b: (b[1].reason != "recogniser", _by_part(b[1]), b[0]))
    return [_request_row(rank, *item) for rank, item in enumerate(ordered, start=1)]


def _request_row(rank: int, attribute: str, found: TrendFinding) -> RequestRow:
    shared = {n: getattr(found, n) for n in REQUEST_COLUMNS if n not in ("rank", "attribute")}
    return RequestRow(rank, attribute, **shared)
