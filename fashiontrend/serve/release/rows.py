"""Rows of a table of values: which are wanted, and how they become columns of a response."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from fashiontrend.serve.schemas.problems import Problem

#: Most points of series in one response.
MAX_POINTS = 100_000
KEY = ["platform", "attribute", "value"]


@dataclass(frozen=True)
class ValueFilter:
    """Restricts rows to a platform, an attribute or a value; None stands for all."""

    platform: str | None = None
    attribute: str | None = None
    value: str | None = None


class ValueKey(NamedTuple):
    """What a series is about."""

    platform: str
    attribute: str
    value: str


def check_points(chosen: pa.Table) -> None:
    """Refuse a response of more than `MAX_POINTS` points.

    Raises:
        Problem: 400.
    """
    if chosen.num_rows > MAX_POINTS:
        detail = (
            f"The response would have {chosen.num_rows} points; at most {MAX_POINTS} are possible. "
            "Name a platform, an attribute or days."
        )
        raise Problem(400, "invalid", detail)


def between(table: pa.Table, start: str | None, end: str | None) -> pa.Table:
    """The rows of some days; no day at an end leaves it open."""
    days = pc.cast(table["day"], pa.string())
    if start:
        table, days = (t.filter(pc.greater_equal(days, start)) for t in (table, days))
    return table.filter(pc.less_equal(days, end)) if end else table


def filter_values(table: pa.Table, wanted: ValueFilter) -> pa.Table:
    """The rows of a platform, an attribute or a value."""
    for column, value in vars(wanted).items():
        if value is not None:
            table = table.filter(pc.equal(table[column], value))
    return table


def group_values(table: pa.Table) -> Iterator[tuple[ValueKey, pd.DataFrame]]:
    """The rows of each value on each platform, in order of day."""
    frame = table.to_pandas().sort_values([*KEY, "day"], kind="stable")
    for key, group in frame.groupby(KEY, sort=True):
        yield ValueKey(*key), group


def days_of(group: pd.DataFrame) -> list[str]:
    """The days of some rows, YYYY-MM-DD."""
    return [d.isoformat() for d in group["day"]]


def round_numbers(column: Any) -> list[float | None]:
    """Round to five digits, more than any share is known to; what was not measured becomes None."""
    return [None if v != v else round(v, 5) for v in column.astype(float).tolist()]
