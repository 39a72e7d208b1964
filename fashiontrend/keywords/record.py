"""One keyword as the record that programs and people read."""

import math
from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from fashiontrend.config import KeywordsConfig
from fashiontrend.keywords.evidence import Evidence, Key, Known
from fashiontrend.keywords.expected_change import FALLING, RISING, STABLE, ExpectedChange, Path
from fashiontrend.keywords.platforms import find_leader
from fashiontrend.keywords.published import (
    Growth,
    KeywordRecord,
    SegmentDescription,
    ValueNames,
)
from fashiontrend.keywords.render import render, render_chinese
from fashiontrend.keywords.samples import pick_samples
from fashiontrend.keywords.season import Season, Slope, fit_season, measure_slope
from fashiontrend.keywords.segments import ALL, Segment, members, unknown
from fashiontrend.keywords.shape import find_stage, find_trajectory
from fashiontrend.outcomes import TrendReport
from fashiontrend.series.fit_metrics import skill
from fashiontrend.taxonomy import POOLED, Taxonomy

SCHEMA = "trend-keyword/1"
NO_YEAR = "less than one year of history: seasonality not separable"


def make_record(
    key: Key,
    known: Known,
    scale: Mapping[str, float],
    evidence: Evidence,
    taxonomy: Taxonomy,
    cfg: KeywordsConfig,
    segment: Segment = ALL,
    described: Mapping[tuple[str, str], SegmentDescription] | None = None,
) -> KeywordRecord:
    """One keyword; its rank is 0 until all are known.

    Args:
        key: platform, attribute, value.
        known: shares and forecasts, with the keys that are eligible.
        scale: spread of the expected changes, by platform.
        evidence: products, backtest, provenance.
        taxonomy: names.
        cfg: branch `keywords`.
        segment: which products the series are of.
        described: what `describe_segments` found.
    """
    platform, attribute, value = key
    path, expected = known.paths[key], known.expected[key]
    target = known.as_of + timedelta(days=known.horizon)
    season = fit_season(path, cfg)
    slope = measure_slope(path, season, cfg)
    index = None if season is None else round(season.index(target), 3)
    groups = _directions(known, attribute, value)
    same, total = len(groups[expected.direction]), sum(len(g) for g in groups.values())
    proven = _skill(evidence.backtest, platform, attribute) if segment == ALL else None
    growth = _growth(expected, path, season, slope, (known.as_of, target))
    leader = _leader(known, attribute, value, cfg) if expected.direction != STABLE else None
    record: KeywordRecord = {
        "schema": SCHEMA,
        "id": f"{known.as_of}|{segment.name}|{attribute}.{value}|{known.horizon}d|"
        f"{'pooled' if platform == POOLED else platform}",
        "as_of": known.as_of.isoformat(),
        "horizon_days": known.horizon,
        "target_date": target.isoformat(),
        "keyword": name_value(attribute, value, taxonomy),
        "segment": (described or {}).get((platform, attribute)) or unknown(segment),
        "platform": platform,
        "platforms": groups,
        "direction": expected.direction,
        "share": {
            "now": round(expected.now, 5),
            "forecast": round(expected.forecast, 5),
            "interval80": [round(q, 5) for q in expected.interval80],
            "interval95": [round(q, 5) for q in expected.interval95],
            "basis": known.basis,
            "corrected": True,
        },
        "growth": growth,
        "stage": find_stage(
            expected, path, _rivals(known, platform, attribute), len(groups[RISING]),
            growth["deseasonalised_points"], cfg,
        ),
        "trajectory": find_trajectory(expected, slope, index, cfg),
        "seasonal_index": index,
        "confidence": {
            "p_direction": round(expected.p_direction, 3),
            "least_change": round(expected.least_change, 5),
            "support_n": path.support,
            "days_observed": path.observed,
            "backtest_skill_vs_persistence": proven,
            "platform_agreement": round(same / total, 3) if total else None,
            "grade": _grade(expected, path, proven, (same, total), cfg),
        },
        "rank": 0,
        "score": _score(expected, path, (same, total), scale[platform]),
        "lead_lag": {"leader": leader[0], "lead_days": leader[1]} if leader else None,
        "evidence": {
            "samples": pick_samples(
                members(evidence.products, segment), platform, attribute, value, cfg.samples
            ),
            "series_uri": None, "run_id": None, "model_digest": None,
            "taxonomy_version": taxonomy.version, "label_set_digest": None,
            **evidence.provenance,
            "data_days_used": path.observed,
            "days_withheld": known.withheld[platform, attribute],
        },
        "caveats": _caveats(
            key, known, season, slope, total, segment, evidence.history_days, cfg
        ),
    }  # fmt: skip
    record["line"] = {"en": render(record), "zh": render_chinese(record)}
    return record


def _rivals(known: Known, platform: str, attribute: str) -> NDArray[np.float64]:
    """Shares now of all values of the attribute on the platform."""
    return np.array(
        [o.now for (p, a, _), o in known.expected.items() if (p, a) == (platform, attribute)]
    )


