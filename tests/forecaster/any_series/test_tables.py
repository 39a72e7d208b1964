"""What becomes of odd tables: a clear message, or a documented reading. Nothing in between."""

import numpy as np
import pandas as pd
import pytest

from fashiontrend.errors import DataError
from fashiontrend.forecaster.any_series.tables import MAX_POINTS, read_table


def wide(freq="W-MON", periods=60, **columns):
    dates = pd.date_range("2020-01-06", periods=periods, freq=freq).strftime("%Y-%m-%d")
    columns = columns or {"a": np.arange(periods) + 1.0, "b": np.ones(periods)}
    return pd.DataFrame({"date": dates, **columns})


def long(*rows):
    return pd.DataFrame(rows, columns=["series", "date", "value"])


def test_wide_and_long_tables_are_read_alike():
    frame = wide()
    one, other = read_table(frame), read_table(frame.melt("date", var_name="series"))
    assert one.names == other.names == ("a", "b")
    np.testing.assert_array_equal(one.values, other.values)
    assert list(one.dates) == list(other.dates)


def test_a_first_column_without_a_name_may_hold_the_dates():
    assert read_table(wide().rename(columns={"date": "Unnamed: 0"})).names == ("a", "b")


@pytest.mark.parametrize(
    ("freq", "name", "season"),
    [
        ("D", "daily", 7), ("B", "business-daily", 5), ("W-MON", "weekly", 52), ("W-SUN", "weekly", 52),
        ("MS", "monthly", 12), ("ME", "monthly", 12), ("QS", "quarterly", 4), ("QE", "quarterly", 4),
        ("QS-FEB", "quarterly", 4), ("QE-JAN", "quarterly", 4), ("YS", "yearly", 1), ("YE-JUN", "yearly", 1),
    ],
)  # fmt: skip
def test_frequency_and_season_are_found(freq, name, season):
    table = read_table(wide(freq=freq))
    assert (table.frequency.name, table.frequency.season) == (name, season)
    assert len(table.dates) == 60
    longer = pd.date_range("2020-01-06", periods=63, freq=freq)
    assert list(table.future(3)) == list(longer[-3:]), "forecasts go on in the table's own steps"


def test_forecast_dates_go_on_after_the_last_one():
    assert [f"{d:%Y-%m-%d}" for d in read_table(wide(periods=3)).future(2)] == [
        "2020-01-27",
        "2020-02-03",
    ]
    ends = read_table(wide(freq="ME", periods=3)).future(2)
    assert [f"{d:%Y-%m-%d}" for d in ends] == ["2020-04-30", "2020-05-31"]


def test_a_missing_date_and_an_empty_cell_are_gaps_and_told():
    frame = wide(periods=20)
    frame.loc[5, "a"] = np.nan
    table = read_table(frame.drop(index=[9, 10, 11]))
    assert np.flatnonzero(np.isnan(table.values[0])).tolist() == [5, 9, 10, 11]
    assert np.flatnonzero(np.isnan(table.values[1])).tolist() == [9, 10, 11]
    assert "most 'a' (4 dates)" in table.notes[0]


def test_a_series_that_ends_early_is_told():
    frame = wide(periods=20)
    frame.loc[15:, "b"] = np.nan
    assert any("end before 2020-05-18, first 'b'" in n for n in read_table(frame).notes)


def test_of_a_very_long_series_the_newest_dates_count_and_it_is_told():
    frame = wide(freq="D", periods=MAX_POINTS + 500, a=np.arange(MAX_POINTS + 500.0))
    table = read_table(frame)
    assert table.values[0, [0, -1]].tolist() == [500.0, MAX_POINTS + 499.0]
    assert f"newest {MAX_POINTS} of {MAX_POINTS + 500}" in table.notes[0]


def week(n):
    return f"{pd.Timestamp('2020-01-06') + pd.Timedelta(weeks=n):%Y-%m-%d}"


CASES = {
    "duplicate dates": (
        long(("a", week(0), 1), ("a", week(1), 2), ("a", week(1), 3)),
        "series 'a' has 2 values for 2020-01-13",
    ),
    "text for a number": (
        long(("a", week(0), 1), ("a", week(1), "many")),
        "series 'a' at 2020-01-13 is 'many'",
    ),
    "infinity": (long(("a", week(0), 1), ("a", week(1), np.inf)), "series 'a' at 2020-01-13 is 'inf'"),
    "no date": (long(("a", week(0), 1), ("a", "soon", 2)), "'soon' is not a date"),
    "an ambiguous date": (long(("a", "03/04/2020", 1)), "'03/04/2020' could mean two days"),
    "numbers for dates": (long(("a", 20200106, 1), ("a", 20200113, 1)), "dates are numbers"),
    "hours": (long(("a", "2020-01-06 05:00", 1)), "has a time of day"),
    "a single point": (long(("a", week(0), 1)), "series 'a' has a single value, at 2020-01-06"),
    "nothing but NaN": (
        long(("a", week(0), 1), ("a", week(1), 1), ("b", week(0), np.nan)),
        "series 'b' has no value at all",
    ),
    "two frequencies in a file": (
        pd.concat([wide(periods=20, a=np.ones(20)).melt("date", var_name="series"),
                   wide("D", 20, b=np.ones(20)).melt("date", var_name="series")]),
        "series 'a' is weekly .* series 'b' is daily",
    ),
    "a frequency that changes": (
        pd.concat([wide(periods=10, a=np.ones(10)),
                   wide("D", 30, a=np.ones(30)).assign(date=lambda t: pd.to_datetime(t["date"]) + pd.Timedelta(days=70))
                   .assign(date=lambda t: t["date"].dt.strftime("%Y-%m-%d"))]),
        "changes its frequency: steps of 1 and, from 2020-01-06 on, of 7 days",
    ),
    "a week that slips": (
        long(("a", week(0), 1), ("a", week(1), 1), ("a", week(2), 1), ("a", "2020-01-29", 1)),
        "is weekly until 2020-01-20, the next date is 2020-01-29, 9 days later",
    ),
    "every second day": (
        wide("2D", 20, a=np.ones(20)), "steps of 2 days",
    ),
    "every second month": (
        wide("2MS", 20, a=np.ones(20)), "steps of 2 months",
    ),
    "a mistyped year": (
        long(*(("a", f"2024-01-0{n}", 1) for n in range(1, 5)), ("a", "2204-01-05", 1)),
        "series 'a' jumps from 2024-01-04 to 2204-01-05",
    ),
    "the day first and the month first": (
        long(("a", "31/12/2020", 1), ("a", "12/31/2020", 1)), "'31/12/2020' has the day first, '12/31/2020' the month",
    ),
    "a 54th week": (long(("a", "2024-W54", 1)), "a year has 52 or 53 ISO weeks"),
    "no columns of a table": (pd.DataFrame({"x": [1.0], "z": [2.0]}), "columns are x, z"),
    "no row": (wide().head(0), "there is no row"),
}  # fmt: skip


@pytest.mark.parametrize(("frame", "message"), CASES.values(), ids=CASES)
def test_what_cannot_be_read_for_certain_is_told_with_series_and_date(frame, message):
    with pytest.raises(DataError, match=message):
        read_table(frame, "shares.csv")
