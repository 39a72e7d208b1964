"""Keywords with their reasons: every value of every platform is either ranked or listed as not enough known."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from fashiontrend.config import KeywordsConfig
from fashiontrend.keywords.outlook import (
    FALLING,
    RISING,
    STABLE,
    Outlook,
    Path,
    find_stage,
    find_trajectory,
    judge_change,
    seasonal_index,
)  # fmt: skip
from fashiontrend.keywords.platforms import find_leader
from fashiontrend.keywords.samples import find_combinations, pick_samples, plain
from fashiontrend.taxonomy import Taxonomy

SCHEMA = "trend-keyword/1"
POOLED = "*"
NO_YEAR = "less than one year of history: seasonality not separable"
Key = tuple[str, str, str]  # platform, attribute, value


@dataclass(frozen=True)
class Evidence:
    """What stands behind keywords beside shares and forecasts.

    Attributes:
        products: live products: platform, product_id, picture_id and, for each attribute,
            `<attribute>` (value id, None where absent) and `<attribute>_confidence`. Where
            present url, image, box, first_seen, price and currency go into the samples.
        backtest: the forecaster's `PerplexityReport.to_dict()`.
        provenance: series_uri, run_id, model_digest, taxonomy_version, label_set_digest.
    """

    products: pd.DataFrame
    backtest: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Selection:
    """Ranked keywords of all platforms and "*", what was put aside, and combinations."""

    as_of: date
    horizon_days: int
    keywords: tuple[dict[str, Any], ...]
    not_enough_evidence: tuple[dict[str, Any], ...]
    combinations: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class _Known:
    paths: dict[Key, Path]
    outlooks: dict[Key, Outlook]
    withheld: dict[tuple[str, str], int]  # (platform, attribute) -> days
    blocked: set[tuple[str, str]]  # the last day itself is withheld
    as_of: date
    horizon: int
    basis: str

    @property
    def platforms(self) -> list[str]:
        return sorted({p for p, _, _ in self.paths if p != POOLED})


def select_keywords(
    shares: pa.Table,
    forecasts: pa.Table,
    evidence: Evidence,
    taxonomy: Taxonomy,
    cfg: KeywordsConfig,
) -> Selection:
    """Judge every value of every platform at the forecasts' longest horizon.

    Args:
        shares: rows of `records.SHARE`.
        forecasts: rows of `records.FORECAST`, made on the last day of `shares`.
        evidence: products, backtest and provenance.
        taxonomy: names of the values.
        cfg: branch `keywords`.
    """
    known = _gather(shares, forecasts, cfg)
    kept = [k for k in known.outlooks if not _objections(k, known, cfg)]
    scale = _scales(known, kept)
    records = [_record(k, known, scale, evidence, taxonomy, cfg) for k in kept]
    ranked = []
    for platform in [POOLED, *known.platforms]:
        own = [r for r in records if r["platform"] == platform]
        own.sort(key=lambda r: (r["direction"] == STABLE, -r["score"], r["id"]))
        ranked += [{**r, "rank": i + 1} for i, r in enumerate(own)]
    aside = [_put_aside(k, known, taxonomy, cfg) for k in known.paths if k not in kept]
    combinations = find_combinations(evidence.products, taxonomy, cfg)
    return Selection(known.as_of, known.horizon, tuple(ranked), tuple(aside), tuple(combinations))


def _gather(shares: pa.Table, forecasts: pa.Table, cfg: KeywordsConfig) -> _Known:
    frame, ahead = shares.to_pandas(), forecasts.to_pandas()
    last = frame["day"].max()
    horizon = int(ahead["horizon"].max()) if len(ahead) else 0
    far = ahead[ahead["horizon"] == horizon].set_index(["platform", "attribute", "value"])
    days = tuple(sorted(frame["day"].unique()))
    paths: dict[Key, Path] = {}
    withheld: dict[tuple[str, str], int] = {}
    blocked = set()
    for (platform, attribute, value), group in frame.groupby(
        ["platform", "attribute", "value"], sort=True
    ):
        group = group.set_index("day").reindex(list(days))
        bad = group["withheld"].isna() | group["withheld"].eq(True) | group["share"].isna()
        path = group["share"].where(~bad).to_numpy(dtype=np.float64)
        support = group["support"][~bad]
        paths[platform, attribute, value] = Path(
            days, path, int(support.iloc[-1]) if len(support) else 0
        )
        withheld[platform, attribute] = int(bad.sum())
        if bad.iloc[-1]:
            blocked.add((platform, attribute))
    outlooks = {}
    for key, path in paths.items():
        if key in far.index and path.observed:
            row = far.loc[key]
            quantiles = (
                float(row["q025"]),
                float(row["q10"]),
                float(row["q90"]),
                float(row["q975"]),
            )
            outlooks[key] = judge_change(path, float(row["share"]), quantiles, cfg)
    return _Known(paths, outlooks, withheld, blocked, last, horizon, str(frame["basis"].iloc[0]))


def _objections(key: Key, known: _Known, cfg: KeywordsConfig) -> list[str]:
    """Why a value gets no keyword; empty where it gets one."""
    path, found = known.paths[key], []
    if path.support < cfg.min_support:
        found.append(f"support {path.support} < {cfg.min_support} products")
    if path.observed < cfg.min_days:
        found.append(f"{path.observed} < {cfg.min_days} usable days")
    if key[:2] in known.blocked:
        found.append(f"{known.as_of} is withheld by data health")
    if key not in known.outlooks:
        found.append("no forecast")
    return found


def _put_aside(key: Key, known: _Known, taxonomy: Taxonomy, cfg: KeywordsConfig) -> dict[str, Any]:
    platform, attribute, value = key
    path = known.paths[key]
    return {
        "platform": platform,
        "keyword": _name(attribute, value, taxonomy),
        "share": None if math.isnan(path.now) else round(path.now, 5),
        "support_n": path.support,
        "reasons": _objections(key, known, cfg),
    }


def _name(attribute: str, value: str, taxonomy: Taxonomy) -> dict[str, str]:
    named = taxonomy.attribute(attribute).value(value)
    return {"attribute": attribute, "value": value, "en": named.en, "zh": named.zh}


def _scales(known: _Known, kept: list[Key]) -> dict[str, float]:
    """Platform -> spread of the expected changes of its values, to standardise growth by."""
    scales = {}
    for platform in dict.fromkeys(k[0] for k in kept):
        points = [known.outlooks[k].points for k in kept if k[0] == platform]
        scales[platform] = max(float(np.sqrt(np.mean(np.square(points)))), 1e-6)
    return scales


def _record(
    key: Key,
    known: _Known,
    scale: Mapping[str, float],
    evidence: Evidence,
    taxonomy: Taxonomy,
    cfg: KeywordsConfig,
) -> dict[str, Any]:
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
        "keyword": _name(attribute, value, taxonomy),
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


def _directions(known: _Known, attribute: str, value: str) -> dict[str, list[str]]:
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


def _caveats(season: float | None, known: _Known, pair: tuple[str, str]) -> list[str]:
    told = [NO_YEAR] if season is None else []
    days = known.withheld[pair]
    return told + ([f"{days} days withheld or not measured"] if days else [])
