from datetime import date, timedelta

import pyarrow as pa
import pytest

from fashiontrend.crawl import memory
from fashiontrend.crawl.listing import Listing
from fashiontrend.crawl.memory import KnownPage
from fashiontrend.storage import layout, schemas
from fashiontrend.storage.partitions import Partitions

DAY = date(2026, 11, 20)
IMAGES = [
    {"url": "https://s.example/a.jpg", "picture_id": "aa", "position": 0},
    {"url": "https://s.example/b.jpg", "picture_id": None, "position": 1},
]
ROW = {"platform": "s", "day": DAY, "product_id": "1", "images": IMAGES}
KNOWN = memory.remember(
    [Listing.from_row(ROW)],
    {
        "/p/1": KnownPage("2026-11-01", ("1",)),
        "/about": KnownPage("2026-01-01", ()),
    },
)


def test_only_pictures_that_were_fetched_are_known():
    assert KNOWN.pictures() == {"https://s.example/a.jpg": "aa"}


@pytest.mark.parametrize(
    ("page", "lastmod", "ids"),
    [
        pytest.param("/p/1", "2026-11-01", ["1"], id="as before"),
        pytest.param("/about", "2026-01-01", None, id="as before, without a product"),
        pytest.param("/p/1", "2026-11-02", None, id="changed since"),
        pytest.param("/p/1", None, None, id="does not say"),
        pytest.param("/p/2", "2026-11-01", None, id="new"),
    ],
)
def test_a_page_is_carried_over_only_if_it_says_that_nothing_changed(page, lastmod, ids):
    carried = KNOWN.unchanged(page, lastmod)
    assert (carried if carried is None else [listing.product_id for listing in carried]) == ids


@pytest.mark.parametrize(
    ("today", "known"),
    [
        pytest.param(date(2026, 11, 21), {"1"}, id="the day after"),
        pytest.param(date(2026, 11, 25), {"1"}, id="after an outage"),
        pytest.param(date(2027, 1, 20), set(), id="too long ago"),
        pytest.param(DAY, set(), id="the day itself is no memory"),
    ],
)
def test_the_last_committed_day_is_remembered(store, today, known):
    tables = {
        "listings": pa.Table.from_pylist([ROW], schemas.LISTING),
        "pages": memory.pages_table(KNOWN.pages),
    }
    store.commit_tables(layout.raw_day(DAY, "s"), tables, {})
    found = memory.recall(Partitions(store, layout.RAW_DAYS), "s", today)
    assert set(found.listings) == known
    assert found.pages == (KNOWN.pages if known else {})


def commit(store, day, numbers, partial, first_seen=DAY, fetched="aa"):
    images = [{"url": "https://s.example/a.jpg", "picture_id": fetched, "position": 0}]
    rows = [
        {"platform": "s", "day": day, "product_id": n, "images": images, "first_seen": first_seen}
        for n in numbers
    ]
    tables = {
        "listings": pa.Table.from_pylist(rows, schemas.LISTING),
        "pages": memory.pages_table({f"/p/{n}": KnownPage(str(day), (n,)) for n in numbers}),
    }
    store.commit_tables(layout.raw_day(day, "s"), tables, {"partial": partial})


def test_partial_days_are_remembered_over_the_last_whole_one(store):
    days = [DAY + timedelta(days=n) for n in range(5)]
    commit(store, days[0], ["before"], partial=False)
    commit(store, days[1], ["1", "2", "3"], partial=False, first_seen=days[0])
    commit(store, days[2], ["2", "3"], partial=True, first_seen=days[2], fetched=None)
    commit(store, days[3], ["3"], partial=True, first_seen=days[3], fetched=None)
    found = memory.recall(Partitions(store, layout.RAW_DAYS), "s", days[4])
    assert set(found.listings) == {"1", "2", "3"}
    assert {known.first_seen for known in found.listings.values()} == {days[0]}
    assert {n: known.day for n, known in found.listings.items()} == {
        "1": days[1], "2": days[2], "3": days[3],
    }  # fmt: skip
    assert {page: lastmod for page, (lastmod, _) in found.pages.items()} == {
        "/p/1": str(days[1]), "/p/2": str(days[2]), "/p/3": str(days[3]),
    }  # fmt: skip
    assert found.pictures() == {"https://s.example/a.jpg": "aa"}
