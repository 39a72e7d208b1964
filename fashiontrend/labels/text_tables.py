"""Read CSV as people and spreadsheets write it: semicolons, decimal commas, all of it reported.

Cells stay text, so that an id keeps its leading zeros.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fashiontrend.delimited import SEPARATORS, find_separator
from fashiontrend.errors import DataError

_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True)
class TextTable:
    """The cells of a CSV file.

    Attributes:
        columns: the names in the first line.
        rows: the cells of each row by column, without spaces around them.
        lines: the line of the file on which each row ends.
        notes: how the form of the file was understood, as sentences.
    """

    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    lines: tuple[int, ...]
    notes: tuple[str, ...] = ()


def read(text: str, source: str = "") -> TextTable:
    """Read the text of a CSV file.

    Raises:
        DataError: a row has more cells than the first line.
    """
    notes = ["the byte order mark at the start is left out"] if text.startswith("\ufeff") else []
    text = text.removeprefix("\ufeff")
    separator = find_separator(text)
    if separator != ",":
        notes.append(f"cells are separated by {SEPARATORS[separator]}")
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    columns = [(c or "").strip() for c in reader.fieldnames or ()]
    reader.fieldnames = columns
    rows, lines = [], []
    for row in reader:
        if None in row:
            raise DataError(
                f"{source}: row {reader.line_num} has more cells than the first row ({len(columns)}). "
                "Put cells that hold the separator between double quotes."
            )
        rows.append({c: (row[c] or "").strip() for c in columns if c})
        lines.append(reader.line_num)
    return TextTable(tuple(c for c in columns if c), tuple(rows), tuple(lines), tuple(notes))


def with_decimal_points(table: TextTable, columns: Sequence[str]) -> TextTable:
    """Rewrite 1,5 as 1.5 in columns of numbers, and report it."""
    present = [c for c in columns if c in table.columns]
    seen = [r[c] for r in table.rows for c in present if _DECIMAL_COMMA.fullmatch(r[c])]
    if not seen:
        return table
    rows = tuple({**r, **{c: _with_point(r[c]) for c in present}} for r in table.rows)
    first = seen[0]
    note = (
        f"the comma is the decimal point in {', '.join(present)}: {first} is {_with_point(first)}"
    )
    return TextTable(table.columns, rows, table.lines, (*table.notes, note))


def _with_point(cell: str) -> str:
    return cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell
