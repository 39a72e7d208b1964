"""Which pictures belong to a run: also those on sale that were first seen outside its days."""

from datetime import date

import pyarrow as pa
import pytest

from fashiontrend.config import Config
from fashiontrend.errors import DataError
from fashiontrend.loop import Move, Step
from fashiontrend.pipeline.catalogue import Catalogue
from fashiontrend.pipeline.context import Context
from fashiontrend.pipeline.predictions import predictions
from fashiontrend.storage import layout, ledger, schemas
from fashiontrend.storage.object_store import open_store
from fashiontrend.taxonomy import Attribute, Taxonomy, Value

LONG_AGO, FIRST, TODAY, LATER = (date(2026, 11, d) for d in (1, 21, 22, 23))
WORDS = Taxonomy(
    version="t",
    attributes=(Attribute(id="a", en="a", zh="a", values=(Value(id="v", en="v", zh="v"),)),),
)
PREDICTION = schemas.prediction_schema(WORDS.num_values)


@pytest.fixture
def context(tmp_path):
    """Two days of history. The coat's picture is older, the hat's was packed a day too late."""
    config = Config.model_validate(
        {
            "store": {"url": str(tmp_path)},
            "loop": {"history_days": 2},
            "crawl": {"platforms": [{"name": "shop", "kind": "shopify", "base_url": "http://s"}]},
        }
    )
    run = ledger.Run("r", TODAY, "", {}, "", "", "", None)
    catalogue = Catalogue.of_run(open_store(config.store), config, TODAY)
    found = Context(config, catalogue, WORDS, run, Move(Step.RECOGNISE))
    pack(found, LONG_AGO, "shop", ["coat", "sold-out"], [])
    pack(found, LONG_AGO, "other", ["elsewhere"], [])
    pack(found, FIRST, "shop", ["shoe"], ["coat", "shoe"])
    pack(found, TODAY, "shop", [], ["coat", "hat", "unreadable", None])
    pack(found, LATER, "shop", ["hat"], ["hat"])
    return found


def pack(context, day, platform, pictures, shown):
    rows = [{"picture_id": p, "platform": platform, "day": day, "image": b"x"} for p in pictures]
    listing = {"platform": platform, "day": day, "images": [{"picture_id": p} for p in shown]}
    tables = {
        "pictures": pa.Table.from_pylist(rows, schemas.PICTURE),
        "listings": pa.Table.from_pylist([listing] if shown else [], schemas.LISTING),
    }
    context.store.commit_tables(layout.catalogue_day(day, platform), tables, {})


def predict(context, day, platform="shop"):
    ids = context.store.read_partition(layout.catalogue_day(day, platform), "pictures")
    rows = [{"picture_id": i} for i in ids["picture_id"].to_pylist()]
    table = pa.Table.from_pylist(rows, PREDICTION)
    context.store.commit_tables(layout.predictions_day("m", day, platform), {"p": table}, {})


def days(packed):
    return [(day, platform) for day, platform, _ in packed]


def ids(*tables):
    return [i for table in tables for i in table["picture_id"].to_pylist()]


def test_days_outside_are_read_if_they_hold_what_the_run_lists(context):
    assert days(context.catalogue.partitions()) == [(FIRST, "shop"), (TODAY, "shop")]
    outside = days(context.catalogue.holding())[2:]
    assert outside == [(LONG_AGO, "shop"), (LATER, "shop")]


def test_of_days_outside_only_what_is_listed_or_asked_for_is_taken(context):
    assert ids(*context.catalogue.pictures()) == ["shoe", "coat", "hat"]
    also = context.catalogue.pictures(["picture_id"], also=["elsewhere"])
    assert sorted(ids(*also)) == ["coat", "elsewhere", "hat", "shoe"]


def test_people_may_have_labelled_what_is_no_longer_on_sale(context):
    index = context.catalogue.picture_index()
    assert sorted(ids(index)) == ["coat", "elsewhere", "shoe", "sold-out"]
    assert "image" not in index.column_names


def test_what_has_been_on_sale_for_longer_than_the_history_still_counts(context):
    for day in (LONG_AGO, FIRST, TODAY, LATER):
        predict(context, day)
    assert sorted(ids(predictions(context, "m"))) == ["coat", "hat", "shoe"]


def test_an_older_day_that_a_new_recogniser_has_not_seen_is_asked_for(context):
    predict(context, FIRST)
    predict(context, TODAY)
    with pytest.raises(DataError, match=r"2026-11-01 shop was not recognised"):
        predictions(context, "m")


def test_nothing_packed_is_nothing_to_read(tmp_path, context):
    config = context.config.model_copy(
        update={"store": context.config.store.model_copy(update={"url": str(tmp_path / "empty")})}
    )
    empty = Catalogue.of_run(open_store(config.store), config, TODAY)
    assert empty.holding() == list(empty.pictures()) == []
    assert empty.picture_index().num_rows == empty.showings().num_rows == 0


def test_the_listings_are_read_once_however_much_is_asked_of_them(context, calls):
    """Seen: a training day read every listing twelve times."""
    catalogue = context.catalogue
    rows = [t.num_rows for t in catalogue.listings(["product_id", "title"])]
    assert rows == [1, 1]
    assert catalogue.showings()["picture_id"].to_pylist() == [
        "coat",
        "shoe",
        "coat",
        "hat",
        "unreadable",
    ]
    assert catalogue.listed_ids() == {"coat", "shoe", "hat", "unreadable"}
    catalogue.holding()
    listings = [columns for _, key, columns in calls.tables if "/listings-" in key]
    assert len(listings) == 2
    assert set(listings[0]) == {
        "platform",
        "day",
        "product_id",
        "title",
        "first_seen",
        "images",
        "garment",
        "parent_id",
    }


def test_a_step_sees_what_another_process_committed_before_it_began(context):
    catalogue = context.catalogue
    late = layout.catalogue_day(LATER, "other")
    assert late not in catalogue.packed
    pack(context, LATER, "other", ["scarf"], [])
    assert late not in catalogue.packed
    catalogue.refresh()
    assert late in catalogue.packed


def test_days_of_a_store_without_marks_are_read(context):
    late, early = layout.catalogue_day(LATER, "shop"), layout.catalogue_day(LONG_AGO, "old")
    old = pa.table({"platform": ["old"], "day": [LONG_AGO], "product_id": ["1"]})
    context.store.commit_tables(early, {"listings": old}, {})
    columns = ["product_id", "garment"]
    assert context.store.read_partition(early, "listings", columns).to_pylist() == [
        {"product_id": "1", "garment": None}
    ]
    assert context.store.read_partition(late, "listings", columns).num_rows == 1
    with pytest.raises(DataError):
        context.store.read_partition(early, "listings", ["never_heard_of"])
