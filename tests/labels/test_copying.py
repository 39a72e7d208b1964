"""Which parts the pictures of a dataset are copied in, and what a copied part holds."""

import pyarrow as pa
import pytest

from fashiontrend.errors import DataError
from fashiontrend.labels import copying
from fashiontrend.labels.copying import Part, Source
from fashiontrend.storage import schemas

MONDAY, TUESDAY, PEOPLE = (
    Source("days/1", ("1",)),
    Source("days/2", ("2",)),
    Source("sets/a", ("a",)),
)


def examples(ids):
    row = {
        "product_key": "shop/1", "split": "train", "annotated": False, "labels": [0],
        "confidences": [0.8], "box": None, "repeat": 1, "image": b"never read",
    }  # fmt: skip
    return pa.Table.from_pylist([{**row, "picture_id": i} for i in ids], schemas.EXAMPLE)


def ids(*names):
    return pa.array(names, pa.string())


def planned(parts):
    return [(p.name, p.examples["picture_id"].to_pylist(), p.sources) for p in parts]


@pytest.fixture
def two_rows(monkeypatch):
    monkeypatch.setattr(copying, "PART_ROWS", 2)


def test_a_part_ends_when_it_has_rows_enough(two_rows):
    held = [(MONDAY, ids("a", "b", "c")), (TUESDAY, ids("d"))]
    assert planned(copying.plan("train", examples("abcd"), held)) == [
        ("train-00000", ["a", "b"], (MONDAY,)),
        ("train-00001", ["c", "d"], (MONDAY, TUESDAY)),
    ]


def test_a_picture_is_copied_from_the_first_source_that_holds_it():
    held = [(MONDAY, ids("a")), (TUESDAY, ids("a", "b")), (PEOPLE, ids("a", "b"))]
    (part,) = copying.plan("val", examples("ab"), held)
    assert part.sources == (MONDAY, TUESDAY)


def test_a_split_without_examples_has_one_empty_part():
    (part,) = copying.plan("val", examples(""), [(MONDAY, ids("a"))])
    assert (part.name, part.examples.num_rows, part.sources) == ("val-00000", 0, ())
    assert copying.fill(part, lambda source: []).schema == schemas.EXAMPLE


def test_a_chosen_picture_that_no_source_holds_is_named():
    with pytest.raises(DataError, match=r"no bytes of 1 chosen pictures, among them b\."):
        list(copying.plan("train", examples("ab"), [(MONDAY, ids("a"))]))


def test_a_filled_part_holds_the_bytes_of_its_pictures_in_the_order_of_their_ids():
    part = Part("train-00000", examples("cab").drop_columns("image"), (MONDAY, TUESDAY))
    held = {
        MONDAY: [pa.table({"picture_id": ["a", "x"], "image": [b"A", b"X"]})],
        TUESDAY: [pa.table({"picture_id": ["b"], "image": [b"B"]}), pa.table({"picture_id": ["c"], "image": [b"C"]})],
    }  # fmt: skip
    filled = copying.fill(part, held.__getitem__)
    assert filled.schema == schemas.EXAMPLE
    assert filled.select(["picture_id", "image"]).to_pylist() == [
        {"picture_id": "a", "image": b"A"},
        {"picture_id": "b", "image": b"B"},
        {"picture_id": "c", "image": b"C"},
    ]


def test_a_picture_that_is_gone_since_the_plan_is_named():
    part = Part("train-00000", examples("a").drop_columns("image"), (MONDAY,))
    with pytest.raises(DataError, match=r"gone from days/1, among them a\."):
        copying.fill(part, lambda source: [])
