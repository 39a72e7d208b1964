"""LightGBM on the residual of the seasonal base: the strongest baseline, if the extra is installed."""

import numpy as np
from numpy.typing import NDArray

from fashiontrend.config import MemberConfig
from fashiontrend.errors import ConfigError
from fashiontrend.forecaster.univariate import Panel, PathBatch, cut_paths

Array = NDArray[np.float64]
_MEMBER = MemberConfig()
_SETTINGS = {
    "objective": "l1", "learning_rate": 0.03, "num_leaves": 15, "min_data_in_leaf": 200, "feature_fraction": 0.7,
    "bagging_fraction": 0.5, "bagging_freq": 1, "verbose": -1, "num_threads": 1, "deterministic": True,
}  # fmt: skip
_ROUNDS, _ROWS = 150, 200_000


def boost(panel: Panel, horizon: int, seed: int = 0) -> Array:
    """Forecast the dates after the panel's last one; (S, H).

    Raises:
        ConfigError: LightGBM is not installed.
    """
    try:
        import lightgbm
    except ImportError as error:
        raise ConfigError(
            "the baseline lightgbm needs `pip install fashiontrend[baselines]`. Install it or leave it out."
        ) from error
    rng = np.random.default_rng(seed)
    size, length = panel.values.shape
    rows = np.flatnonzero(panel.weight > 0)
    origins = np.arange(panel.season, length - 3)
    series, when = np.repeat(rows, len(origins)), np.tile(origins, len(rows))
    seen = cut_paths(panel, series, when, _MEMBER, horizon)
    weight = seen.weight.numpy()
    some = np.flatnonzero(weight.ravel() > 0)
    some = rng.choice(some, min(len(some), _ROWS), replace=False)
    target = _residual(seen).ravel()[some]
    # An absolute error of the values is one of the residuals, weighted by the base.
    importance = (weight * seen.base.numpy()).ravel()[some]
    data = lightgbm.Dataset(_describe(seen, some), target, weight=importance)
    booster = lightgbm.train({**_SETTINGS, "seed": seed}, data, _ROUNDS)
    now = cut_paths(panel, np.arange(size), np.full(size, length), _MEMBER, horizon)
    residual = np.asarray(booster.predict(_describe(now, np.arange(size * horizon))))
    return np.asarray(now.base.numpy() * np.exp(residual.reshape(size, horizon)), dtype=np.float64)


def _residual(batch: PathBatch) -> Array:
    base = batch.base.numpy() + 1e-9
    return np.asarray(np.log(np.maximum(batch.target.numpy() / base, 0.05)).clip(-2, 2))


def _describe(batch: PathBatch, cells: NDArray[np.int64]) -> Array:
    """One row per (window, horizon) cell: residuals averaged over stretches of the past, shape, horizon."""
    horizon = batch.base.shape[1]
    window, step = cells // horizon, cells % horizon
    ratio = batch.path[:, :, 0].numpy()
    parts = [ratio[:, -n:].mean(axis=1) for n in (2, 4, 8, 13, 26, 52)]
    parts += [ratio[:, -n:].std(axis=1) for n in (8, 52)]
    ahead = batch.ahead.numpy()
    parts += [ahead[:, :, 0].std(axis=1), ahead[:, 0, 0]]
    return np.column_stack([np.stack(parts, axis=1)[window], ahead[window, step], step])
