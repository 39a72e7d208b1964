"""Naive forecasts that a trained model has to beat. Context (B, C, V) -> forecast (B, H, V).

They take shares and any other series alike; a context holds no gap (carry the last value on).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Baseline = Callable[[Array, int, int], Array]
#: Dates; of the exponentially weighted mean.
_EWMA_SPAN = 7


def persist(context: Array, horizon: int, season: int) -> Array:
    """The last date, repeated."""
    return np.repeat(context[:, -1:], horizon, axis=1)


def repeat_season(context: Array, horizon: int, season: int) -> Array:
    """The same date of the last season; persistence if the context is shorter than a season."""
    if season > context.shape[1]:
        return persist(context, horizon, season)
    return np.asarray(context[:, np.arange(horizon) % season - season])


def smooth_exponentially(context: Array, horizon: int, season: int) -> Array:
    """The exponentially weighted mean with a span of seven dates, repeated."""
    age = np.arange(context.shape[1])[::-1]
    weight = (1 - 2 / (_EWMA_SPAN + 1)) ** age
    mean = np.einsum("c,bcv->bv", weight / weight.sum(), context)
    return np.repeat(mean[:, None], horizon, axis=1)


def average(context: Array, horizon: int, season: int) -> Array:
    """The mean of the context, repeated."""
    return np.repeat(context.mean(axis=1, keepdims=True), horizon, axis=1)


BASELINES: dict[str, Baseline] = {
    "persistence": persist,
    "seasonal_naive": repeat_season,
    "ewma": smooth_exponentially,
    "long_run_mean": average,
}
#: The forecasts that the gate asks the model to beat.
NAIVE = ("persistence", "seasonal_naive")
