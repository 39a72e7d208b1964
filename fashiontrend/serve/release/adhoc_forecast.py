"""Forecasts for series that a caller posts, by the released LSTM; nothing is trained."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import pyarrow as pa

from fashiontrend.errors import DataError
from fashiontrend.forecaster import artifact
from fashiontrend.forecaster.shares.forecast import forecast
from fashiontrend.serve.http.problems import Problem
from fashiontrend.serve.recognition.recognise import name_model
from fashiontrend.serve.release import tables
from fashiontrend.serve.schemas.requests import PostedSeries
from fashiontrend.storage import schemas
from fashiontrend.storage.object_store import Store
from fashiontrend.storage.releases import Release, read_model

#: The value that takes what the posted ones leave of 1, and the least part that is worth one.
OTHER, LEAST_REST = "_other", 1e-3
SUPPORT, ROUNDING = 500, 1.001


@dataclass(frozen=True, eq=False)
class Trend:
    """A release's forecaster."""

    release_id: str
    version: str
    digest: str
    model: artifact.Artifact


def load(store: Store, release: Release) -> Trend:
    """Fetch the forecaster and let it answer once.

    Raises:
        DataError: it is missing, damaged, or does not answer.
    """
    files = read_model(store, "forecaster", release.forecaster)
    model = artifact.load(files)
    digest = json.loads(files[artifact.CARD])["digest"]
    trend = Trend(release.release_id, release.forecaster, digest, model)
    days = (0.5,) * 14
    probe = PostedSeries(id="self-test", attribute="a", start="2026-01-01", shares={"b": days})
    if not answer(trend, [probe]):
        raise DataError(f"forecaster {release.forecaster} does not answer its self-test.")
    return trend


def answer(trend: Trend, series: Sequence[PostedSeries]) -> list[dict[str, Any]]:
    """One object a value, in the order of the series.

    Raises:
        Problem: 400; shares of a day exceed 1, a date does not exist, nothing is measured, or an id
            stands twice.
    """
    if len({s.id for s in series}) < len(series):
        raise Problem(400, "invalid", "The id of a series stands twice; ids are unique.")
    rows: dict[str, list[dict[str, Any]]] = {}
    ordered = sorted(series, key=lambda s: (s.start, _length(s)))
    for _, group in groupby(ordered, key=lambda s: (s.start, _length(s))):
        table = pa.concat_tables([_table(s) for s in group])
        model = trend.model
        found = forecast(model.model, model.calibration, table, model.cfg)
        for row in tables.in_columns(found):
            own = {"id": row.pop("platform"), **row}
            rows.setdefault(own["id"], []).append(own)
    return [row for s in series for row in rows.get(s.id, ())]


def name(trend: Trend) -> dict[str, str]:
    """Which model answered."""
    return name_model("forecaster", trend.version, trend.digest)


def _length(series: PostedSeries) -> int:
    return len(next(iter(series.shares.values())))


def _table(series: PostedSeries) -> pa.Table:
    """Rows of `records.SHARE`; the series' id stands for the platform."""
    try:
        first = date.fromisoformat(series.start)
        last = first + timedelta(days=_length(series) + 366)
        del last  # only that it exists
    except (ValueError, OverflowError):
        raise Problem(400, "invalid", f"{series.id!r}: {series.start!r} is not a date.") from None
    if not any(
        all(v is not None for v in day) for day in zip(*series.shares.values(), strict=True)
    ):
        raise Problem(400, "invalid", f"{series.id!r}: no day has all its shares.")
    columns = dict(series.shares)
    rest = [_rest(series.id, day) for day in zip(*columns.values(), strict=True)]
    if len(columns) == 1 or any(r is not None and r > LEAST_REST for r in rest):
        if OTHER in columns:
            raise Problem(400, "invalid", f"{series.id!r}: shares with {OTHER!r} must sum to 1.")
        columns[OTHER] = tuple(rest)
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
        for value, shares in columns.items()
        for n, share in enumerate(shares)
    ]
    return pa.Table.from_pylist(rows, schema=schemas.SHARE)


def _rest(series_id: str, day: Sequence[float | None]) -> float | None:
    known = [v for v in day if v is not None]
    if len(known) < len(day):
        return None
    if sum(known) > ROUNDING:
        raise Problem(
            400,
            "invalid",
            f"{series_id!r}: the shares of a day sum to {sum(known):.3f}, at most 1.",
        )
    return max(0.0, 1.0 - sum(known))
