"""Scores of forecasts of any series. Shapes: S series, H horizons.

NaN in the truth marks a date that was not measured; it is left out of every score.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

Array = NDArray[np.float64]


def mase(truth: Array, forecast: Array, scale: Array) -> Array:
    """Return the (S,) mean absolute errors, divided by `ensemble.error_scale` of the history."""
    return _mean(np.abs(truth - forecast)) / _known(scale)


def wape(truth: Array, forecast: Array) -> float:
    """Return the sum of absolute errors over the sum of absolute values, of all series together."""
    used = np.isfinite(truth)
    total = float(np.abs(truth[used]).sum())
    return float(np.abs(truth - forecast)[used].sum()) / total if total > 0 else float("nan")


def pinball(truth: Array, quantile: Array, level: float, scale: Array) -> Array:
    """Return the (S,) mean pinball losses of the quantile `level`, in units of the scale."""
    error = truth - quantile
    return _mean(np.maximum(level * error, (level - 1) * error)) / _known(scale)


def coverage(truth: Array, low: Array, high: Array) -> Array:
    """Return the (S,) fractions of measured dates inside the interval, its ends included."""
    inside = ((truth >= low) & (truth <= high)).astype(np.float64)
    return _mean(np.where(np.isnan(truth), np.nan, inside))


def width(low: Array, high: Array, scale: Array) -> Array:
    """Return the (S,) mean widths of the interval, in units of the scale."""
    return _mean(high - low) / _known(scale)


def msis(truth: Array, low: Array, high: Array, alpha: float, scale: Array) -> Array:
    """Return the (S,) mean scaled interval scores of the central 1 - alpha interval.

    The formula is that of Gneiting & Raftery (2007).
    """
    missed = np.maximum(low - truth, 0.0) + np.maximum(truth - high, 0.0)
    return _mean(high - low + 2.0 / alpha * missed) / _known(scale)


def wilson_interval(count: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided interval of the rate `count / n` (Wilson 1927); NaN if `n` is 0."""
    if not n:
        return float("nan"), float("nan")
    found = binomtest(count, n).proportion_ci(confidence, method="wilson")
    return float(found.low), float(found.high)


def wilson_low(count: int, n: int, confidence: float = 0.95) -> float:
    """One-sided lower bound of the rate `count / n` (Wilson 1927); NaN if `n` is 0."""
    if not n:
        return float("nan")
    test = binomtest(count, n, alternative="greater")
    return float(test.proportion_ci(confidence, method="wilson").low)


def _known(scale: Array) -> Array:
    """Return the scale, NaN if it is 0: the error of a constant series has no unit."""
    return np.where(scale > 0, scale, np.nan)


def _mean(values: Array) -> Array:
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.asarray(np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan))
