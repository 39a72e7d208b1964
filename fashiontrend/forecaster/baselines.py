"""Naive forecasts that a trained model has to beat. Context (B, C, V) -> shares (B, H, V)."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fashiontrend.config import ForecasterConfig

Array = NDArray[np.float64]
_EWMA_SPAN = 7


def persist(context: Array, cfg: ForecasterConfig) -> Array:
    """The last day, repeated."""
    return np.repeat(context[:, -1:], cfg.prediction_length, axis=1)


def repeat_season(context: Array, cfg: ForecasterConfig) -> Array:
    """The same day of the last season; persistence if the context is shorter than a season."""
    season = cfg.season_length
    if season > context.shape[1]:
        return persist(context, cfg)
    steps = np.arange(cfg.prediction_length) % season
    return np.asarray(context[:, steps - season])


def smooth_exponentially(context: Array, cfg: ForecasterConfig) -> Array:
    """The exponentially weighted mean with a span of a week, repeated."""
    age = np.arange(context.shape[1])[::-1]
    weight = (1 - 2 / (_EWMA_SPAN + 1)) ** age
    mean = np.einsum("c,bcv->bv", weight / weight.sum(), context)
    return np.repeat(mean[:, None], cfg.prediction_length, axis=1)


def average(context: Array, cfg: ForecasterConfig) -> Array:
    """The mean of the context, repeated."""
    return np.repeat(context.mean(axis=1, keepdims=True), cfg.prediction_length, axis=1)


BASELINES: dict[str, Callable[[Array, ForecasterConfig], Array]] = {
    "persistence": persist,
    "seasonal_naive": repeat_season,
    "ewma": smooth_exponentially,
    "long_run_mean": average,
}
#: The forecasts that the gate asks the model to beat.
NAIVE = ("persistence", "seasonal_naive")
