"""How dates are understood that people write in other forms than year-month-day."""

import pandas as pd
import pytest

from fashiontrend.forecaster.any_series.dates import read_dates


def read(*cells):
    found = read_dates(pd.Series(cells), "sales.csv")
    return [f"{d:%Y-%m-%d}" for d in found.days], " ".join(found.notes)


@pytest.mark.parametrize(
    ("cells", "days", "note"),
    [
        (("31.12.2024", "01.01.2025"), ["2024-12-31", "2025-01-01"], "day.month.year"),
        (("03.04.2024",), ["2024-04-03"], "day.month.year"),
        (("03/04/2024", "31/04/2024".replace("31", "30")), ["2024-04-03", "2024-04-30"], "day/month/year"),
        (("04/03/2024", "04/30/2024"), ["2024-04-03", "2024-04-30"], "month/day/year"),
        (("2024-W01", "2024-W05"), ["2024-01-01", "2024-01-29"], "ISO week"),
        (("2024-Q1", "2024Q4"), ["2024-01-01", "2024-10-01"], "quarter"),
        (("2023", "2024"), ["2023-01-01", "2024-01-01"], "year"),
        ((2023, 2024), ["2023-01-01", "2024-01-01"], "year"),
        (("2024-03", "2024-04"), ["2024-03-01", "2024-04-01"], ""),
        (("20240331",), ["2024-03-31"], ""),
    ],
)  # fmt: skip
def test_a_form_is_read_that_the_column_settles_and_said_how(cells, days, note):
    assert read(*cells)[0] == days
    assert note in read(*cells)[1]


def test_a_local_midnight_is_a_day_also_when_the_clocks_change():
    cells = (
        "2024-03-30T00:00:00+01:00",
        "2024-03-31T00:00:00+01:00",
        "2024-04-01T00:00:00+02:00",
        "2024-04-02T00:00Z",
    )
    assert read(*cells)[0] == ["2024-03-30", "2024-03-31", "2024-04-01", "2024-04-02"]