def _leader(
    known: Known, attribute: str, value: str, cfg: KeywordsConfig
) -> tuple[str, int] | None:
    observed = {
        p: known.paths[p, attribute, value].shares
        for p in known.platforms
        if (p, attribute, value) in known.eligible
    }
    return find_leader(observed, cfg)


def _directions(known: Known, attribute: str, value: str) -> dict[str, list[str]]:
    """Single platforms by the direction of the value there; only those with enough evidence."""
    groups: dict[str, list[str]] = {RISING: [], STABLE: [], FALLING: []}
    for platform in known.platforms:
        if (platform, attribute, value) in known.eligible:
            groups[known.expected[platform, attribute, value].direction].append(platform)
    return groups


def _growth(
    expected: ExpectedChange,
    path: Path,
    season: Season | None,
    slope: Slope | None,
    ends: tuple[date, date],
) -> Growth:
    wow, mom, yoy = (_rounded(path.before(days)) for days in (7, 28, 365))
    part = None if season is None else season.at(ends[1]) - season.at(ends[0])
    return {
        "points": round(expected.points, 5),
        "relative": round(expected.points / max(expected.now, 1e-6), 4),
        "wow": wow,
        "mom": mom,
        "yoy": yoy,
        "deseasonalised_points": _rounded(None if part is None else expected.points - part),
        "slope_week": _rounded(slope.week if slope else None),
        "slope_week_se": _rounded(slope.week_error if slope else None),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)


def _skill(backtest: TrendReport, platform: str, attribute: str) -> float | None:
    """The model's skill over persistence on held-out days, for this series."""
    for pair in backtest.pairs:
        if (pair.platform, pair.attribute) == (platform, attribute):
            model, naive = pair.normalised_perplexity, pair.baselines.get("persistence", math.nan)
            if model > 0 and naive > 1:
                return round(skill(model, naive), 4)
    return None


def _score(expected: ExpectedChange, path: Path, agreeing: tuple[int, int], scale: float) -> float:
    """Standardised growth x P(direction) x log10(support) x agreement.

    The agreement is Jeffreys' estimate (agreeing + 1/2) / (platforms + 1): one platform out of one
    says less than five out of five, and none that is eligible alone gives a half.
    """
    agreement = (agreeing[0] + 0.5) / (agreeing[1] + 1.0)
    return round(
        abs(expected.points)
        / scale
        * expected.p_direction
        * math.log10(max(path.support, 1))
        * agreement,
        4,
    )


def _grade(
    expected: ExpectedChange,
    path: Path,
    proven: float | None,
    agreeing: tuple[int, int],
    cfg: KeywordsConfig,
) -> str:
    """A: sure, well supported, agreed upon, with a model of proven skill. B: sure. C: a hint."""
    known = proven is not None and proven > 0
    agreed = agreeing[1] > 0 and agreeing[0] / agreeing[1] >= cfg.sure_agreement
    supported = path.support >= cfg.sure_support * cfg.min_support
    if expected.p_direction >= cfg.sure_probability and known and agreed and supported:
        return "A"
    return "B" if expected.p_direction >= cfg.min_probability and known else "C"


def _caveats(
    key: Key,
    known: Known,
    season: Season | None,
    slope: Slope | None,
    eligible_alone: int,
    segment: Segment,
    history_days: int | None,
    cfg: KeywordsConfig,
) -> list[str]:
    path, expected = known.paths[key], known.expected[key]
    caveats = [] if season is not None else [explain_no_season(path, history_days, cfg)]
    if days := known.withheld[key[:2]]:
        caveats.append(f"{days} days withheld or not measured")
    if not eligible_alone:
        caveats.append("no single platform has enough evidence alone")
    if segment != ALL:
        caveats.append("the trend model was backtested on all products, not on this segment")
    least = expected.least_change
    if expected.direction == STABLE and slope is not None and slope.is_clear(least, cfg):
        moved = "rose" if slope.week > 0 else "fell"
        caveats.append(
            f"{moved} {100 * abs(slope.week) * slope.days / 7:.1f} points in the last {slope.days} days; "
            f"the change expected in {known.horizon} days is below the {100 * least:.1f} points that "
            f"{path.support} products can show"
        )
    return caveats


def explain_no_season(path: Path, history_days: int | None, cfg: KeywordsConfig) -> str:
    """Why there is no season; names `loop.history_days` if waiting does not help."""
    limited = history_days is not None and history_days < cfg.season_days
    if len(path.days) < 365 and not limited:
        return NO_YEAR
    setting = f" and loop.history_days reads at most {history_days}" if limited else ""
    return (
        f"{path.observed} days of history, {cfg.season_days} are needed{setting}: "
        "seasonality not separable"
    )


def name_value(attribute: str, value: str, taxonomy: Taxonomy) -> ValueNames:
    """The ids and names of a value."""
    named = taxonomy.attribute(attribute).value(value)
    return {"attribute": attribute, "value": value, "en": named.en, "zh": named.zh}
