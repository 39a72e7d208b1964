"""Keywords as a table that people take away: CSV for programs, a workbook for spreadsheets."""

import csv
import io
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields

import openpyxl
from openpyxl.cell import WriteOnlyCell

from fashiontrend.serve.release.tables import KeywordFilter, Tables
from fashiontrend.serve.schemas.responses import KeywordRecord

#: A spreadsheet takes a text that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class KeywordLine:
    """One keyword as a row; shares are fractions, changes are differences of fractions."""

    as_of: str
    target_date: str
    platform: str
    attribute: str
    value: str
    en: str
    zh: str
    direction: str
    p_direction: float
    grade: str
    share_now: float
    share_forecast: float
    low80: float
    high80: float
    low95: float
    high95: float
    change: float
    support_n: int
    stage: str
    rank: int
    id: str

    @classmethod
    def of(cls, record: KeywordRecord) -> "KeywordLine":
        """The row of a keyword."""
        share, confidence = record.share, record.confidence.model_dump()
        (low80, high80), (low95, high95) = share["interval80"], share["interval95"]
        return cls(
            as_of=record.as_of,
            target_date=record.target_date,
            platform=record.platform,
            attribute=record.keyword.attribute,
            value=record.keyword.value,
            en=record.keyword.en,
            zh=record.keyword.zh,
            direction=record.direction,
            p_direction=confidence["p_direction"],
            grade=confidence["grade"],
            share_now=share["now"],
            share_forecast=share["forecast"],
            low80=low80,
            high80=high80,
            low95=low95,
            high95=high95,
            change=record.growth["points"] or 0.0,
            support_n=confidence["support_n"],
            stage=record.stage,
            rank=record.rank,
            id=record.id,
        )


HEADER = tuple(f.name for f in fields(KeywordLine))


def keyword_lines(tables: Tables, wanted: KeywordFilter) -> list[KeywordLine]:
    """All keywords of a day that match, in the order of `GET /v1/keywords`.

    Raises:
        Problem: 404 if nothing was published on the wanted day.
    """
    _, day = tables.day(wanted.as_of)
    return [KeywordLine.of(k) for k in day.selection.keywords if wanted.matches(k)]


def to_csv(lines: list[KeywordLine]) -> bytes:
    """The rows as UTF-8 with a byte order mark, by which spreadsheets know the encoding.

    A text that a spreadsheet would take for a formula gets an apostrophe before it (OWASP, CSV injection).
    """
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows([_harmless(cell) for cell in astuple(line)] for line in lines)
    return sink.getvalue().encode("utf-8-sig")


def to_xlsx(lines: list[KeywordLine]) -> bytes:
    """The rows as an Excel workbook of one sheet; every text is a text and no formula."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("keywords")
    sheet.freeze_panes = "A2"
    for row in (HEADER, *map(astuple, lines)):
        sheet.append(list(_cells(sheet, row)))
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def _cells(sheet: object, row: tuple[object, ...]) -> Iterator[WriteOnlyCell]:
    for value in row:
        cell = WriteOnlyCell(sheet, value)
        if isinstance(value, str):
            cell.data_type = "s"
        yield cell


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
