"""Gradient-boosted trees on the residual of the seasonal base: a second opinion beside the LSTM.

The trees see what the decoder of the LSTM sees, summed up by hand and further back, in the windows of
the first network.
Fitted by LightGBM; kept as its text format, which holds numbers only. Shapes as in `univariate`.
"""

import lightgbm
import numpy as np
from numpy.typing import NDArray

from fashiontrend.forecaster.any_series.univariate import PathBatch

Array = NDArray[np.float64]

_SETTINGS = {
    "objective": "l1", "learning_rate": 0.03, "num_leaves": 15, "min_data_in_leaf": 200, "feature_fraction": 0.7,
    "bagging_fraction": 0.5, "bagging_freq": 1, "verbose": -1, "num_threads": 1, "deterministic": True,
    "force_row_wise": True,
}  # fmt: skip
_ROUNDS = 150
#: Cells (window, horizon) drawn to learn from.
_CELLS = 200_000
#: Newest dates over which the ratio to the base is averaged, and over which it is measured how far it strays.
_MEANS, _STRAYS = (2, 4, 8, 13, 26, 52, 78, 104), (8, 52)
_SMALLEST = 0.05


def fit_trees(windows: PathBatch, seed: int) -> lightgbm.Booster | None:
    """Learn the log of target over base, by absolute error of the target; None without a cell to learn from."""
    importance = (windows.weight * windows.base).numpy().ravel()
    cells = np.flatnonzero(importance > 0)
    if not len(cells):
        return None
    drawn = np.random.default_rng(seed).permutation(cells)[:_CELLS]
    ratio = windows.target.numpy().ravel()[drawn] / windows.base.numpy().ravel()[drawn]
    # An absolute error of the target is one of the residual, weighted by the base.
    data = lightgbm.Dataset(
        _describe(windows, drawn),
        np.log(ratio.clip(_SMALLEST, 1 / _SMALLEST)),
        weight=importance[drawn] / importance[drawn].mean(),
    )
    return lightgbm.train({**_SETTINGS, "seed": seed}, data, _ROUNDS)


def forecast_trees(booster: lightgbm.Booster, windows: PathBatch) -> Array:
    """(B, H) base times the exponential of the residual."""
    residual = np.asarray(booster.predict(_describe(windows, np.arange(windows.base.numel()))))
    made = windows.base.double().numpy() * np.exp(residual.reshape(windows.base.shape))
    return np.asarray(made, dtype=np.float64)


def _describe(windows: PathBatch, cells: NDArray[np.int64]) -> Array:
    """(cells, features): the path summed up, then what is known of the date to come."""
    window, step = np.divmod(cells, windows.base.shape[1])
    ratio, ahead = windows.path[:, :, 0].numpy(), windows.ahead.numpy()
    past = [ratio[:, -n:].mean(axis=1) for n in _MEANS] + [
        ratio[:, -n:].std(axis=1) for n in _STRAYS
    ]
    past += [ahead[:, :, 0].std(axis=1), ahead[:, 0, 0]]
    return np.column_stack([np.stack(past, axis=1)[window], ahead[window, step], step])
