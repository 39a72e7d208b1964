import hashlib
import io
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from fashiontrend.catalogue import ingest
from fashiontrend.config import IngestConfig
from fashiontrend.storage import schemas

DAY = date(2026, 3, 1)


def jpeg(shade: int = 0) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (32, 24), (shade, 10, 10)).save(out, "JPEG")
    return out.getvalue()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def listing(product_id="1", pictures=("p1",), **more):
    images = [{"url": f"u/{p}", "picture_id": p, "position": n} for n, p in enumerate(pictures)]
    return {
        "platform": "a",
        "day": DAY,
        "product_id": product_id,
        "title": "A dress",
        "url": "u",
        "images": images,
        **more,
    }


def table(*rows):
    return pa.Table.from_pylist(list(rows), schemas.LISTING)


def test_only_pictures_that_no_earlier_day_holds_are_wanted():
    found = ingest.new_pictures(
        table(listing("1", ("old", "new")), listing("2", ("new2",))), {"old"}
    )
    assert found.schema == ingest.NEW_PICTURE
    assert {
        (r["picture_id"], r["product_id"], r["position"], r["url"]) for r in found.to_pylist()
    } == {("new", "1", 1, "u/new"), ("new2", "2", 0, "u/new2")}


def test_a_picture_of_two_products_is_wanted_once_for_the_one_that_shows_it_first():
    found = ingest.new_pictures(table(listing("1", ("x", "both")), listing("2", ("both",))), ())
    assert {r["picture_id"]: r["product_id"] for r in found.to_pylist()} == {"x": "1", "both": "2"}


def test_pictures_that_were_never_fetched_become_rejects():
    rows = table(listing("1", ("x", None)))
    assert ingest.new_pictures(rows, ()).num_rows == 1
    missing = ingest.missing_pictures(rows)
    assert missing.schema == schemas.REJECT
    assert [(r["reason"], r["url"]) for r in missing.to_pylist()] == [("not_fetched", "u/None")]


@pytest.mark.parametrize(
    "rows",
    [table(), table(listing(images=None)), table(listing(images=[]))],
    ids=["no listing", "null", "none"],
)
def test_without_pictures_nothing_is_wanted(rows):
    assert ingest.new_pictures(rows, ()).num_rows == 0
    assert ingest.missing_pictures(rows).num_rows == 0


def test_good_bytes_become_pictures_and_others_rejects_with_a_reason():
    good, other = jpeg(1), jpeg(2)
    ids = [sha(good), sha(other), "gone", sha(b"<html>"), sha(other[:80])]
    wanted = ingest.new_pictures(table(listing("1", ids)), ())
    images = {ids[0]: good, ids[1]: good, ids[2]: None, ids[3]: b"<html>", ids[4]: other[:80]}
    pictures, rejects = ingest.check_pictures(
        wanted, [images[i] for i in wanted["picture_id"].to_pylist()], IngestConfig()
    )
    assert pictures.schema == schemas.PICTURE
    assert rejects.schema == schemas.REJECT
    (row,) = pictures.to_pylist()
    assert (row["picture_id"], row["width"], row["height"], row["format"]) == (
        ids[0],
        32,
        24,
        "JPEG",
    )
    assert (row["image"], row["day"], row["product_id"]) == (good, DAY, "1")
    assert {r["picture_id"]: r["reason"] for r in rejects.to_pylist()} == {
        ids[1]: "digest",
        "gone": "missing",
        ids[3]: "unsupported",
        ids[4]: "truncated",
    }
    assert all(r["detail"] and r["url"] for r in rejects.to_pylist())


def test_no_pictures_make_empty_tables_of_the_right_form():
    pictures, rejects = ingest.check_pictures(pa.table({"picture_id": []}), [], IngestConfig())
    assert (pictures.schema, rejects.schema) == (schemas.PICTURE, schemas.REJECT)


def test_a_batch_keeps_its_columns_and_gains_what_was_seen():
    data = jpeg()
    images = np.array([data, None], dtype=object)
    batch = {
        "picture_id": np.array([sha(data), "x"], dtype=object),
        "image": images,
        "position": np.array([0, 1]),
    }
    out = ingest.check_batch(batch, IngestConfig())
    assert out["reason"].tolist() == [None, "missing"]
    assert out["width"].tolist() == [32, None]
    assert out["position"] is batch["position"]


def test_whole_listings_pass_unchanged():
    rows = table(listing("1"), listing("2", price=3.5, tags=["a"]))
    good, bad = ingest.valid_listings(rows)
    assert good == rows
    assert (bad.num_rows, bad.schema) == (0, schemas.REJECT)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param(listing("9", title=None), "missing_title", id="null"),
        pytest.param(listing("9", title="  "), "missing_title", id="blank"),
        pytest.param(listing(None), "missing_product_id", id="no id"),
        pytest.param(listing("9", platform=""), "missing_platform", id="no platform"),
        pytest.param(listing("1"), "duplicate", id="an id twice"),
    ],
)
def test_listings_that_cannot_be_counted_are_rejected(row, reason):
    good, bad = ingest.valid_listings(table(listing("1"), row))
    assert good.num_rows == 1
    assert [r["reason"] for r in bad.to_pylist()] == [reason]


def test_cells_of_another_type_become_null_and_missing_columns_too():
    rows = pa.table(
        {
            "platform": ["a", "a"],
            "day": [DAY, DAY],
            "product_id": [1, 2],
            "title": ["x", "y"],
            "price": ["3.5", "from 4"],
        }
    )
    good, bad = ingest.valid_listings(rows)
    assert good.schema == schemas.LISTING
    assert good["product_id"].to_pylist() == ["1", "2"]
    assert good["price"].to_pylist() == [3.5, None]
    assert good["images"].null_count == 2
    assert bad.num_rows == 0
