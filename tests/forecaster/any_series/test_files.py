"""How files of series are understood that spreadsheets and other programs write."""

import pandas as pd
import pytest

from fashiontrend.errors import ConfigError, DataError
from fashiontrend.forecaster.any_series.files import read_file
from fashiontrend.forecaster.any_series.tables import read_table


@pytest.fixture
def read(tmp_path):
    """Read text or bytes as the file `sales.csv`: the table, as the command reads it."""

    def made(content, name="sales.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        cells = read_file(path)
        return read_table(cells.frame, name, cells.notes)

    return made


WEEKS = ("2024-01-01", "2024-01-08", "2024-01-15")


def rows(*lines):
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_usual_separator_is_found(read, separator):
    lines = [
        separator.join(cells) for cells in (("date", "a", "b"), *((w, "1", "2") for w in WEEKS))
    ]
    table = read(rows(*lines))
    assert table.names == ("a", "b")
    assert table.values.tolist() == [[1, 1, 1], [2, 2, 2]]


def test_decimal_commas_are_read_and_said(read):
    table = read(rows("date;a", "2024-01-01;1,5", "2024-01-08;1.234,5", "2024-01-15;2"))
    assert table.values.tolist() == [[1.5, 1234.5, 2]]
    assert any("the comma is the decimal point: 1,5 is 1.5" in n for n in table.notes)
    assert any("semicolons" in n for n in table.notes)


def test_a_number_that_could_be_a_thousand_is_refused(read):
    with pytest.raises(DataError, match="'1,234' could be a thousand or a decimal number"):
        read(rows("date;a", "2024-01-01;1,234", "2024-01-08;2,345"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_of_any_usual_encoding_is_read(read, encoding):
    table = read(rows("date,Größe", *(f"{w},1" for w in WEEKS)).encode(encoding))
    assert table.names == ("Größe",)


def test_series_are_called_as_they_are_written(read):
    """Seen: pandas takes NA, the code of Namibia, for a missing value, and 007 for the number 7."""
    lines = [f"{name},{w},5" for w in WEEKS for name in ("NA", "DE", "007", "null", "1e3")]
    assert read(rows("series,date,value", *lines)).names == ("NA", "DE", "007", "null", "1e3")


def test_a_column_that_counts_the_rows_is_no_series(read):
    table = read(rows(",date,red", *(f"{n},{w},5" for n, w in enumerate(WEEKS))))
    assert table.names == ("red",)
    assert any("counts the rows" in n for n in table.notes)


def test_a_first_column_without_a_name_that_does_not_count_stays_a_series(read):
    table = read(rows(",date,red", *(f"{n},{w},5" for n, w in zip((5, 9, 2), WEEKS, strict=True))))
    assert len(table.names) == 2


def test_columns_of_a_long_table_that_are_not_read_are_named(read):
    table = read(rows("series,date,value,shop", *(f"a,{w},5,x" for w in WEEKS)))
    assert "not read: 'shop'" in table.notes


def test_an_excel_sheet_is_read_with_its_dates_and_numbers(tmp_path):
    path = tmp_path / "sales.xlsx"
    dates = pd.to_datetime(list(WEEKS))
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"date": dates, "a": [1.5, None, 2], 7: [1, 2, 3]}).to_excel(book, index=False)
        pd.DataFrame({"x": [1]}).to_excel(book, sheet_name="notes", index=False)
    cells = read_file(path)
    table = read_table(cells.frame, path.name, cells.notes)
    assert table.names == ("a", "7")
    assert table.values[1].tolist() == [1, 2, 3]
    assert any("of 2 sheets only the first" in n for n in table.notes)


def test_a_row_with_another_number_of_cells_is_named(read):
    with pytest.raises(DataError, match="row 3 has 3 cells, the first row 2"):
        read(rows("date,a", "2024-01-01,1", "2024-01-08,1,5"))


def test_another_kind_of_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"expected a file that ends with \.csv"):
        read_file(tmp_path / "sales.pdf")
    with pytest.raises(ConfigError, match="No such file"):
        read_file(tmp_path / "sales.csv")
