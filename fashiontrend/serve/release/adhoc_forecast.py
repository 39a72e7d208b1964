"""Forecasts of series in a request body, by the released LSTM, which is not trained on them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

import pyarrow as pa

from fashiontrend.errors import DataError
from fashiontrend.forecaster import artifact
from fashiontrend.forecaster.shares.forecast import forecast
from fashiontrend.serve.release import tables
from fashiontrend.serve.schemas.problems import Problem
from fashiontrend.serve.schemas.requests import AdhocSeries
from fashiontrend.serve.schemas.responses import AdhocForecastRow, ModelIdentity
from fashiontrend.storage import schemas
from fashiontrend.storage.object_store import Store
from fashiontrend.storage.releases import Release, read_model

#: Value for what the shares of a day lack to 1, and the smallest such rest that is kept.
OTHER, MIN_REST = "_other", 1e-3
#: Products behind a day if the caller gives no number, and the highest sum of shares, for rounding.
SUPPORT, MAX_SUM = 500, 1.001
#: A forecast may reach this many days beyond a series, all of which must exist in the calendar.
CALENDAR_DAYS = 366


@dataclass(frozen=True, eq=False)
class ServedForecaster:
    """The forecaster of a release."""

    release_id: str
    version: str
    digest: str
    model: artifact.Artifact

    @property
    def identity(self) -> ModelIdentity:
        """The forecaster as responses name it."""
        return ModelIdentity.of("forecaster", self.version, self.digest)


def load(store: Store, release: Release) -> ServedForecaster:
    """Load the forecaster of a release and run its self-test.

    Raises:
        DataError: it is missing or damaged, or fails its self-test.
    """
    files = read_model(store, "forecaster", release.forecaster)
    model = artifact.load(files)
    digest = json.loads(files[artifact.CARD])["digest"]
    forecaster = ServedForecaster(release.release_id, release.forecaster, digest, model)
    days = (0.5,) * 14
    probe = AdhocSeries(id="self-test", attribute="a", start="2026-01-01", shares={"b": days})
    if not forecast_series(forecaster, [probe]):
        raise DataError(
            f"The forecaster {release.forecaster} failed its self-test: it gave no forecast, expected "
            "one. Train it again."
        )
    return forecaster


def forecast_series(
    forecaster: ServedForecaster, series: Sequence[AdhocSeries]
) -> list[AdhocForecastRow]:
    """Forecast every value of every series, in the order of the series.

    Raises:
        Problem: 400 if the shares of a day exceed 1, a date does not exist, no day is measured
            completely, or two series have the same id.
    """
    if len({s.id for s in series}) < len(series):
        raise Problem(400, "invalid", "Two series have the same id; ids must be unique.")
    rows: dict[str, list[AdhocForecastRow]] = {}
    ordered = sorted(series, key=lambda s: (s.start, _length(s)))
    model = forecaster.model
    for _, group in groupby(ordered, key=lambda s: (s.start, _length(s))):
        table = pa.concat_tables([_table(s) for s in group])
        found = forecast(model.model, model.calibration, table, model.cfg)
        for key, columns in tables.forecast_columns(found):
            row = AdhocForecastRow(
                id=key.platform, attribute=key.attribute, value=key.value, **columns
            )
            rows.setdefault(row.id, []).append(row)
    return [row for s in series for row in rows.get(s.id, ())]


def _length(series: AdhocSeries) -> int:
    return len(next(iter(series.shares.values())))


def _table(series: AdhocSeries) -> pa.Table:
    """The series as rows of `storage.schemas.SHARE`, with its id in place of a platform."""
    first = _first_day(series)
    rows = [
        {
            "platform": series.id,
            "attribute": series.attribute,
            "value": value,
            "day": first + timedelta(days=n),
            "window_days": 7,
            "basis": "live",
            "support": series.support[n] if series.support else SUPPORT,
            "share_raw": share,
            "share": share,
            "low": share,
            "high": share,
            "withheld": share is None,
        }
        for value, shares in _complete(series).items()
        for n, share in enumerate(shares)
    ]
    return pa.Table.from_pylist(rows, schema=schemas.SHARE)


def _first_day(series: AdhocSeries) -> date:
    """The first day, if all days of the series and of its forecast exist."""
    try:
        first = date.fromisoformat(series.start)
        first + timedelta(days=_length(series) + CALENDAR_DAYS)
    except (ValueError, OverflowError):
        detail = f"{series.id!r}: {series.start!r} is not a possible date."
        raise Problem(400, "invalid", detail) from None
    return first


def _complete(series: AdhocSeries) -> dict[str, tuple[float | None, ...]]:
    """The shares by value, with `_other` for what they lack to 1."""
    days = list(zip(*series.shares.values(), strict=True))
    if not any(all(v is not None for v in day) for day in days):
        detail = f"{series.id!r}: no day has a share for each value."
        raise Problem(400, "invalid", detail)
    columns: dict[str, tuple[float | None, ...]] = dict(series.shares)
    rest = [_rest(series.id, day) for day in days]
    if len(columns) == 1 or any(r is not None and r > MIN_REST for r in rest):
        if OTHER in columns:
            detail = f"{series.id!r}: with the value {OTHER!r} the shares of a day must sum to 1."
            raise Problem(400, "invalid", detail)
        columns[OTHER] = tuple(rest)
    return columns


def _rest(series_id: str, day: Sequence[float | None]) -> float | None:
    known = [v for v in day if v is not None]
    if len(known) < len(day):
        return None
    if sum(known) > MAX_SUM:
        detail = (
            f"{series_id!r}: the shares of a day sum to {sum(known):.3f}; at most 1 is possible."
        )
        raise Problem(400, "invalid", detail)
    return max(0.0, 1.0 - sum(known))
