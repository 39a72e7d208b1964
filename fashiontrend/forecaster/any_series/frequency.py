"""Find the frequency of dates, from a day to a year, from the steps between them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fashiontrend.errors import DataError

_DAY = np.timedelta64(1, "D")
#: This many equal steps in a row that differ from the usual step are a change of frequency.
_RUN = 3
#: A gap of more than a year and of this many usual steps is taken for a mistyped year.
_FAR = 20
#: Weekends that must be left out before daily dates count as business days.
_WEEKENDS = 2
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_FREQUENCIES = "daily, weekly, monthly, quarterly or yearly"


@dataclass(frozen=True)
class Frequency:
    """The distance between the dates of a series."""

    name: str  # daily, business-daily, weekly, monthly, quarterly or yearly
    alias: str  # pandas' name, with the weekday, or the month and its start or end
    season: int  # usual season in dates: a week of days, a year of weeks, months or quarters


def find_frequency(long: pd.DataFrame, source: str) -> Frequency:
    """Return the frequency that all series share.

    Missing dates are gaps, however many; three equal steps in a row that differ from the usual step
    are a change of frequency.

    Args:
        long: columns series and date (normalised timestamps), no pair twice.
        source: name of the table in messages.

    Raises:
        DataError: no series has two dates; steps are no days, weeks, months, quarters or years; one
            date lies far from all others; the frequency of a series changes, or two series differ in it.
    """
    found: dict[str, tuple[Frequency, str]] = {}
    single = ""
    layouts: dict[bytes, Frequency | None] = {}
    for name, dates in long.sort_values("date").groupby("series", sort=False)["date"]:
        days = dates.to_numpy().astype("datetime64[D]")
        if len(days) < 2:
            single = single or f"series {name!r} has a single value, at {days[0]}"
            continue
        key = days.tobytes()
        if key not in layouts:
            layouts[key] = _series_frequency(days, f"{source}: series {name!r}")
        one = layouts[key]
        if one is not None:
            found.setdefault(one.alias, (one, str(name)))
    if not found:
        raise DataError(
            f"{source}: {single or 'no series shows its frequency'}; at least two dates are needed to tell "
            f"{_FREQUENCIES}. Give a longer history."
        )
    if len(found) > 1:
        (a, first), (b, other) = list(found.values())[:2]
        raise DataError(
            f"{source}: series {first!r} is {a.name} ({a.alias}), series {other!r} is {b.name} ({b.alias}). "
            "Forecast each frequency from a file of its own."
        )
    return next(iter(found.values()))[0]


def _series_frequency(days: NDArray[np.datetime64], who: str) -> Frequency | None:
    """Return the frequency of sorted distinct days, None if two dates leave it open."""
    steps = (np.diff(days) / _DAY).astype(np.int64)
    lengths, counts = np.unique(steps, return_counts=True)
    usual = int(lengths[counts.argmax()])
    _refuse_far_dates(days, steps, usual, who)
    ends = _month_ends(days)
    if ends and lengths.min() >= 28:
        return _months_apart(days, ends, who)
    if usual in (1, 7):
        _refuse_change(days, steps, usual, who)
        if usual == 1:
            return _daily(days)
        if not (steps % 7).any():
            return Frequency("weekly", f"W-{pd.Timestamp(days[0]).day_name()[:3].upper()}", 52)
        at = int((steps % 7 != 0).argmax())
        raise DataError(
            f"{who} is weekly until {days[at]}, the next date is {days[at + 1]}, {steps[at]} days later. "
            "Move it to the same weekday."
        )
    if len(days) == 2:
        return None
    raise DataError(
        f"{who} has steps of {usual} days (from {days[0]} to {days[1]} {steps[0]}); expected {_FREQUENCIES} "
        "dates. Resample it to one of them."
    )


def _daily(days: NDArray[np.datetime64]) -> Frequency:
    """Business days if no date is a Saturday or Sunday although the dates span several weekends."""
    weekends = np.busday_count(days[0], days[-1] + 1, weekmask="Sun")
    if np.is_busday(days).all() and weekends >= _WEEKENDS:
        return Frequency("business-daily", "B", 5)
    return Frequency("daily", "D", 7)


def _months_apart(days: NDArray[np.datetime64], ends: str, who: str) -> Frequency:
    """Monthly, quarterly or yearly, by the largest number of months that divides all steps.

    Args:
        days: sorted distinct starts or ends of months.
        ends: "S" for starts, "E" for ends.
        who: the series in messages.
    """
    months = days.astype("datetime64[M]").astype(np.int64)
    step = int(np.gcd.reduce(np.diff(months)))
    month = int(months[0] % 12)
    if step % 12 == 0:
        return Frequency("yearly", f"Y{ends}-{_MONTHS[month]}", 1)
    if step % 3 == 0 and step % 6:
        # The quarters that begin in January, April, July and October are anchored at January.
        return Frequency(
            "quarterly", f"Q{ends}-{_MONTHS[month % 3 + (9 if ends == 'E' else 0)]}", 4
        )
    if step > 1:
        raise DataError(
            f"{who} has steps of {step} months (from {days[0]} to {days[1]}); expected {_FREQUENCIES} dates. "
            "Resample it to one of them."
        )
    return Frequency("monthly", f"M{ends}", 12)


def _refuse_far_dates(
    days: NDArray[np.datetime64], steps: NDArray[np.int64], usual: int, who: str
) -> None:
    at = int(steps.argmax())
    if len(steps) > 1 and steps[at] > max(366, _FAR * usual):
        raise DataError(
            f"{who} jumps from {days[at]} to {days[at + 1]}. Correct the year, or leave out the dates on one side "
            "of the gap."
        )


def _refuse_change(
    days: NDArray[np.datetime64],
    steps: NDArray[np.int64],
    usual: int,
    who: str,
) -> None:
    for at in range(len(steps) - _RUN + 1) if (steps != usual).sum() >= _RUN else ():
        run = steps[at : at + _RUN]
        if run[0] != usual and (run == run[0]).all():
            raise DataError(
                f"{who} changes its frequency: steps of {usual} and, from {days[at]} on, of {run[0]} days. "
                "Resample it to one frequency."
            )


def _month_ends(days: NDArray[np.datetime64]) -> str:
    """Return "S" if all days are starts of months, "E" if all are ends, "" if neither."""
    index = pd.DatetimeIndex(days)
    if (index.day == 1).all():
        return "S"
    return "E" if index.is_month_end.all() else ""
