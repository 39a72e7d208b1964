"""Find whether dates are daily, weekly or monthly, from the steps between them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fashiontrend.errors import DataError

_DAY = np.timedelta64(1, "D")
#: This many equal steps in a row that differ from the usual step are a change of frequency.
_RUN = 3


@dataclass(frozen=True)
class Frequency:
    """The distance between the dates of a series."""

    name: str  # daily, weekly or monthly
    alias: str  # pandas' name, with the weekday or the end of the month
    season: int  # usual season in dates: a week of days, a year of weeks or months


def find_frequency(long: pd.DataFrame, source: str) -> Frequency:
    """Return the frequency that all series share.

    Missing dates are gaps, however many; three equal steps in a row that differ from the usual step
    are a change of frequency.

    Args:
        long: columns series and date (normalised timestamps), no pair twice.
        source: name of the table in messages.

    Raises:
        DataError: no series has two dates; steps are neither days, weeks nor months; the frequency
            of a series changes, or two series differ in it.
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
            "daily, weekly or monthly. Give a longer history."
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
    months = _monthly(days)
    if months and lengths.min() >= 28:
        return Frequency("monthly", months, 12)
    usual = int(lengths[counts.argmax()])
    if usual in (1, 7):
        _refuse_change(days, steps, usual, who)
        if usual == 1:
            return Frequency("daily", "D", 7)
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
        f"{who} has steps of {usual} days (from {days[0]} to {days[1]} {steps[0]}); expected daily, weekly "
        "or monthly dates. Resample it to one of them."
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


def _monthly(days: NDArray[np.datetime64]) -> str:
    """Return pandas' alias of month starts or month ends, "" if the days are neither."""
    index = pd.DatetimeIndex(days)
    if (index.day == 1).all():
        return "MS"
    return "ME" if index.is_month_end.all() else ""
