from datetime import date

import pyarrow as pa
import pytest

from fashiontrend import paths, records
from fashiontrend.crawl import memory

DAY = date(2026, 11, 20)
IMAGES = [
    {"url": "https://s.example/a.jpg", "picture_id": "aa", "position": 0},
    {"url": "https://s.example/b.jpg", "picture_id": None, "position": 1},
]
ROW = {"platform": "s", "day": DAY, "product_id": "1", "images": IMAGES}
KNOWN = memory.remember([ROW], {"/p/1": ("2026-11-01", ("1",)), "/about": ("2026-01-01", ())})


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
    assert (carried if carried is None else [row["product_id"] for row in carried]) == ids


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
        "listings": pa.Table.from_pylist([ROW], records.LISTING),
        "pages": memory.pages_table(KNOWN.pages),
    }
    store.commit_tables(paths.raw_day(DAY, "s"), tables, {})
    found = memory.recall(store, "s", today)
    assert set(found.listings) == known
    assert found.pages == (KNOWN.pages if known else {})
