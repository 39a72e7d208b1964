"""Why an attribute does not fit, what to do about it, and what to label next."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fashiontrend.config import PerplexityGateConfig
from fashiontrend.gates.verdict import (
    Check,
    Report,
    Verdict,
    as_dicts,
    as_mapping,
    mean,
    mean_of,
    number,
)

POOLED = "*"
#: Persistence failing this much more than before (in divergence) is a change of regime.
_REGIME = 3.0
#: From this part of the divergence on, the noise of counting so few products explains it.
_NOISE_PART = 0.5
#: Wilson bound up to which a recogniser is the likely cause, where its majority share is unknown.
_WEAK = 0.7
REQUEST_COLUMNS = (
    "rank", "attribute", "perplexity", "perplexity_floor", "perplexity_uniform",
    "normalised_perplexity", "noise_floor", "skill", "coverage80", "support", "interval_width",
    "accuracy", "contribution", "reason", "remedy",
)  # fmt: skip
REMEDIES = {
    "": "",
    "recogniser": "Check the attribute's title rules against annotations and label more of its pictures.",
    "products": "Crawl more products or platforms, or lengthen series.window_days.",
    "regime": "Look at the platform for a changed range or page; wait until the new level has history.",
    "model": "Train the trend model longer or on more days.",
}


def single_platforms(pairs: Sequence[Report]) -> list[Report]:
    """The pairs of single platforms; all of them where only pooled ones are known."""
    return [p for p in pairs if p.get("platform") != POOLED] or list(pairs)


def is_judged(pair: Report) -> bool:
    """Whether a held-out day was there to judge a pair by; a report that does not say judged all."""
    return bool(pair.get("days_judged", 1) != 0)


def name_pairs(pairs: Sequence[Report]) -> str:
    """The first five of them, for people."""
    return ", ".join(f"{p.get('platform')}/{p.get('attribute')}" for p in pairs[:5])


def explain(
    pairs: Sequence[Report],
    widths: Mapping[str, float | None],
    accuracy: Report | None,
    threshold: float,
    cfg: PerplexityGateConfig,
) -> dict[str, dict[str, Any]]:
    """Each attribute's numbers, the reason why it does not fit ("" where it does), a remedy.

    It fits if it is itself below the gate's threshold, in the gate's metric, with no pair above
    its limit, a skill that is not known to be too low (where counting leaves any to be had), and
    intervals that measure something.
    An attribute of which no pair is judged yet has no reason either, and does not count as fitting.
    """
    single = single_platforms(pairs)
    total = sum(number(p.get("divergence")) or 0.0 for p in single)
    judged = as_dicts(as_mapping(accuracy).get("attributes"))
    explained = {}
    for name in dict.fromkeys(str(p.get("attribute")) for p in single):
        own = [p for p in single if p.get("attribute") == name and is_judged(p)]
        parts = [number(p.get("divergence")) for p in own]
        part = sum(p for p in parts if p is not None)
        width, limit = widths.get(name), width_limit(own, name, cfg)
        wide = name in widths and (width is None or width > limit)
        fits = not own or (not wide and _fits(own, threshold, cfg))
        reason = "" if fits else "recogniser" if wide else _blame(own, judged.get(name), cfg)
        explained[name] = {
            "perplexity": mean(own, "perplexity"),
            "perplexity_floor": mean(own, "perplexity_floor"),
            "perplexity_uniform": mean(own, "perplexity_uniform"),
            "normalised_perplexity": mean(own, "normalised_perplexity"),
            "noise_floor": mean(own, "noise_floor"),
            "skill": mean(own, "skill"),
            "coverage80": mean(own, "coverage80"),
            "support": mean(own, "support"),
            "interval_width": width,
            "accuracy": number(judged.get(name, {}).get("accuracy")),
            # An infinite divergence is written as null: no part, and first in every ranking.
            "contribution": part / total if total > 0 and None not in parts else None,
            "fits": not reason if own else None,
            "reason": reason,
            "remedy": REMEDIES[reason],
        }
    return explained


def _fits(own: Sequence[Report], threshold: float, cfg: PerplexityGateConfig) -> bool:
    seen = mean(own, cfg.metric)
    if seen is None or seen >= threshold:
        return False
    skills = [s for p in own if (s := number(p.get("skill"))) is not None]
    if skills and sum(skills) / len(skills) <= cfg.min_skill and not _within_noise(own):
        return False
    worst = [(number(p.get("normalised_perplexity")), pair_limit(p, cfg)) for p in own]
    return all(ratio is not None and ratio <= limit for ratio, limit in worst)


def _within_noise(own: Sequence[Report]) -> bool:
    """Whether the forecast is as near as counting so few products allows: then its skill is chance."""
    fit, floor = mean(own, "normalised_perplexity"), mean(own, "noise_floor")
    return fit is not None and floor is not None and fit <= floor


def _blame(own: Sequence[Report], judged: Report | None, cfg: PerplexityGateConfig) -> str:
    """Why an attribute does not fit. The most telling cause first."""
    fit, floor = mean(own, "normalised_perplexity"), mean(own, "noise_floor")
    low = number((judged or {}).get("wilson_low"))
    if low is not None and low <= _usable(judged or {}):
        return "recogniser"
    support = mean(own, "support")
    noisy = (
        fit is not None
        and floor is not None
        and fit > 1
        and math.log(max(floor, 1.0)) > _NOISE_PART * math.log(fit)
    )
    if support is None or support < cfg.min_support or noisy:
        return "products"
    now = mean_of(as_mapping(p.get("baselines")).get("persistence") for p in own)
    before = mean(own, "naive_before")
    if (
        now is not None
        and before is not None
        and math.log(max(now, 1.0)) > _REGIME * math.log(max(before, 1.0001))
    ):
        return "regime"
    return "model"


def _usable(judged: Report) -> float:
    """The Wilson bound below which a recogniser tells too little: midway from majority to perfect."""
    majority = number(judged.get("majority_accuracy"))
    return _WEAK if majority is None else min(_WEAK, (1 + majority) / 2)


def pair_limit(pair: Report, cfg: PerplexityGateConfig) -> float:
    """The normalised perplexity that a pair may have: never less than twice its noise."""
    return max(cfg.max_pair, attainable(pair.get("noise_floor")))


def attainable(floor: Any) -> float:
    """1 + 2 (noise floor - 1): what a perfect forecast stays below; 0 where the floor is unknown."""
    known = number(floor)
    return 1 + 2 * (known - 1) if known is not None else 0.0


def width_limit(pairs: Sequence[Report], attribute: str, cfg: PerplexityGateConfig) -> float:
    """The configured width, or half of what knowing nothing gives where that is less.

    Shares drawn evenly from all that sum to 1 over K values have 80 % of their mass between
    1 - 0.9^(1/(K-1)) and 1 - 0.1^(1/(K-1)): with many values even ignorance looks narrow.
    """
    sizes = [
        number(p.get("perplexity_uniform")) or 0.0 for p in pairs if p.get("attribute") == attribute
    ]
    if not sizes or sizes[0] < 2:
        return cfg.max_interval_width
    power = 1 / (sizes[0] - 1)
    ignorance = float(0.9**power - 0.1**power)
    return min(cfg.max_interval_width, ignorance / 2)


def find_remedy(checks: Sequence[Check], per_attribute: Mapping[str, Mapping[str, Any]]) -> str:
    """What to do about a closed gate, the largest part of the divergence first."""
    failed = {c.name for c in checks if not c.passed}
    if failed & {"days_used", "origins_used"}:
        return "Wait for more days of healthy data; labels will not help."
    named = [(n, a) for n, a in per_attribute.items() if a["reason"]]
    if not named:
        return (
            f"Every judged attribute fits by itself, so labels will not help. {REMEDIES['model']}"
        )
    ranked = sorted(named, key=lambda item: _by_part(item[1]))
    return " ".join(f"{name}: {a['remedy']}" for name, a in ranked)


def _by_part(attribute: Mapping[str, Any]) -> float:
    """Sorts by the part of the divergence, the largest first; an unknown one before all."""
    part = attribute.get("contribution")
    return -math.inf if part is None else -float(part)


def labelling_request(verdict: Verdict) -> list[dict[str, Any]]:
    """Rows of `REQUEST_COLUMNS`: what to label next, by the part of the divergence, worst first.

    Attributes whose reason is the recogniser come first: a series that measures nothing is nearly
    constant, has almost no divergence, and needs labels most. A change of regime, too few products
    or a weak model are not mended by labels and are listed after them, ranked in the same way.
    """
    rows = [
        {"attribute": name, **a} for name, a in verdict.per_attribute.items() if a.get("reason")
    ]
    ordered = sorted(
        rows,
        key=lambda r: (
            r["reason"] != "recogniser",
            _by_part(r),
            r["attribute"],
        ),
    )
    ranked = [{"rank": i + 1, **row} for i, row in enumerate(ordered)]
    return [{name: row.get(name) for name in REQUEST_COLUMNS} for row in ranked]
