"""Unreadable pictures of a labelled set are put aside, named and counted; too many stop the fit."""

import csv
import io

import pyarrow as pa
import pytest
from PIL import Image

from fashiontrend.errors import DataError
from fashiontrend.standalone import Sets, screen
from fashiontrend.taxonomy import Attribute, Taxonomy, Value

WORDS = Taxonomy(
    version="t",
    attributes=(Attribute(id="a", en="a", zh="a", values=(Value(id="v", en="v", zh="v"),)),),
)


def encode(kind="JPEG"):
    sink = io.BytesIO()
    Image.new("RGB", (20, 30), "red").save(sink, kind)
    return sink.getvalue()


def table(images, first=0):
    return pa.table(
        {
            "picture_id": [f"p{first + n}" for n in range(len(images))],
            "image": pa.array(images, pa.binary()),
        }
    )


def sets(train, val=(), scenes=()):
    return Sets(WORDS, table(train), table(list(val), 100), table(list(scenes), 200), table([]))


def test_good_sets_pass_as_they_are_and_nothing_is_written(tmp_path):
    given = sets([encode(), encode("PNG")])
    assert screen.put_aside(given, tmp_path / "errors.csv") is given
    assert list(tmp_path.iterdir()) == []


def test_bad_pictures_of_every_part_are_put_aside_with_their_reasons(tmp_path, capsys):
    good = [encode()] * 40
    given = sets([*good, b"", b"<html>"], [*good, encode()[:300]], [*good, None])
    kept = screen.put_aside(given, tmp_path / "deep" / "errors.csv")
    assert [t.num_rows for t in (kept.train, kept.val, kept.scenes)] == [40, 40, 40]
    rows = list(csv.reader((tmp_path / "deep" / "errors.csv").read_text().splitlines()))
    assert rows[0] == ["id", "set", "reason", "detail"]
    assert [r[:3] for r in rows[1:]] == [
        ["p40", "train", "empty"],
        ["p41", "train", "unsupported"],
        ["p140", "val", "truncated"],
        ["p240", "scenes", "empty"],
    ]
    assert "4 of 124 pictures put aside (2 empty" in capsys.readouterr().err


def test_a_set_that_is_mostly_unreadable_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"2 of 12 pictures cannot be read \(2 empty\).*`image`"):
        screen.put_aside(sets([encode()] * 10 + [b"", b""]), tmp_path / "errors.csv")
    assert (tmp_path / "errors.csv").exists()
