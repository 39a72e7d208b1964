"""Make the forecast table: every series of the share table, at every horizon."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
from torch import nn

from fashiontrend.config import ForecasterConfig
from fashiontrend.forecaster.shares.predict import (
    QUANTILES,
    IntervalCalibration,
    find_quantiles,
    predict,
)
from fashiontrend.forecaster.shares.windows import cut_windows, read_series
from fashiontrend.storage import schemas


def forecast(
    model: nn.Module, calibration: IntervalCalibration, shares: pa.Table, cfg: ForecasterConfig
) -> pa.Table:
    """Forecast from the last day of a share table.

    Args:
        model: a trained `TrendModel`.
        calibration: calibration of the model's intervals.
        shares: rows of `schemas.SHARE`; attributes with one value are left out.
        cfg: the configuration that the model was trained with.

    Returns:
        Rows of `schemas.FORECAST` for every (platform, attribute, value, horizon), "*" included.
        A series without any measured day is left out.
    """
    series = read_series(shares)
    last = len(series.days) - 1
    windows = cut_windows(series, [last], cfg, len(series.days))
    prediction = predict(model, windows)
    quantiles = find_quantiles(prediction, calibration)
    as_of = series.days[last]
    rows = []
    for s, (platform, attribute) in enumerate(series.pairs):
        if not series.observed[s].any():
            continue
        for v, value in enumerate(series.values[s]):
            for h in range(cfg.prediction_length):
                spread = {
                    n: float(q) for n, q in zip(QUANTILES, quantiles[:, s, h, v], strict=True)
                }
                rows.append(
                    {
                        "platform": platform,
                        "attribute": attribute,
                        "value": value,
                        "as_of": as_of,
                        "day": as_of + timedelta(days=h + 1),
                        "horizon": h + 1,
                        "share": float(np.clip(prediction.shares[s, h, v], 0.0, 1.0)),
                        **spread,
                    }
                )
    return pa.Table.from_pylist(rows, schema=schemas.FORECAST)
