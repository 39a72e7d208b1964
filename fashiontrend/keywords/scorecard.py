"""What became of earlier keywords: hit, miss, covered, and running rates."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa

from fashiontrend.config import KeywordsConfig

_GROUPS = {
    "horizon": "horizon_days",
    "platform": "platform",
    "grade": "grade",
    "direction": "direction",
}


def score_keywords(
    past: Iterable[Mapping[str, Any]], shares: pa.Table, cfg: KeywordsConfig
) -> dict[str, Any]:
    """Judge keywords whose target day has been measured.

    A rising keyword hits when the share rose by more than `cfg.min_change`, a falling one when it
    fell by more, a stable one when it moved by no more than half its 80 % interval. It is covered
    when the share lies within its 80 % interval. Growth is taken from what the share of the
    as-of day is measured as today where it still is, else from what was published.

    Args:
        past: keyword records of earlier days.
        shares: rows of `records.SHARE` of today; withheld days judge nothing.
        cfg: branch `keywords`.

    Returns:
        `rows` (one a judged keyword), `rates` (by horizon, platform, grade, direction: n,
        hit_rate, coverage80) and `pending` (how many keywords wait for their day).
    """
    measured = _measured(shares)
    rows, pending = [], 0
    for record in past:
        found = measured.get((*_series(record), date.fromisoformat(record["target_date"])))
        if found is None:
            pending += 1
            continue
        start = measured.get(
            (*_series(record), date.fromisoformat(record["as_of"])), record["share"]["now"]
        )
        rows.append(_judge(record, start, found, cfg))
    return {"rows": rows, "rates": _rates(rows), "pending": pending}


def _series(record: Mapping[str, Any]) -> tuple[str, str, str]:
    return record["platform"], record["keyword"]["attribute"], record["keyword"]["value"]


def _measured(shares: pa.Table) -> dict[tuple[str, str, str, date], float]:
    frame = shares.to_pandas()
    frame = frame[~frame["withheld"].astype(bool) & frame["share"].notna()]
    columns = [frame[c] for c in ("platform", "attribute", "value", "day", "share")]
    return {(p, a, v, d): float(s) for p, a, v, d, s in zip(*columns, strict=True)}


def _judge(
    record: Mapping[str, Any], start: float, found: float, cfg: KeywordsConfig
) -> dict[str, Any]:
    low, high = record["share"]["interval80"]
    change = found - start
    band = max(cfg.min_change, (high - low) / 2)
    hits = {
        "rising": change > cfg.min_change,
        "falling": change < -cfg.min_change,
        "stable": abs(change) <= band,
    }
    return {
        "id": record["id"],
        "platform": record["platform"],
        **record["keyword"],
        "horizon_days": record["horizon_days"],
        "target_date": record["target_date"],
        "grade": record["confidence"]["grade"],
        "direction": record["direction"],
        "forecast": record["share"]["forecast"],
        "observed": round(found, 5),
        "change": round(change, 5),
        "hit": bool(hits[record["direction"]]),
        "covered": bool(low <= found <= high),
    }


def _rates(rows: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, float]]]:
    if not rows:
        return {name: {} for name in _GROUPS}
    frame = pd.DataFrame(rows)
    return {
        name: {
            str(key): {
                "n": len(group),
                "hit_rate": round(float(group["hit"].mean()), 4),
                "coverage80": round(float(group["covered"].mean()), 4),
            }
            for key, group in frame.groupby(column)
        }
        for name, column in _GROUPS.items()
    }
