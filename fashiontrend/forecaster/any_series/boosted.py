"""Gradient-boosted trees on the residual of the seasonal base, the second part of the ensemble.

The features of the trees are summaries of what the LSTM's decoder gets, over a longer context, in the windows
of the first network. LightGBM fits them; they are kept in its text format, which is only parsed.
Shapes as in `univariate`.
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
#: Number of training cells (window, horizon) that are drawn.
_CELLS = 200_000
#: Numbers of newest dates for means and for standard deviations of the ratio to the base.
_MEAN_SPANS, _DEVIATION_SPANS = (2, 4, 8, 13, 26, 52, 78, 104), (8, 52)
_MIN_RATIO = 0.05


def fit_trees(windows: PathBatch, seed: int) -> lightgbm.Booster | None:
    """Fit log(target / base) by absolute error of the target; None if no cell has a target."""
    importance = (windows.weight * windows.base).numpy().ravel()
    cells = np.flatnonzero(importance > 0)
    if not len(cells):
        return None
    drawn = np.random.default_rng(seed).permutation(cells)[:_CELLS]
    ratio = windows.target.numpy().ravel()[drawn] / windows.base.numpy().ravel()[drawn]
    # For small residuals, the absolute error of the target is that of the residual times the base.
    data = lightgbm.Dataset(
        _describe(windows, drawn),
        np.log(ratio.clip(_MIN_RATIO, 1 / _MIN_RATIO)),
        weight=importance[drawn] / importance[drawn].mean(),
    )
    return lightgbm.train({**_SETTINGS, "seed": seed}, data, _ROUNDS)


def forecast_trees(booster: lightgbm.Booster, windows: PathBatch) -> Array:
    """Return the (B, H) base times the exponential of the residual."""
    residual = np.asarray(booster.predict(_describe(windows, np.arange(windows.base.numel()))))
    made = windows.base.double().numpy() * np.exp(residual.reshape(windows.base.shape))
    return np.asarray(made, dtype=np.float64)


def _describe(windows: PathBatch, cells: NDArray[np.int64]) -> Array:
    """Return (cells, features): summaries of the path, then features of the forecast date."""
    window, step = np.divmod(cells, windows.base.shape[1])
    ratio, ahead = windows.path[:, :, 0].numpy(), windows.ahead.numpy()
    past = [ratio[:, -n:].mean(axis=1) for n in _MEAN_SPANS] + [
        ratio[:, -n:].std(axis=1) for n in _DEVIATION_SPANS
    ]
    past += [ahead[:, :, 0].std(axis=1), ahead[:, 0, 0]]
    return np.column_stack([np.stack(past, axis=1)[window], ahead[window, step], step])
