"""The report against the truth, if a demo world or a replay knows it."""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from fashiontrend.errors import DataError
from fashiontrend.keywords.published import KeywordRecord
from fashiontrend.taxonomy import NOT_VISIBLE, POOLED

KEYS = ("platform", "product_id", "first_day", "last_day")
#: Columns of true shares, as long rows.
TRUE = ["platform", "attribute", "value", "day", "share"]
#: What a truth holds if a product does not show an attribute.
ABSENT = ("", NOT_VISIBLE, "not_applicable")


def true_shares(
    truth: pd.DataFrame, days: Sequence[date], window_days: int, weights: Mapping[str, float]
) -> pd.DataFrame:
    """Shares among the distinct products that were listed in each window.

    Args:
        truth: one row per product: platform, product_id, first_day, last_day (both included),
            and one column per attribute; empty, null or "not_visible" = the product has none.
        days: last days of the windows.
        window_days: length of a window.
        weights: platform -> weight in pooled shares ("*"); 1.0 if a platform is not named.

    Returns:
        Columns platform, attribute, value, day, share in [0, 1]. One row for each value that
        occurs anywhere in the truth; NaN if the window holds no product with the attribute.
        In pooled rows a platform is carried over such days with its nearest share.

    Raises:
        DataError: a column is missing.
    """
    missing = [k for k in KEYS if k not in truth]
    if missing:
        raise DataError(
            f"truth: no column {missing[0]!r}, seen {', '.join(map(str, truth.columns))}. "
            "Name a folder that the demo or a replay wrote."
        )
    at = np.asarray(days, dtype="datetime64[D]").astype(np.int64)
    first = pd.to_datetime(truth["first_day"]).to_numpy().astype("datetime64[D]").astype(np.int64)
    last = pd.to_datetime(truth["last_day"]).to_numpy().astype("datetime64[D]").astype(np.int64)
    platforms = truth["platform"].astype(str)
    parts = []
    for attribute in (c for c in truth.columns if c not in KEYS):
        values = truth[attribute].astype(object).where(truth[attribute].notna(), "").astype(str)
        names = sorted(set(values) - set(ABSENT))
        if not names:
            continue
        found = {
            name: _shares(values[rows], (first[rows], last[rows] + window_days), at, names)
            for name in sorted(set(platforms))
            if (rows := (platforms == name).to_numpy()).any()
        }
        found[POOLED] = _pool(found, weights)
        parts += [_rows(p, str(attribute), names, days, shares) for p, shares in found.items()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=TRUE)


def _shares(
    values: "pd.Series[str]",
    listed: tuple[NDArray[np.int64], NDArray[np.int64]],
    at: NDArray[np.int64],
    names: list[str],
) -> NDArray[np.float64]:
    """(T, V) shares; a product counts on days d with first <= d < last + window."""
    counts = np.zeros((len(at), len(names)))
    for column, name in enumerate(names):
        rows = (values == name).to_numpy()
        begun, ended = (np.searchsorted(np.sort(edge[rows]), at, side="right") for edge in listed)
        counts[:, column] = begun - ended
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1.0), np.nan)


def _pool(
    found: Mapping[str, NDArray[np.float64]], weights: Mapping[str, float]
) -> NDArray[np.float64]:
    carried = {p: pd.DataFrame(s).ffill().bfill().to_numpy() for p, s in found.items()}
    alive = {p: s for p, s in carried.items() if not np.isnan(s).all()}
    if not alive:
        return next(iter(carried.values()))
    weight = np.array([weights.get(p, 1.0) for p in alive])
    return np.asarray(np.tensordot(weight / weight.sum(), np.stack(list(alive.values())), axes=1))


def _rows(
    platform: str,
    attribute: str,
    names: list[str],
    days: Sequence[date],
    shares: NDArray[np.float64],
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "platform": platform,
            "attribute": attribute,
            "value": names * len(days),
            "day": [d for d in days for _ in names],
            "share": shares.ravel(),
        }
    )


def share_errors(shares: pa.Table, true: pd.DataFrame) -> pd.DataFrame:
    """Mean absolute error of the measured shares, corrected and as counted.

    Rows of single platforms are compared, pooled ones are not; withheld rows and days of unknown
    truth are left out. A value that the truth never holds has the true share 0.

    Args:
        shares: rows of `schemas.SHARE`.
        true: as `true_shares` returns.

    Returns:
        Columns attribute, mae_corrected, mae_raw (fractions), rows.
    """
    frame = shares.to_pandas()
    frame = frame[(frame["platform"] != POOLED) & ~frame["withheld"] & frame["share"].notna()]
    known = true.dropna(subset=["share"])
    group = ["platform", "attribute", "day"]
    frame = frame.merge(known[group].drop_duplicates(), on=group)
    frame = frame.merge(
        known.rename(columns={"share": "true"})[[*group, "value", "true"]],
        on=[*group, "value"],
        how="left",
    )
    right = frame["true"].fillna(0.0).astype(float)
    frame = frame.assign(
        mae_corrected=(frame["share"] - right).abs(),
        mae_raw=(frame["share_raw"] - right).abs(),
        rows=1,
    )
    how = {"mae_corrected": "mean", "mae_raw": "mean", "rows": "sum"}
    found: pd.DataFrame = frame.groupby("attribute", sort=False).agg(how).reset_index()
    return found


def check_directions(
    keywords: Sequence[KeywordRecord], true: pd.DataFrame, min_change: float
) -> pd.DataFrame:
    """Which directions were right.

    The true change runs from `as_of` to `target_date` if the truth knows both days ("ahead"),
    else over as many days before `as_of` ("behind"). Rising and falling are right if the truth
    moved that way by at least `min_change`; stable is right if it moved by no more than the larger
    of `min_change` and half the width of the forecast's 80 % interval.

    Returns:
        Columns platform, attribute, value, direction, change (fraction), basis, right. Keywords
        without a known true change are left out.
    """
    seen = true.dropna(subset=["share"])
    shares = dict(
        zip(
            zip(*(seen[c] for c in TRUE[:-1]), strict=True),
            seen["share"].astype(float),
            strict=True,
        )
    )
    rows = []
    for keyword in keywords:
        moved = _true_change(keyword, shares)
        if moved is None:
            continue
        low, high = keyword["share"]["interval80"]
        rows.append(
            {
                "platform": keyword["platform"],
                "attribute": keyword["keyword"]["attribute"],
                "value": keyword["keyword"]["value"],
                "direction": keyword["direction"],
                "change": moved[0],
                "basis": moved[1],
                "right": _is_right(keyword["direction"], moved[0], min_change, (high - low) / 2),
            }
        )
    columns = ["platform", "attribute", "value", "direction", "change", "basis", "right"]
    return pd.DataFrame(rows, columns=columns)


def _true_change(
    keyword: KeywordRecord, shares: Mapping[tuple[object, ...], float]
) -> tuple[float, str] | None:
    key = (keyword["platform"], keyword["keyword"]["attribute"], keyword["keyword"]["value"])
    now, target = date.fromisoformat(keyword["as_of"]), date.fromisoformat(keyword["target_date"])
    here = shares.get((*key, now))
    if here is None:
        return None
    if (there := shares.get((*key, target))) is not None:
        return there - here, "ahead"
    past = shares.get((*key, now - (target - now)))
    return None if past is None else (here - past, "behind")


def _is_right(direction: str, moved: float, min_change: float, noise: float) -> bool:
    if direction == "rising":
        return moved >= min_change
    if direction == "falling":
        return moved <= -min_change
    return abs(moved) <= max(min_change, noise)
