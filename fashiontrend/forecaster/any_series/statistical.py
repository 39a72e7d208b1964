"""Forecast with well-known statistical models of statsforecast, one series at a time.

These models are an optional extra: `pip install fashiontrend[baselines]`. Shapes: S series, T dates, H horizons.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fashiontrend.errors import ConfigError

Array = NDArray[np.float64]
#: statsforecast's exponential smoothing takes no longer season.
_LONGEST_ETS_SEASON = 24
NAMES = ("auto_ets", "auto_theta", "mstl", "tbats")


def forecast_statistically(name: str, values: Array, horizon: int, season: int) -> Array:
    """Fit a model to every series and return its (S, H) forecasts.

    Args:
        name: one of `NAMES`.
        values: (S, T) without gaps.
        horizon: H, in dates.
        season: length in dates; AutoETS is fitted without a season if it is longer than 24.

    Raises:
        ConfigError: statsforecast is not installed.
    """
    made = []
    for series in values:
        model = _build(name, season)
        made.append(np.asarray(model.forecast(y=series.astype(np.float64), h=horizon)["mean"]))
    return np.stack(made)


def _build(name: str, season: int) -> Any:
    try:
        from statsforecast import models
    except ImportError as error:
        raise ConfigError(
            f"the baseline {name} needs `pip install fashiontrend[baselines]`. Install it or leave it out."
        ) from error
    if name == "auto_ets":
        return models.AutoETS(season_length=season if season <= _LONGEST_ETS_SEASON else 1)
    if name == "auto_theta":
        return models.AutoTheta(season_length=season)
    if name == "mstl":
        return models.MSTL(season_length=season, trend_forecaster=models.AutoTheta(season_length=1))
    # AutoTBATS chooses by AIC, as published; with the plain defaults of TBATS a trend diverges.
    return models.AutoTBATS(season_length=season, use_arma_errors=False)
