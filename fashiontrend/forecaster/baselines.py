"""Naive forecasts that a trained model has to beat: context (B, C, V) -> forecast (B, H, V).

The naive forecasts take shares and any other series. A context must have no gaps: fill them with the value before.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Baseline = Callable[[Array, int, int], Array]
#: Span of the exponentially weighted mean, in dates.
_EWMA_SPAN = 7


def persist(context: Array, horizon: int, season: int) -> Array:
    """Repeat the last date."""
    return np.repeat(context[:, -1:], horizon, axis=1)


def repeat_season(context: Array, horizon: int, season: int) -> Array:
    """Repeat the last season; a context shorter than a season is forecast by persistence."""
    if season > context.shape[1]:
        return persist(context, horizon, season)
    return np.asarray(context[:, np.arange(horizon) % season - season])


def smooth_exponentially(context: Array, horizon: int, season: int) -> Array:
    """Repeat the exponentially weighted mean, whose span is seven dates."""
    age = np.arange(context.shape[1])[::-1]
    weight = (1 - 2 / (_EWMA_SPAN + 1)) ** age
    mean = np.einsum("c,bcv->bv", weight / weight.sum(), context)
    return np.repeat(mean[:, None], horizon, axis=1)


def average(context: Array, horizon: int, season: int) -> Array:
    """Repeat the mean of the context."""
    return np.repeat(context.mean(axis=1, keepdims=True), horizon, axis=1)


BASELINES: dict[str, Baseline] = {
    "persistence": persist,
    "seasonal_naive": repeat_season,
    "ewma": smooth_exponentially,
    "long_run_mean": average,
}
#: The naive forecasts that the perplexity gate compares the model with.
NAIVE = ("persistence", "seasonal_naive")
