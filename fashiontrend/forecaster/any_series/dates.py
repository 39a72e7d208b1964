"""Read the dates of a table as people write them, and say how they were understood.

A form is read only if the column itself settles what it means: 31/12/2024 has the day first, and so
then has 03/04/2024 beside it. A column of which every date could mean two days is refused.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import pandas as pd

from fashiontrend.errors import DataError

#: The end of a time with its distance from UTC. A local midnight is a day, whatever its distance.
_OFFSET = re.compile(r"(?<=\d)\s*(Z|[+-]\d{2}:?\d{2})$", re.I)
_ISO_WEEK = re.compile(r"(\d{4})-?W(\d{2})(?:-?([1-7]))?", re.I)
_QUARTER = re.compile(r"(\d{4})[ -]?Q([1-4])", re.I)
_PARTED = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})")
_EXPECTED = "Expected year-month-day, such as 2018-12-31; correct the cell."


@dataclass(frozen=True)
class ReadDates:
    """Dates that were read.

    Attributes:
        days: one timestamp at midnight for each row, without a time zone.
        notes: how forms other than year-month-day were understood, as sentences.
    """

    days: pd.Series
    notes: tuple[str, ...] = ()


def read_dates(column: pd.Series, source: str) -> ReadDates:
    """Read a column of dates, all of which are written in one form.

    The forms are year-month-day with or without a local midnight, ISO weeks (2024-W05, which means their
    Monday), quarters (2024-Q1), years (2024), and day and month in the order that the column settles.

    Args:
        column: text, timestamps or whole years.
        source: name of the table in messages.

    Raises:
        DataError: a cell is no date, has a time of day, or could mean two days.
    """
    distinct = pd.Series(column.unique())
    if pd.api.types.is_numeric_dtype(distinct):
        text = _years_as_text(distinct, source)
    else:
        text = distinct.astype(str).str.strip()
    for form, read in _FORMS:
        if text.str.fullmatch(form).all():
            stamps, notes = read(text, source)
            break
    else:
        stamps, notes = _read_iso(text, source), ()
    if (stamps != stamps.dt.normalize()).any():
        raise DataError(
            f"{source}: {text[stamps != stamps.dt.normalize()].iloc[0]} has a time of day; one value "
            "a day, week, month, quarter or year is expected. Sum or average the values of a day first."
        )
    return ReadDates(column.map(dict(zip(distinct, stamps, strict=True))), notes)


def _years_as_text(numbers: pd.Series, source: str) -> pd.Series:
    years = numbers.between(1800, 2200) & (numbers % 1 == 0)
    if not years.all():
        raise DataError(
            f"{source}: dates are numbers such as {numbers[~years].iloc[0]}; expected text like 2018-12-31. "
            "Write dates."
        )
    return numbers.astype(int).astype(str)


Read = Callable[[pd.Series, str], tuple[pd.Series, tuple[str, ...]]]


def _read_iso(text: pd.Series, source: str) -> pd.Series:
    read = pd.to_datetime(
        text.str.replace(_OFFSET, "", regex=True), errors="coerce", format="ISO8601"
    )
    if read.isna().any():
        raise DataError(f"{source}: {text[read.isna()].iloc[0]!r} is not a date. {_EXPECTED}")
    return read


def _read_weeks(text: pd.Series, source: str) -> tuple[pd.Series, tuple[str, ...]]:
    def monday(cell: str) -> pd.Timestamp:
        year, week, day = (_ISO_WEEK.fullmatch(cell) or [""]).groups()  # type: ignore[union-attr]
        return pd.Timestamp(date.fromisocalendar(int(year), int(week), int(day or 1)))

    try:
        days = text.map(monday)
    except ValueError as error:
        raise DataError(
            f"{source}: {error}; a year has 52 or 53 ISO weeks. Correct the cell."
        ) from error
    note = f"{text.iloc[0]} is read as an ISO week, which begins on {days.iloc[0]:%Y-%m-%d}"
    return days, (note,)


def _read_quarters(text: pd.Series, source: str) -> tuple[pd.Series, tuple[str, ...]]:
    days = pd.Series(
        pd.PeriodIndex(text.str.replace(_QUARTER, r"\1Q\2", regex=True), freq="Q").start_time
    )
    return days, (f"{text.iloc[0]} is read as the quarter that begins on {days.iloc[0]:%Y-%m-%d}",)


def _read_years(text: pd.Series, source: str) -> tuple[pd.Series, tuple[str, ...]]:
    return pd.to_datetime(text + "-01-01"), (f"{text.iloc[0]} is read as a year",)


def _read_parted(text: pd.Series, source: str) -> tuple[pd.Series, tuple[str, ...]]:
    """Read dates whose day and month stand before the year, in the order that the column settles."""
    parts = text.str.extract(_PARTED)
    first, second, year = (parts[n].astype(int) for n in (0, 2, 3))
    day_first, month_first = bool((first > 12).any()), bool((second > 12).any())
    if day_first and month_first:
        at = text[second > 12].iloc[0]
        raise DataError(
            f"{source}: {text[first > 12].iloc[0]!r} has the day first, {at!r} the month. {_EXPECTED}"
        )
    dotted = bool((parts[1] == ".").all())
    if not (day_first or month_first or dotted):
        raise DataError(
            f"{source}: {text.iloc[0]!r} could mean two days, and so could every other date of the column. "
            "Write year-month-day, such as 2018-12-31."
        )
    day, month = (second, first) if month_first else (first, second)
    days = pd.to_datetime(pd.DataFrame({"year": year, "month": month, "day": day}), errors="coerce")
    if days.isna().any():
        raise DataError(f"{source}: {text[days.isna()].iloc[0]!r} is not a date. {_EXPECTED}")
    order = "month/day/year" if month_first else "day.month.year" if dotted else "day/month/year"
    return days, (f"{text.iloc[0]} is read as {order}: {days.iloc[0]:%Y-%m-%d}",)


_FORMS: tuple[tuple[re.Pattern[str], Read], ...] = (
    (_ISO_WEEK, _read_weeks),
    (_QUARTER, _read_quarters),
    (re.compile(r"\d{4}"), _read_years),
    (_PARTED, _read_parted),
)
