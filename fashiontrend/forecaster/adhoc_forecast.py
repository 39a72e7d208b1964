"""Forecast the series of a request with any released model, without training."""

import numpy as np
import pandas as pd

from fashiontrend.errors import ConfigError, DataError
from fashiontrend.forecaster.any_series.ensemble import SeriesForecaster, predict_series
from fashiontrend.forecaster.any_series.tables import SeriesTable
from fashiontrend.forecaster.artifact import Artifact
from fashiontrend.forecaster.shares.predict import find_quantiles, predict
from fashiontrend.forecaster.shares.windows import ShareSeries, carry, cut_windows

#: Largest accepted distance of a date's sum from 1.
_SUM_TOLERANCE = 0.02
#: Assumed products behind a share if the released model's report does not say.
_DEFAULT_SUPPORT = 200.0


def forecast_series(
    model: Artifact | SeriesForecaster, table: SeriesTable, horizon: int
) -> pd.DataFrame:
    """Forecast series that the model was not trained on.

    Args:
        model: a released share model (`artifact.load`), for which the series must be the values
            of one attribute; or a forecaster of any series (`artifact.load_series`).
        table: the series, see `tables.read_table` and `tables.from_arrays`.
        horizon: number of dates to forecast, at most the horizon of the model.

    Returns:
        Columns series, date, value, q10, q90; series by series, `horizon` rows each.

    Raises:
        ConfigError: the horizon exceeds the model's, or the frequency differs from the model's.
        DataError: a share model gets fewer than two series, series that are not daily, or series
            that do not sum to 1 on every measured date.
    """
    if isinstance(model, SeriesForecaster):
        found = predict_series(model, table, horizon)
        return _tabulate(table, horizon, found.median, found.q10, found.q90)
    if not 1 <= horizon <= model.cfg.prediction_length:
        raise ConfigError(
            f"horizon {horizon}: this model forecasts 1 to {model.cfg.prediction_length} days. Ask for fewer."
        )
    series = _as_attribute(table, model)
    last = len(series.days) - 1
    prediction = predict(model.model, cut_windows(series, [last], model.cfg, len(series.days)))
    quantiles = find_quantiles(prediction, model.calibration)
    shares = [a[0, :horizon].T for a in (prediction.shares, quantiles[1], quantiles[2])]
    return _tabulate(table, horizon, *shares)


def _as_attribute(table: SeriesTable, model: Artifact) -> ShareSeries:
    if table.frequency.name != "daily" or len(table.names) < 2:
        raise DataError(
            f"{len(table.names)} {table.frequency.name} series; this model forecasts daily shares of an attribute "
            "with two values or more. Fit one with `fashiontrend forecast`."
        )
    share = table.values.T[None]
    good = np.asarray(~np.isnan(share).any(axis=2))
    total = np.where(good, np.nan_to_num(share).sum(axis=2), 1.0)[0]
    wrong = np.flatnonzero(np.abs(total - 1.0) > _SUM_TOLERANCE)
    if len(wrong) or np.nanmin(share) < 0 or not good.any():
        at = wrong[0] if len(wrong) else 0
        raise DataError(
            f"the series sum to {total[at]:.3f} on {table.dates[at]:%Y-%m-%d}; this model forecasts shares, which are "
            "at least 0, measured together and sum to 1. Post all values of one attribute."
        )
    pairs = model.metrics.get("pairs") or []
    known = [p["support"] for p in pairs if p.get("support")]
    support = np.full(good.shape, float(np.median(known)) if known else _DEFAULT_SUPPORT)
    has_value = np.ones((1, len(table.names)), dtype=bool)
    days = tuple(d.date() for d in table.dates)
    return ShareSeries(
        (("posted", "posted"),), (table.names,), days, carry(share, good, has_value),
        np.full(share.shape, np.nan), support, good, has_value,
    )  # fmt: skip


def _tabulate(
    table: SeriesTable, horizon: int, value: np.ndarray, low: np.ndarray, high: np.ndarray
) -> pd.DataFrame:
    dates = table.future(horizon)
    return pd.DataFrame(
        {
            "series": np.repeat(np.array(table.names, dtype=object), horizon),
            "date": np.tile(dates.strftime("%Y-%m-%d").to_numpy(), len(table.names)),
            "value": value.ravel(),
            "q10": low.ravel(),
            "q90": high.ravel(),
        }
    )
