"""Turn the share table into arrays: series by day, windows, and held-out origins.

Shapes: S series (platform, attribute), T days, V values (padded to the largest attribute),
C context_length, H prediction_length, B windows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fashiontrend.config import ForecasterConfig
from fashiontrend.errors import DataError
from fashiontrend.series.gaps import carry_source, last_known
from fashiontrend.taxonomy import POOLED

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Lower bound of a share, which keeps logarithms finite.
SMALLEST_SHARE = 1e-4
#: An origin with fewer measured days of context is neither trained on nor evaluated.
_MIN_CONTEXT = 7
_TRAINING_PART = 0.6


@dataclass(frozen=True)
class ShareSeries:
    """All share series; attributes with a single value have no trend and are left out."""

    pairs: tuple[tuple[str, str], ...]  # S of (platform, attribute)
    values: tuple[tuple[str, ...], ...]  # S of value ids
    days: tuple[date, ...]  # T calendar days without gaps
    shares: Array  # (S, T, V); `carry` fills days without a measurement
    width: Array  # (S, T, V) of the 80 % interval of the share; NaN where not measured
    support: Array  # (S, T) products
    observed: Bools  # (S, T): measured and not withheld
    has_value: Bools  # (S, V)


@dataclass(frozen=True)
class Split:
    """The end of training and the held-out origins, as indices of days."""

    first_held_out: int  # training sees only days before this one
    origins: tuple[int, ...]  # last context day of each held-out window, ascending
    stride: int


@dataclass(frozen=True)
class Windows:
    """Contexts with their targets; targets that do not count have weight 0."""

    context: Array  # (B, C, V) shares
    guide: Array  # (B, C, V) shares of the same attribute pooled over platforms
    observed: Array  # (B, C) 1.0 where measured
    support: Array  # (B,) products of the last measured context day
    has_value: Bools  # (B, V)
    target: Array  # (B, H, V)
    weight: Array  # (B, H)


def read_series(shares: pa.Table) -> ShareSeries:
    """Arrange rows of `schemas.SHARE` as arrays.

    Raises:
        DataError: no attribute has two values or more, or there is no row.
    """
    frame = shares.to_pandas()
    size = frame.groupby("attribute")["value"].nunique() if len(frame) else {}
    frame = frame[frame["attribute"].map(size) > 1] if len(frame) else frame
    if frame.empty:
        raise DataError(
            "the share table has no attribute with two values or more. Compute shares first."
        )
    first, last = frame["day"].min(), frame["day"].max()
    days = tuple(first + timedelta(days=i) for i in range((last - first).days + 1))
    groups = {
        (str(p), str(a)): g for (p, a), g in frame.groupby(["platform", "attribute"], sort=True)
    }
    values = tuple(tuple(dict.fromkeys(g["value"])) for g in groups.values())
    shape = (len(groups), len(days), max(len(v) for v in values))
    share, width, support = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape[:2])
    good, has_value = np.zeros(shape[:2], dtype=bool), np.zeros((shape[0], shape[2]), dtype=bool)
    for s, (group, names) in enumerate(zip(groups.values(), values, strict=True)):
        t = np.array([(d - first).days for d in group["day"]])
        v = group["value"].map({n: i for i, n in enumerate(names)}).to_numpy(dtype=np.int64)
        share[s, t, v] = group["share"]
        width[s, t, v] = (group["high"] - group["low"]).to_numpy(dtype=np.float64)
        support[s, t] = group["support"]
        good[s, t] = ~group["withheld"].to_numpy(dtype=bool)
        has_value[s, : len(names)] = True
    good &= (~np.isnan(share) | ~has_value[:, None]).all(axis=2)
    width[~good] = np.nan
    return ShareSeries(
        tuple(groups), values, days, carry(share, good, has_value), width, support, good, has_value
    )


def carry(share: Array, good: Bools, has_value: Bools) -> Array:
    """Fill days without a measurement with the last good day before, or else with the first one.

    Days before the first good one hold what was not known then; `cut_windows` therefore replaces
    contexts that end there.

    Args:
        share: (S, T, V).
        good: (S, T) whether the day was measured.
        has_value: (S, V) False for padded values, which become 0.

    Returns:
        (S, T, V) shares of at least about `SMALLEST_SHARE` that sum to 1.
    """
    filled = np.take_along_axis(share, carry_source(good)[:, :, None], axis=1)
    filled = np.where(np.isnan(filled), SMALLEST_SHARE, np.maximum(filled, SMALLEST_SHARE))
    filled = np.where(has_value[:, None], filled, 0.0)
    return np.asarray(filled / filled.sum(axis=2, keepdims=True))


def split_days(num_days: int, cfg: ForecasterConfig) -> Split:
    """Choose the held-out rolling origins at the end of the history.

    Origins lie as far apart as possible, because overlapping target days add little information:
    at most `prediction_length` days, at least one, and such that three fifths of the days remain
    for training. A short history has fewer origins.
    """
    horizon, wanted = cfg.prediction_length, cfg.origins
    spare = num_days - horizon - math.ceil(_TRAINING_PART * num_days)
    stride = max(1, min(horizon, spare // max(1, wanted - 1)))
    last = num_days - 1 - horizon
    origins = [last - i * stride for i in range(wanted)]
    origins = sorted(o for o in origins if o >= _MIN_CONTEXT + horizon)
    return Split(origins[0] + 1 if origins else num_days, tuple(origins), stride)


def training_origins(split: Split) -> range:
    """Return the origins with enough context whose first target day is not held out."""
    return range(_MIN_CONTEXT - 1, split.first_held_out - 1)


def cut_windows(
    series: ShareSeries, origins: Sequence[int], cfg: ForecasterConfig, end: int
) -> Windows:
    """Cut one window per origin and series, origin by origin.

    Args:
        series: the arrays.
        origins: index of the last context day of each window.
        cfg: context and prediction length.
        end: target days from this index on have weight 0, and a value that no model may see.

    Returns:
        B = len(origins) * S windows. Context days before the first measured day repeat it and are
        marked unobserved. A context that ends before the first measured day has equal shares,
        because nothing after the origin is known there. Target days have weight 0 if they were
        not measured or if the context has too few measured days.
    """
    t = np.asarray(origins, dtype=np.int64)[:, None]
    back = t + np.arange(1 - cfg.context_length, 1)
    ahead = t + np.arange(1, cfg.prediction_length + 1)
    inside, known = np.maximum(back, 0), np.minimum(ahead, len(series.days) - 1)
    count, size = len(t) * len(series.pairs), len(series.pairs)
    begun = np.logical_or.accumulate(series.observed, axis=1)[:, t[:, 0]]  # (S, O)
    even = series.has_value / series.has_value.sum(axis=1, keepdims=True)
    known_shares = np.where(begun[..., None, None], series.shares[:, inside], even[:, None, None])
    context = known_shares.swapaxes(0, 1)  # (O, S, C, V)
    guide = known_shares[_guides(series)].swapaxes(0, 1)
    observed = (series.observed[:, inside] & (back >= 0)).swapaxes(0, 1)
    enough = observed.sum(axis=2) >= min(_MIN_CONTEXT, cfg.context_length)
    target = series.shares[:, known].swapaxes(0, 1)
    weight = (series.observed[:, known] & (ahead < min(end, len(series.days)))).swapaxes(0, 1)
    weight = weight & enough[..., None]
    target = np.where(weight[..., None], target, 0.0)
    support = _last_support(series)[:, t[:, 0]].T
    return Windows(
        context.reshape(count, cfg.context_length, -1),
        guide.reshape(count, cfg.context_length, -1),
        observed.reshape(count, -1).astype(np.float64),
        support.reshape(count),
        np.broadcast_to(series.has_value, (len(t), size, series.has_value.shape[1])).reshape(count, -1),
        target.reshape(count, cfg.prediction_length, -1),
        weight.reshape(count, -1).astype(np.float64),
    )  # fmt: skip


def _guides(series: ShareSeries) -> list[int]:
    """Return, for each series, the pooled series of its attribute; itself if there is none."""
    place = {pair: i for i, pair in enumerate(series.pairs)}
    pooled = [place.get((POOLED, a), i) for i, (_, a) in enumerate(series.pairs)]
    return [g if series.values[g] == series.values[i] else i for i, g in enumerate(pooled)]


def _last_support(series: ShareSeries) -> Array:
    """Return the (S, T) support of the last measured day, at least 1."""
    last = np.maximum(last_known(series.observed), 0)
    return np.maximum(np.take_along_axis(series.support, last, axis=1), 1.0)
