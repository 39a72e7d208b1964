"""Read a file of series as a table of text cells, and say how its form was understood.

Cells stay as they are written, so that a series may be called 007 or NA. Numbers and dates are
understood afterwards, by `tables.read_table`.
"""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fashiontrend import delimited
from fashiontrend.errors import ConfigError, DataError

SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".parquet")
#: A number whose last separator is a comma: 1,5 or 1.234,5.
_COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+")
#: A number with commas between its thousands: 1,234 or 12,345.6.
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")


@dataclass(frozen=True)
class CellTable:
    """The cells of a file.

    Attributes:
        frame: cells as text; those of Parquet have the file's types.
        notes: how the form of the file was understood, as sentences.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()


def read_file(path: Path) -> CellTable:
    """Read a CSV file with any usual separator, an Excel sheet or a Parquet file.

    Raises:
        ConfigError: the file's name ends otherwise, or it cannot be opened.
        DataError: its content is no table; a number could mean two values.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ConfigError(
            f"--series {path}: expected a file that ends with {', '.join(SUFFIXES)}. Convert it, or correct "
            "the name."
        )
    try:
        if suffix == ".parquet":
            return CellTable(pd.read_parquet(path))
        return _read_sheet(path) if suffix == ".xlsx" else _read_text(path.read_bytes(), path.name)
    except OSError as error:
        raise ConfigError(
            f"--series {path}: {error.strerror or error}. Correct the path."
        ) from error
    except (ValueError, KeyError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a table: {error}. Write it again.") from error


def _read_sheet(path: Path) -> CellTable:
    """Read the first sheet; Excel's own dates become year-month-day."""
    sheets = pd.read_excel(path, sheet_name=None, dtype=object, keep_default_na=False)
    first, frame = next(iter(sheets.items()))
    cells = frame.map(_cell_text)
    notes = (
        [f"of {len(sheets)} sheets only the first, {first!r}, is read"] if len(sheets) > 1 else []
    )
    return CellTable(cells.set_axis([_cell_text(c) for c in frame.columns], axis=1), tuple(notes))


def _cell_text(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))  # Excel has no whole numbers: the id 7 is stored as 7.0
    return str(cell.isoformat() if hasattr(cell, "isoformat") else cell)


def _read_text(data: bytes, name: str) -> CellTable:
    decoded, understood = delimited.decode(data)
    text, notes = decoded.removeprefix("\ufeff"), list(understood)
    separator = delimited.find_separator(text)
    if separator != ",":
        notes.append(f"cells are separated by {delimited.SEPARATORS[separator]}")
    rows = [
        row
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        if row
    ]
    if not rows:
        return CellTable(pd.DataFrame(), tuple(notes))
    header = [cell.strip() for cell in rows[0]]
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise DataError(
                f"{name}: row {number} has {len(row)} cells, the first row {len(header)}. Correct the row."
            )
    frame = pd.DataFrame(rows[1:], columns=pd.Index(header), dtype=str)
    return _read_decimal_commas(frame, name, notes)


def _read_decimal_commas(frame: pd.DataFrame, name: str, notes: list[str]) -> CellTable:
    """Rewrite numbers with a decimal comma, if one of the file's numbers can have no other meaning."""
    cells = pd.Series(frame.to_numpy().ravel(), dtype=str).str.strip()
    comma, thousands = cells.str.fullmatch(_COMMA), cells.str.fullmatch(_THOUSANDS)
    certain = cells[comma & ~thousands]
    if certain.empty:
        if (comma & thousands).any():
            raise DataError(
                f"{name}: {cells[comma & thousands].iloc[0]!r} could be a thousand or a decimal number. "
                "Write the decimal point as a point, and no separator of thousands."
            )
        return CellTable(frame, tuple(notes))
    notes.append(
        f"the comma is the decimal point: {certain.iloc[0]} is {_with_point(certain.iloc[0])}"
    )
    rewritten = frame.map(lambda c: _with_point(c) if _COMMA.fullmatch(c.strip()) else c)
    return CellTable(rewritten, tuple(notes))


def _with_point(cell: str) -> str:
    return cell.strip().replace(".", "").replace(",", ".")
