"""Forecasts of well-known statistical models, one series at a time, from statsforecast.

An optional extra: `pip install fashiontrend[baselines]`. Shapes: S series, T dates, H horizons.
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
    """Fit a model to every series and forecast; (S, T) without gaps -> (S, H).

    Args:
        name: one of `NAMES`.
        values: (S, T).
        horizon: H.
        season: dates. AutoETS has none where it is longer than 24, as weeks of a year.

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
    # Chosen by AIC, as the method was published; with its plain defaults a trend runs away.
    return models.AutoTBATS(season_length=season, use_arma_errors=False)
