"""What became of earlier keywords: hit, miss, covered, and running rates.

A rising keyword hits when the share rose by more than the least change that its direction was
called with, a falling one when it fell by more, a stable one when it moved by no more than that or
half its 80 % interval. It is covered when the share lies within its interval. The change is taken
from the share of the as-of day as the same series measures it, else from what was published. A
target day that was not measured scores nothing: the keyword is kept as unscored, with the reason.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from fashiontrend.config import KeywordsConfig
from fashiontrend.keywords.segments import KINDS, Segment
from fashiontrend.storage import schemas

HIT, MISS, UNSCORED = "hit", "miss", "unscored"
GROUPS = ("horizon_days", "platform", "grade", "direction")
WITHHELD = "the target day was withheld by data health"
UNMEASURED = "the target day was not measured"
#: A normal deviate's 95 % bounds, for Wilson's interval of a rate.
_Z95 = 1.96

Place = tuple[Segment, str, str, str, date]


@dataclass(frozen=True)
class Answers:
    """What was measured later (or is true), and which days were withheld."""

    shares: dict[Place, float]
    withheld: frozenset[Place]


def read_answers(tables: Mapping[Segment, pa.Table]) -> Answers:
    """Look-ups of share tables (rows of `records.SHARE`) by segment."""
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
    return Answers(shares, frozenset(withheld))


def score_keywords(
    past: Iterable[Mapping[str, Any]], answers: Answers, today: date, cfg: KeywordsConfig
) -> pa.Table:
    """Judge keywords whose target day has come.

    Args:
        past: keyword records of earlier days, with their `release`.
        answers: what was measured.
        today: keywords with a later target day wait; those whose target day is not measured wait
            for `cfg.grace_days` more.
        cfg: branch `keywords`.

    Returns:
        Rows of `records.SCORE`, one a keyword that does not wait any longer.
    """
    rows = [_judge(record, answers, today, cfg) for record in past]
    return pa.Table.from_pylist([r for r in rows if r is not None], schema=schemas.SCORE)


def _judge(
    record: Mapping[str, Any], answers: Answers, today: date, cfg: KeywordsConfig
) -> dict[str, Any] | None:
    as_of, target = (date.fromisoformat(record[k]) for k in ("as_of", "target_date"))
    word, share, sure = record["keyword"], record["share"], record["confidence"]
    asked = record["id"].split("|")[1]
    segment = Segment(**{k: v for k in KINDS if (v := record["segment"][k]) == asked})
    series = (segment, record["platform"], word["attribute"], word["value"])
    observed = answers.shares.get((*series, target))
    if observed is None and today < target + timedelta(days=cfg.grace_days):
        return None
    start = answers.shares.get((*series, as_of), float(share["now"]))
    least = float(sure.get("least_change") or cfg.min_change)
    (low80, high80), (low95, high95) = share["interval80"], share["interval95"]
    row = {
        "id": record["id"], "release": record.get("release"), "as_of": as_of, "target_date": target,
        "horizon_days": record["horizon_days"], "platform": record["platform"],
        "attribute": word["attribute"], "value": word["value"],
        **{k: getattr(segment, k) for k in KINDS}, "grade": sure["grade"],
        "direction": record["direction"], "p_direction": sure["p_direction"], "least_change": least,
        "share_forecast": share["forecast"], "low80": low80, "high80": high80, "low95": low95,
        "high95": high95, "start": start, "observed": observed,
    }  # fmt: skip
    if observed is None:
        known = (*series, target) in answers.withheld
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


def summarise(scores: pa.Table, today: date, cfg: KeywordsConfig) -> dict[str, Any]:
    """Running rates of all scores up to a day, in plain JSON.

    Returns:
        `scored`, `unscored` (counts), `overall`, `by` (`GROUPS` -> value -> rates) and
        `monitor`: the rates of targets within `cfg.monitor_days`. Rates are n, hit_rate,
        coverage80, coverage95 (each with its 95 % Wilson interval), the mean p_direction that was
        claimed, and the mean absolute error beside that of persistence. Keywords of one day depend
        on one another, so the intervals are too narrow rather than too wide.
    """
    frame = scores.to_pandas()
    judged = frame[frame["outcome"] != UNSCORED]
    recent = judged[judged["target_date"] > today - timedelta(days=cfg.monitor_days)]
    return {
        "scored": len(judged),
        "unscored": len(frame) - len(judged),
        "overall": _rates(judged),
        "by": {
            name: {str(key): _rates(group) for key, group in judged.groupby(name)}
            for name in GROUPS
        },
        "monitor": {"days": cfg.monitor_days, **_rates(recent)},
    }


def _rates(frame: pd.DataFrame) -> dict[str, Any]:
    n = len(frame)
    if not n:
        return {"n": 0}
    counts = {
        "hit_rate": int((frame["outcome"] == HIT).sum()),
        "coverage80": int(frame["covered80"].astype(bool).sum()),
        "coverage95": int(frame["covered95"].astype(bool).sum()),
    }
    rates: dict[str, Any] = {"n": n}
    for name, count in counts.items():
        rates[name] = round(count / n, 4)
        rates[f"{name}_interval"] = _wilson(count, n)
    rates["claimed"] = round(float(frame["p_direction"].mean()), 4)
    rates["error"] = round(float((frame["observed"] - frame["share_forecast"]).abs().mean()), 5)
    rates["error_persistence"] = round(float((frame["observed"] - frame["start"]).abs().mean()), 5)
    return rates


def _wilson(count: int, n: int) -> list[float]:
    """95 % interval of a rate (Wilson 1927)."""
    rate, z2 = count / n, _Z95**2
    centre, half = rate + z2 / (2 * n), _Z95 * np.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
    return [round(float((centre + s * half) / (1 + z2 / n)), 4) for s in (-1, 1)]
