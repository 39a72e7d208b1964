"""Keywords as tables to take away: the numbers of the API, in forms that spreadsheets read."""

import csv
import dataclasses
import io

import openpyxl
import pytest

from fashiontrend.serve.release import exports


def read_csv(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def read_xlsx(data: bytes) -> list[dict[str, str]]:
    head, *rows = openpyxl.load_workbook(io.BytesIO(data)).active.iter_rows(values_only=True)
    return [{k: str(v) for k, v in zip(head, row, strict=True)} for row in rows]


READERS = {"csv": read_csv, "xlsx": read_xlsx}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("query", ["", "?direction=rising", "?platform=*&min_confidence=0.5"])
def test_a_table_equals_the_api_number_by_number(serve, kind, query):
    answer = serve("GET", f"/v1/keywords.{kind}{query}")
    rows = READERS[kind](answer.content)
    records = serve("GET", f"/v1/keywords{query}").json()["keywords"]
    assert [row["id"] for row in rows] == [r["id"] for r in records]
    for row, record in zip(rows, records, strict=True):
        seen = [
            float(row[k])
            for k in ("share_now", "share_forecast", "low80", "high80", "low95", "high95", "change")
        ]
        share = record["share"]
        assert seen == [
            share["now"],
            share["forecast"],
            *share["interval80"],
            *share["interval95"],
            record["growth"]["points"],
        ]
        assert float(row["p_direction"]) == record["confidence"]["p_direction"]
        assert (row["en"], row["zh"]) == (record["keyword"]["en"], record["keyword"]["zh"])
    assert f'.{kind}"' in answer.headers["content-disposition"]


def test_a_day_before_the_first_is_refused_as_in_the_api(serve):
    assert serve("GET", "/v1/keywords.csv?as_of=2020-01-01").status_code == 404


def line(**over) -> exports.KeywordLine:
    empty = {f.name: "" if f.type == "str" else 0 for f in dataclasses.fields(exports.KeywordLine)}
    return exports.KeywordLine(**(empty | over))


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2+3", "@sum(a1)", "\tx"])
def test_no_text_becomes_a_formula(text):
    written = line(platform=text, change=-0.25)
    (row,) = read_csv(exports.to_csv([written]))
    assert (row["platform"], row["change"]) == (f"'{text}", "-0.25")
    sheet = openpyxl.load_workbook(io.BytesIO(exports.to_xlsx([written]))).active
    cell = sheet.cell(2, exports.HEADER.index("platform") + 1)
    assert (cell.data_type, cell.value) == ("s", text)
