"""Read tables of any series as arrays on a regular grid of dates, with gaps as NaN.

Ambiguous input is an error that names the series and the date. Decisions about readable input
(gaps, a shortened history) are listed in `SeriesTable.notes`. Shapes: S series, T dates.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fashiontrend.errors import DataError
from fashiontrend.forecaster.any_series.dates import read_dates
from fashiontrend.forecaster.any_series.frequency import Frequency, find_frequency

Array = NDArray[np.float64]
#: Columns of a long table, and the names that are recognised for each.
_LONG_COLUMNS = {
    "series": ("series", "unique_id", "series_id"),
    "date": ("date", "ds", "day", "week", "month"),
    "value": ("value", "y", "share"),
}
#: The newest points of a series that are kept; older ones do not help to forecast the next year.
MAX_POINTS = 2000
#: Largest distance of a composition's sums from 1, which allows for rounding.
_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class SeriesTable:
    """Several series on one grid of dates."""

    names: tuple[str, ...]  # S
    dates: pd.DatetimeIndex  # T, regular
    values: Array  # (S, T); NaN where nothing was measured
    frequency: Frequency
    notes: tuple[str, ...] = ()

    @property
    def is_composition(self) -> bool:
        """Whether the series are shares of one whole.

        Series are shares if no value is negative and the values sum to 1 on every date that has all of them.
        """
        total = self.values.sum(axis=0)
        whole = np.isfinite(total)
        return bool(
            len(self.names) > 1
            and whole.any()
            and np.nanmin(self.values) >= 0
            and np.abs(total[whole] - 1).max() <= _SUM_TOLERANCE
        )

    def future(self, horizon: int) -> pd.DatetimeIndex:
        """Return the `horizon` dates after the last one."""
        return pd.date_range(self.dates[-1], periods=horizon + 1, freq=self.frequency.alias)[1:]

    def before(self, origin: int) -> "SeriesTable":
        """Return the table with only the dates before index `origin`."""
        return replace(self, dates=self.dates[:origin], values=self.values[:, :origin].copy())

    def measured(self) -> tuple["SeriesTable", NDArray[np.bool_]]:
        """Return the series with at least one value, and the (S,) mask of them."""
        known = np.asarray(~np.isnan(self.values).all(axis=1))
        names = tuple(n for n, k in zip(self.names, known, strict=True) if k)
        return replace(self, names=names, values=self.values[known]), known


def read_table(
    frame: pd.DataFrame, source: str = "the table", notes: Sequence[str] = ()
) -> SeriesTable:
    """Arrange a wide or long table.

    Args:
        frame: long with columns series, date, value (or unique_id, ds, y); or wide with one
            column of dates and one column of numbers per series.
        source: name of the table in messages.
        notes: what was decided about the table before; the notes of this function follow them.

    Raises:
        DataError: there is no date column or no series; a date or value cannot be read; a date is
            repeated or lies far from all others; dates have no frequency of `find_frequency`, or
            differ in it between series.
    """
    names = {str(c).strip().lower(): c for c in frame.columns}
    found = {
        role: next((names[n] for n in known if n in names), None)
        for role, known in _LONG_COLUMNS.items()
    }
    if frame.empty:
        raise DataError(f"{source}: there is no row. Expected dates and values.")
    remarks = list(notes)
    if all(column is not None for column in found.values()):
        used = [found["series"], found["date"], found["value"]]
        remarks += _note_unread([c for c in frame.columns if c not in used])
        long = frame[used].copy()
        long.columns = pd.Index(["series", "date", "value"])
    else:
        frame, note = _without_row_numbers(frame, found["date"])
        remarks += note
        long = _melt(frame, found["date"], source)
    read = read_dates(long["date"], source)
    long["date"] = read.days
    long["value"] = _read_values(long, source)
    long["series"] = long["series"].astype(str)
    _refuse_duplicates(long, source)
    table = _arrange(long, source)
    return replace(table, notes=(*remarks, *read.notes, *table.notes))


def from_arrays(
    names: Sequence[str], dates: Sequence[object], values: Array, source: str = "the series"
) -> SeriesTable:
    """Arrange (S, T) values, in which NaN means that nothing was measured; see `read_table`."""
    frame = pd.DataFrame(np.asarray(values, dtype=np.float64).T, columns=list(names))
    frame.insert(0, "date", list(dates))
    return read_table(frame, source)


def _melt(frame: pd.DataFrame, dates: object, source: str) -> pd.DataFrame:
    column = dates if dates is not None else _find_dates(frame)
    if column is None or frame.shape[1] < 2:
        raise DataError(
            f"{source}: columns are {', '.join(map(str, frame.columns[:6]))}; expected series, date, "
            "value, or one column of dates beside one column per series. Name the columns so."
        )
    wide = frame.rename(columns={column: "date"})
    twice = wide.columns[wide.columns.duplicated()]
    if len(twice):
        raise DataError(
            f"{source}: column {twice[0]!r} stands twice. Give every series a name of its own."
        )
    return wide.melt("date", var_name="series", value_name="value")


def _find_dates(frame: pd.DataFrame) -> object:
    """Return the first column if it holds dates as text or timestamps, else None."""
    first = frame.iloc[:, 0]
    if pd.api.types.is_numeric_dtype(first):
        return None
    known = pd.to_datetime(first.head(20), errors="coerce", format="mixed", utc=True).notna().any()
    return frame.columns[0] if known else None


def _without_row_numbers(frame: pd.DataFrame, dates: object) -> tuple[pd.DataFrame, list[str]]:
    """Leave out a column without a name that counts the rows, as spreadsheets and pandas write it."""
    first = frame.columns[0]
    nameless = re.fullmatch(r"(Unnamed: \d+)?", str(first).strip())
    if dates is None or first == dates or not nameless:
        return frame, []
    numbers = pd.to_numeric(frame.iloc[:, 0], errors="coerce")
    if not (numbers.diff().dropna() == 1).all() or numbers.isna().any():
        return frame, []
    return frame.iloc[:, 1:], ["the first column has no name and counts the rows; it is no series"]


def _note_unread(columns: Sequence[object]) -> list[str]:
    return [f"not read: {', '.join(repr(str(c)) for c in columns[:5])}"] if columns else []


def _read_values(long: pd.DataFrame, source: str) -> pd.Series:
    values = pd.to_numeric(long["value"], errors="coerce").astype(np.float64)
    text = long["value"].astype(str).str.strip().str.lower()
    bad = (
        values.isna() & ~long["value"].isna() & ~text.isin(["", "nan", "na", "none", "null"])
    ) | np.isinf(values)
    if bad.any():
        row = long[bad].iloc[0]
        seen = str(row["value"])
        raise DataError(
            f"{source}: series {row['series']!r} at {row['date']:%Y-%m-%d} is {seen!r}, expected a finite "
            "number, or an empty cell where nothing was measured. Correct the cell."
        )
    return values


def _refuse_duplicates(long: pd.DataFrame, source: str) -> None:
    twice = long.duplicated(["series", "date"], keep=False)
    if twice.any():
        row = long[twice].iloc[0]
        same = long[(long["series"] == row["series"]) & (long["date"] == row["date"])]["value"]
        raise DataError(
            f"{source}: series {row['series']!r} has {len(same)} values for {row['date']:%Y-%m-%d} "
            f"({', '.join(f'{v:g}' for v in same.head(3))}). Keep one row per series and date."
        )


def _arrange(long: pd.DataFrame, source: str) -> SeriesTable:
    known = long.dropna(subset=["value"])
    names = tuple(dict.fromkeys(long["series"]))
    empty = sorted(set(names) - set(known["series"]))
    if empty:
        raise DataError(
            f"{source}: series {empty[0]!r} has no value at all ({len(empty)} such series). Remove it."
        )
    frequency = find_frequency(long, source)
    dates = pd.date_range(long["date"].min(), long["date"].max(), freq=frequency.alias)
    cut = max(0, len(dates) - MAX_POINTS)
    notes = []
    if cut:
        notes.append(
            f"only the newest {MAX_POINTS} of {len(dates)} dates are used, from {dates[cut]:%Y-%m-%d} on"
        )
        dates = dates[cut:]
    row = {n: i for i, n in enumerate(names)}
    place = dates.get_indexer(pd.DatetimeIndex(known["date"]))
    values = np.full((len(names), len(dates)), np.nan)
    inside = place >= 0
    values[known["series"].map(row).to_numpy()[inside], place[inside]] = known["value"].to_numpy()[
        inside
    ]
    return SeriesTable(
        names, dates, values, frequency, (*notes, *_notes_on_gaps(names, dates, values))
    )


def _notes_on_gaps(names: tuple[str, ...], dates: pd.DatetimeIndex, values: Array) -> list[str]:
    """Return notes on gaps and early ends of series, for readers of the forecast."""
    seen = ~np.isnan(values)
    first, last = seen.argmax(axis=1), values.shape[1] - seen[:, ::-1].argmax(axis=1)
    inside = np.arange(values.shape[1])
    gaps = (~seen & (inside >= first[:, None]) & (inside < last[:, None])).sum(axis=1)
    notes = []
    if gaps.any():
        most = int(gaps.argmax())
        notes.append(
            f"{int((gaps > 0).sum())} series have gaps, most {names[most]!r} ({gaps[most]} dates); gaps are left out"
        )
    early = last < values.shape[1]
    if early.any():
        at = int(np.argmin(np.where(early, last, values.shape[1])))
        notes.append(
            f"{int(early.sum())} series end before {dates[-1]:%Y-%m-%d}, first {names[at]!r}; "
            "all forecasts start after that day"
        )
    return notes
