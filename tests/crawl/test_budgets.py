"""A crawl that runs out of time keeps what it found, and the next one goes on from there."""

import json
from datetime import date, timedelta

import pytest

from fashiontrend.storage import layout

FIRST = date(2026, 11, 22)
DAYS = [FIRST + timedelta(days=n) for n in range(3)]
PRODUCTS = 40
DELAY_S, TIME_S = 0.1, 3.0
PICTURE = b"\xff\xd8\xff\xe0 a picture"


def answer(path):
    if path == "/robots.txt":
        return 404, {}, b""
    if path.startswith("/x/"):
        return 200, {}, PICTURE
    if path == "/meta.json":
        return 200, {}, b'{"currency": "EUR"}'
    rows = [
        {"id": n, "title": "Tee", "images": [{"src": f"/x/{n}-{i}.jpg"} for i in (1, 2)]}
        for n in range(PRODUCTS)
    ]
    return 200, {}, json.dumps({"products": rows if path.endswith("page=1") else []}).encode()


@pytest.fixture(scope="module")
def crawled(tmp_path_factory, crawl, open_shop):
    """(store, what was told of each day, the shop)."""
    folder, shop = tmp_path_factory.mktemp("budgets"), open_shop(answer)
    platform = {"name": "shop", "kind": "shopify", "base_url": shop.url, "delay_s": DELAY_S}
    told = []
    for day in DAYS:
        limit = {"time_budget_s": TIME_S} if day == FIRST else {}
        store, lines = crawl(folder, [platform], day, day, autothrottle=False, **limit)
        told += lines
    return store, told, shop


def test_a_crawl_out_of_time_drops_what_waits_and_is_committed_as_partial(crawled):
    store, (cut, *_), _ = crawled
    assert (cut["committed"], cut["partial"], cut["finish_reason"]) == (True, True, "time_budget")
    assert 0 < cut["fetched_images"] <= TIME_S / DELAY_S + 1
    assert cut["unasked"] > 0
    listings = store.read_partition(layout.raw_day(FIRST, "shop"), "listings")
    assert listings.num_rows == cut["products"] > 0


def test_the_next_crawl_goes_on_where_it_ended_and_is_whole(crawled):
    _, (cut, rest, last), shop = crawled
    assert (rest["partial"], rest["finish_reason"]) == (False, "finished")
    assert cut["fetched_images"] + rest["fetched_images"] == 2 * PRODUCTS
    assert (last["fetched_images"], last["reused_images"]) == (0, 2 * PRODUCTS)
    asked = [path for path in shop.paths() if path.startswith("/x/")]
    assert len(asked) == len(set(asked))
