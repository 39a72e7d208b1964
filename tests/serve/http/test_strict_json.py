"""Strict JSON: what is refused, and why."""

import pytest

from fashiontrend.serve.http.strict_json import parse
from fashiontrend.serve.schemas.problems import Problem

DEEP = 100_000


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * DEEP, id="deep, never closed"),
        pytest.param(b"[" * DEEP + b"]" * DEEP, id="deep arrays"),
        pytest.param(b'{"a":' * DEEP + b"1" + b"}" * DEEP, id="deep objects"),
        pytest.param(b'{"a": NaN}', id="NaN"),
        pytest.param(b'{"a": -Infinity}', id="infinity"),
        pytest.param(b'{"a": 1, "a": 2}', id="duplicate key"),
        pytest.param(b'{"a": {"b": 1, "\\u0062": 2}}', id="duplicate key, escaped"),
        pytest.param(b'{"a": "\xff\xfe"}', id="not UTF-8"),
        pytest.param(b'{"a": "\\ud800"}', id="half a surrogate pair"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
        pytest.param('{"a": 1}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b"", id="nothing"),
        pytest.param(b'{"a": 1', id="cut short"),
        pytest.param(b"{'a': 1}", id="single quotes"),
        pytest.param(b'{"a": 1} x', id="something behind"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", id="a number of 5,000 digits"),
        pytest.param(b'"' + b"\\" * 99_999, id="backslashes without end"),
        pytest.param(b'"\x00"', id="a control character"),
    ],
)
def test_what_is_not_plain_json_is_refused_with_400(body):
    with pytest.raises(Problem) as refused:
        parse(body, max_depth=32)
    assert (refused.value.status, refused.value.code) == (400, "invalid_json")


def test_json_is_read_and_brackets_in_strings_are_no_depth():
    assert parse(b'{"a": ["[[[[[", "\\"]]", 1.5, null, "\\ud83d\\ude00"]}', max_depth=2) == {
        "a": ["[[[[[", '"]]', 1.5, None, "😀"]
    }
    with pytest.raises(Problem):
        parse(b"[[[1]]]", max_depth=2)
