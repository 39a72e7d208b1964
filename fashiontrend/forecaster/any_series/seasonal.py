"""The base of every forecast: a seasonal shape times a recent level.

This is a multiplicative classical decomposition (Hyndman & Athanasopoulos, FPP3, section 3.4) with
two changes: level and shape are estimated in turns, each divided by the other, so that missing
dates cause no bias; and newer seasons weigh more. Shapes: B windows, L dates (whole seasons), m season.
"""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Weight of a season relative to the next newer one.
_SEASON_DECAY = 0.7
_TURNS = 3
#: Width of the moving mean that is applied twice for the local level, and standard deviation of the
#: circular smoothing of the shape; both in seasons.
_LEVEL_WIDTH, _SHAPE_WIDTH = 0.61, 1.75 / 52
_TINY = 1e-9


def decompose(
    history: Array, observed: Array, season: int, half_life: float
) -> tuple[Array, Array]:
    """Return level and seasonal shape at the end of each window.

    Args:
        history: (B, L) values of at least 0, L a multiple of `season`, the newest date last.
        observed: (B, L) 1.0 if measured; other values of `history` are not read.
        season: m, in dates.
        half_life: number of dates after which the weight of a date in the level halves.

    Returns:
        Level (B,), and shape (B, m) with mean 1, whose first column belongs to the next date. A
        window with less than a season of measured dates has a shape of ones.
    """
    size, length = history.shape
    seasons = length // season
    values = np.where(observed > 0, history, 0.0)
    weight = (_SEASON_DECAY ** np.arange(seasons)[::-1])[None, :, None] * observed.reshape(
        size, seasons, season
    )
    smooth = _circle(season)
    shape = np.ones((size, season))
    whole = observed.sum(axis=1) >= season
    for _ in range(_TURNS if season > 1 else 0):
        level = _mean_twice(values, observed * np.tile(shape, (1, seasons)), _LEVEL_WIDTH * season)
        ratio = (values / (level + _TINY)).reshape(size, seasons, season)
        total = weight.sum(axis=1) @ smooth
        shape = np.where(
            (total > _TINY) & whole[:, None],
            ((ratio * weight).sum(axis=1) @ smooth) / np.maximum(total, _TINY),
            1.0,
        )
        shape /= shape.mean(axis=1, keepdims=True) + _TINY
    recent = 0.5 ** (np.arange(length)[::-1] / half_life) * observed
    expected = (np.tile(shape, (1, seasons)) * recent).sum(axis=1)
    return (values * recent).sum(axis=1) / np.maximum(expected, _TINY), shape


def extend(shape: Array, horizon: int) -> Array:
    """Return the (B, horizon) shape of the forecast dates."""
    return np.tile(shape, (1, math.ceil(horizon / shape.shape[1])))[:, :horizon]


def _mean_twice(values: Array, weight: Array, width: float) -> Array:
    """Return the centred moving weighted mean; a box applied twice is nearly a Gaussian."""
    reach = max(1, round(width / 2))
    sums = [_box(_box(a, reach), reach) for a in (values, weight)]
    return np.asarray(sums[0] / np.maximum(sums[1], _TINY))


def _box(a: Array, reach: int) -> Array:
    total = np.cumsum(np.pad(a, ((0, 0), (reach + 1, reach))), axis=1)
    return np.asarray(total[:, 2 * reach + 1 :] - total[:, : -2 * reach - 1])


def _circle(season: int) -> Array:
    """Return the (m, m) matrix of a Gaussian smoothing around the season."""
    away = np.arange(season)
    away = np.minimum(away, season - away)
    weight = np.exp(-0.5 * (away / (_SHAPE_WIDTH * season)) ** 2)
    return np.stack([np.roll(weight / weight.sum(), i) for i in range(season)])
