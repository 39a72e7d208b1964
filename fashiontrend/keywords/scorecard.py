"""What became of earlier keywords: hit, miss, covered, and running rates.

A rising keyword hits when the share rose by more than the least change that its direction was
called with, a falling one when it fell by more, a stable one when it moved by no more than that or
half its 80 % interval. It is covered when the share lies within its interval. The change is taken
from the share of the as-of day as the same series measures it, else from what was published. A
target day that was not measured scores nothing: the keyword is kept as unscored, with the reason.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import pandas as pd
import pyarrow as pa

from fashiontrend.config import KeywordsConfig
from fashiontrend.keywords.published import KeywordRecord, ReleasedKeyword
from fashiontrend.keywords.segments import KINDS, Segment
from fashiontrend.outcomes import MonitorRates, Rates, ReliabilityBin, ScoreSummary
from fashiontrend.series.metrics import wilson_interval
from fashiontrend.storage import schemas

HIT, MISS, UNSCORED = "hit", "miss", "unscored"
CALL = "call"
GROUPS = ("horizon_days", "platform", "grade", "direction", "attribute", CALL)
#: Edges of the claimed probabilities by which reliability is told.
CLAIMED = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
WITHHELD = "the target day was withheld by data health"
UNMEASURED = "the target day was not measured"

Place = tuple[Segment, str, str, str, date]


@dataclass(frozen=True)
class Outcomes:
    """What was measured later (or is true), and which days were withheld."""

    shares: dict[Place, float]
    withheld: frozenset[Place]


def read_outcomes(tables: Mapping[Segment, pa.Table]) -> Outcomes:
    """Look-ups of share tables (rows of `schemas.SHARE`) by segment."""
    shares: dict[Place, float] = {}
    withheld = set()
    for segment, table in tables.items():
        frame = table.to_pandas()
        columns = [frame[c] for c in ("platform", "attribute", "value", "day", "share", "withheld")]
        for p, a, v, d, share, bad in zip(*columns, strict=True):
            place = (segment, p, a, v, d)
            if bad or share is None or math.isnan(share):
                withheld.add(place)
            else:
                shares[place] = float(share)
    return Outcomes(shares, frozenset(withheld))


def score_keywords(
    past: Iterable[ReleasedKeyword], outcomes: Outcomes, today: date, cfg: KeywordsConfig
) -> pa.Table:
    """Score keywords whose target day has come.

    Args:
        past: keyword records of earlier days, with their `release`.
        outcomes: what was measured.
        today: keywords with a later target day wait; those whose target day is not measured wait
            for `cfg.grace_days` more.
        cfg: branch `keywords`.

    Returns:
        Rows of `schemas.SCORE`, one a keyword that does not wait any longer.
    """
    rows = [_score(record, outcomes, today, cfg) for record in past]
    return pa.Table.from_pylist([r for r in rows if r is not None], schema=schemas.SCORE)


def _score(
    record: ReleasedKeyword, outcomes: Outcomes, today: date, cfg: KeywordsConfig
) -> dict[str, object] | None:
    as_of, target = date.fromisoformat(record["as_of"]), date.fromisoformat(record["target_date"])
    named, share, sure = record["keyword"], record["share"], record["confidence"]
    segment = _segment_of(record)
    series = (segment, record["platform"], named["attribute"], named["value"])
    observed = outcomes.shares.get((*series, target))
    if observed is None and today < target + timedelta(days=cfg.grace_days):
        return None
    start = outcomes.shares.get((*series, as_of), float(share["now"]))
    least = float(sure.get("least_change") or cfg.min_change)
    (low80, high80), (low95, high95) = share["interval80"], share["interval95"]
    row = {
        "id": record["id"], "release": record.get("release"), "as_of": as_of, "target_date": target,
        "horizon_days": record["horizon_days"], "platform": record["platform"],
        "attribute": named["attribute"], "value": named["value"],
        **{k: getattr(segment, k) for k in KINDS}, "grade": sure["grade"],
        "direction": record["direction"], "p_direction": sure["p_direction"], "least_change": least,
        "share_forecast": share["forecast"], "low80": low80, "high80": high80, "low95": low95,
        "high95": high95, "start": start, "observed": observed,
    }  # fmt: skip
    if observed is None:
        known = (*series, target) in outcomes.withheld
        return {**row, "outcome": UNSCORED, "reason": WITHHELD if known else UNMEASURED}
    moved = observed - start
    hits = {
        "rising": moved > least,
        "falling": moved < -least,
        "stable": abs(moved) <= max(least, (high80 - low80) / 2),
    }
    return {
        **row,
        "outcome": HIT if hits[record["direction"]] else MISS,
        "covered80": low80 <= observed <= high80,
        "covered95": low95 <= observed <= high95,
    }


def _segment_of(record: KeywordRecord) -> Segment:
    """The segment whose series the keyword is of; its id names it."""
    name = record["id"].split("|")[1]
    stated = record["segment"]
    return Segment(
        gender=stated["gender"] if stated["gender"] == name else None,
        garment_type=stated["garment_type"] if stated["garment_type"] == name else None,
    )


def summarise(scores: pa.Table, today: date, cfg: KeywordsConfig) -> ScoreSummary:
    """Running rates of all scores up to a day, by `GROUPS`, and those of the last `cfg.monitor_days`.

    Keywords of one day depend on one another, so the intervals are too narrow rather than too wide.
    """
    frame = scores.to_pandas()
    frame[CALL] = frame["direction"] + " " + frame["grade"]
    scored = frame[frame["outcome"] != UNSCORED]
    recent = _rates(scored[scored["target_date"] > today - timedelta(days=cfg.monitor_days)])
    return ScoreSummary(
        scored=len(scored),
        unscored=len(frame) - len(scored),
        overall=_rates(scored),
        by={
            name: {str(key): _rates(group) for key, group in scored.groupby(name)}
            for name in GROUPS
        },
        monitor=MonitorRates(**vars(recent), days=cfg.monitor_days),
        reliability=tuple(_reliability(scored)),
        brier=_brier(scored),
    )


def _reliability(scored: pd.DataFrame) -> Iterator[ReliabilityBin]:
    """Bins that hold a keyword; the last one includes its upper edge."""
    claimed = scored["p_direction"]
    for low, high in pairwise(CLAIMED):
        last = (claimed == high) & (high == CLAIMED[-1])
        within = scored[(claimed >= low) & ((claimed < high) | last)]
        if n := len(within):
            hits = int((within["outcome"] == HIT).sum())
            mean = round(float(within["p_direction"].mean()), 4)
            yield ReliabilityBin(low, high, n, mean, round(hits / n, 4), _interval(hits, n))


def _brier(scored: pd.DataFrame) -> float | None:
    if scored.empty:
        return None
    gap = scored["p_direction"] - (scored["outcome"] == HIT)
    return round(float((gap**2).mean()), 4)


def _rates(frame: pd.DataFrame) -> Rates:
    n = len(frame)
    if not n:
        return Rates()
    hits = int((frame["outcome"] == HIT).sum())
    inside80, inside95 = (int(frame[c].astype(bool).sum()) for c in ("covered80", "covered95"))
    return Rates(
        n=n,
        hit_rate=round(hits / n, 4),
        hit_rate_interval=_interval(hits, n),
        coverage80=round(inside80 / n, 4),
        coverage80_interval=_interval(inside80, n),
        coverage95=round(inside95 / n, 4),
        coverage95_interval=_interval(inside95, n),
        claimed=round(float(frame["p_direction"].mean()), 4),
        error=_mean_gap(frame, "share_forecast"),
        error_persistence=_mean_gap(frame, "start"),
    )


def _interval(count: int, n: int) -> tuple[float, float]:
    low, high = wilson_interval(count, n)
    return round(low, 4), round(high, 4)


def _mean_gap(frame: pd.DataFrame, column: str) -> float:
    """Mean absolute difference between the observed share and a column."""
    return round(float((frame["observed"] - frame[column]).abs().mean()), 5)
