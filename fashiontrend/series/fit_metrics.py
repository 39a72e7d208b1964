"""Scores of forecast shares: perplexity, its noise floor, skill, and paired differences.

For observed shares p and forecast shares q over K values: cross-entropy CE = -sum p ln q,
entropy H = -sum p ln p (0 ln 0 = 0), perplexity exp(CE) >= exp(H), normalised perplexity
exp(CE - H) = exp(KL(p || q)) >= 1. If the observed shares are counted from n products, even a
perfect forecast has about exp((K - 1) / 2n), because 2n KL tends to a chi-squared variable with
K - 1 degrees of freedom.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, rel_entr

Array = NDArray[np.float64]


def perplexity(p: Array, q: Array) -> Array:
    """Return exp(-sum_k p_k ln q_k) over the last axis; infinite if any q_k = 0 and p_k > 0."""
    return np.asarray(normalised_perplexity(p, q) * np.exp(entr(p).sum(axis=-1)))


def normalised_perplexity(p: Array, q: Array) -> Array:
    """Return exp(KL(p || q)) over the last axis; 1 if q = p, infinite if q_k = 0 and p_k > 0."""
    return np.asarray(np.exp(rel_entr(p, q).sum(axis=-1)))


def noise_floor(num_values: int, support: float) -> float:
    """Return the normalised perplexity of a perfect forecast, for shares of `support` products."""
    return math.exp((num_values - 1) / (2 * support)) if support > 0 else math.inf


def mean(values: ArrayLike) -> float:
    """Return the mean of the numbers that are not NaN; NaN if there is none, without a warning."""
    array = np.asarray(values, dtype=np.float64)
    known = array[~np.isnan(array)]
    return float(known.mean()) if known.size else math.nan


def skill(model: float, naive: float) -> float:
    """Return 1 - ln(model) / ln(naive) of two normalised perplexities.

    It is NaN if the naive forecast is perfect or either number is NaN.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        below = float(np.log(naive))
        return 1.0 - float(np.log(model)) / below if below > 0 else math.nan


@dataclass(frozen=True)
class Difference:
    """The mean of paired differences over rolling origins."""

    mean: float
    standard_error: float  # NaN with fewer than two measured origins
    effective_origins: float  # number of independent origins with the same information


def paired_difference(by_origin: Sequence[float] | Array, stride: int, horizon: int) -> Difference:
    """Return the mean difference, with a standard error that allows for overlapping targets.

    Errors of forecasts up to `horizon` steps ahead are taken as a moving average of that order
    (Hansen and Hodrick 1980; Diebold and Mariano 1995): if two windows share the part r of their
    target days, their means have the correlation r. With R the matrix of these parts for
    the n measured origins, u = 1'R1 and s2 the sample variance, the mean's variance is
    s2 (u / n^2) (n - 1) / (n - u / n): overlap makes the sample variance too small and the
    number of origins too large, and the formula corrects both. Targets without overlap give
    s / sqrt(n).

    Args:
        by_origin: (O,) differences in the order of time; NaN for an origin that was not measured.
        stride: steps between two origins.
        horizon: steps that each origin forecasts.
    """
    differences = np.asarray(by_origin, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(differences))
    if not len(known):
        return Difference(math.nan, math.nan, 0.0)
    apart = np.abs(known[:, None] - known) * stride
    total = float(np.maximum(1.0 - apart / horizon, 0.0).sum())
    n, found = len(known), differences[known]
    if n < 2 or not np.isfinite(found).all():
        return Difference(mean(found), math.nan, n * n / total)
    variance = float(found.var(ddof=1)) * total / n**2 * (n - 1) / (n - total / n)
    return Difference(float(found.mean()), math.sqrt(variance), n * n / total)
