"""One keyword as the record that programs and people read."""

import math
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np

from fashiontrend.config import KeywordsConfig
from fashiontrend.keywords.known import POOLED, Evidence, Key, Known
from fashiontrend.keywords.outlook import (
    FALLING,
    RISING,
    STABLE,
    Outlook,
    Path,
    find_stage,
    find_trajectory,
    seasonal_index,
)
from fashiontrend.keywords.platforms import find_leader
from fashiontrend.keywords.samples import pick_samples, plain
from fashiontrend.taxonomy import Taxonomy

SCHEMA = "trend-keyword/1"
NO_YEAR = "less than one year of history: seasonality not separable"


def make_record(
    key: Key,
    known: Known,
    scale: Mapping[str, float],
    evidence: Evidence,
    taxonomy: Taxonomy,
    cfg: KeywordsConfig,
) -> dict[str, Any]:
    """One keyword; its rank is given once all are known."""
    platform, attribute, value = key
    path, outlook = known.paths[key], known.outlooks[key]
    target = known.as_of + timedelta(days=known.horizon)
    season = seasonal_index(path, target)
    groups = _directions(known, attribute, value)
    total = sum(len(g) for g in groups.values())
    agreement = len(groups[outlook.direction]) / total if total else 1.0
    skill = _skill(evidence.backtest, platform, attribute)
    rivals = np.array(
        [o.now for (p, a, _), o in known.outlooks.items() if (p, a) == (platform, attribute)]
    )
    where = "pooled" if platform == POOLED else platform
    observed = {
        p: known.paths[p, attribute, value].shares
        for p in known.platforms
        if (p, attribute, value) in known.paths
    }
    leader = find_leader(observed) if outlook.direction != STABLE else None
    return {
        "schema": SCHEMA,
        "id": f"{known.as_of}|all|{attribute}.{value}|{known.horizon}d|{where}",
        "as_of": known.as_of.isoformat(),
        "horizon_days": known.horizon,
        "target_date": target.isoformat(),
        "keyword": name_value(attribute, value, taxonomy),
        "segment": {"gender": None, "garment_type": None, "region": None},
        "platform": platform,
        "platforms": groups,
        "direction": outlook.direction,
        "share": {
            "now": round(outlook.now, 5),
            "forecast": round(outlook.forecast, 5),
            "interval80": [round(q, 5) for q in outlook.interval80],
            "interval95": [round(q, 5) for q in outlook.interval95],
            "basis": known.basis,
            "corrected": True,
        },
        "growth": _growth(outlook, path, season, known.as_of),
        "stage": find_stage(outlook, path, rivals, len(groups[RISING]), cfg),
        "trajectory": find_trajectory(outlook, path, season),
        "seasonal_index": 1.0 if season is None else round(season, 3),
        "confidence": {
            "p_direction": round(outlook.p_direction, 3),
            "support_n": path.support,
            "days_observed": path.observed,
            "backtest_skill_vs_persistence": skill,
            "platform_agreement": round(agreement, 3),
            "grade": _grade(outlook, path, skill, agreement, cfg),
        },
        "rank": 0,
        "score": _score(outlook, path, (len(groups[outlook.direction]), total), scale[platform]),
        "lead_lag": {"leader": leader[0], "lead_days": leader[1]} if leader else None,
        "evidence": {
            "samples": pick_samples(evidence.products, platform, attribute, value, cfg.samples),
            "series_uri": None, "run_id": None, "model_digest": None,
            "taxonomy_version": taxonomy.version, "label_set_digest": None,
            **plain_mapping(evidence.provenance),
            "data_days_used": path.observed,
            "days_withheld": known.withheld[platform, attribute],
        },
        "caveats": _caveats(season, known, (platform, attribute)),
    }  # fmt: skip


def plain_mapping(values: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object of a mapping."""
    return {k: plain(v) for k, v in values.items()}


def _directions(known: Known, attribute: str, value: str) -> dict[str, list[str]]:
    """Single platforms by the direction of the value there."""
    groups: dict[str, list[str]] = {RISING: [], STABLE: [], FALLING: []}
    for platform in known.platforms:
        outlook = known.outlooks.get((platform, attribute, value))
        if outlook:
            groups[outlook.direction].append(platform)
    return groups


def _growth(outlook: Outlook, path: Path, season: float | None, as_of: date) -> dict[str, Any]:
    steps = {"wow": path.before(7), "mom": path.before(28), "yoy": path.before(365)}
    # The season's part of the change: what the index at the target adds to the share of now.
    index_now = seasonal_index(path, as_of)
    part = (
        0.0
        if season is None or index_now is None
        else outlook.now * (season / max(index_now, 1e-6) - 1)
    )
    return {
        "points": round(outlook.points, 5),
        "relative": round(outlook.points / max(outlook.now, 1e-6), 4),
        **{name: None if change is None else round(change, 5) for name, change in steps.items()},
        "deseasonalised_points": round(outlook.points - part, 5),
    }


def _skill(backtest: Mapping[str, Any], platform: str, attribute: str) -> float | None:
    """Of the model over persistence on held-out days, for this series."""
    for pair in backtest.get("pairs") or ():
        if (pair["platform"], pair["attribute"]) == (platform, attribute):
            model, naive = pair.get("normalised_perplexity"), pair["baselines"].get("persistence")
            if model and naive and naive > 1:
                return round(1 - math.log(model) / math.log(naive), 4)
    return None


def _score(outlook: Outlook, path: Path, agreeing: tuple[int, int], scale: float) -> float:
    """Standardised growth x P(direction) x log10(support) x agreement; half a platform is added to both counts."""
    agreement = (agreeing[0] + 0.5) / (agreeing[1] + 0.5)
    return round(
        abs(outlook.points)
        / scale
        * outlook.p_direction
        * math.log10(max(path.support, 1))
        * agreement,
        4,
    )


def _grade(
    outlook: Outlook, path: Path, skill: float | None, agreement: float, cfg: KeywordsConfig
) -> str:
    """A: sure, well supported, agreed upon, with a model of proven skill. B: sure. C: a hint."""
    known = skill is not None and skill > 0
    if (
        outlook.p_direction >= 0.9
        and known
        and agreement >= 0.5
        and path.support >= 3 * cfg.min_support
    ):
        return "A"
    return "B" if outlook.p_direction >= cfg.min_probability and known else "C"


def _caveats(season: float | None, known: Known, pair: tuple[str, str]) -> list[str]:
    told = [NO_YEAR] if season is None else []
    days = known.withheld[pair]
    return told + ([f"{days} days withheld or not measured"] if days else [])


def name_value(attribute: str, value: str, taxonomy: Taxonomy) -> dict[str, str]:
    """The ids and names of a value."""
    named = taxonomy.attribute(attribute).value(value)
    return {"attribute": attribute, "value": value, "en": named.en, "zh": named.zh}
