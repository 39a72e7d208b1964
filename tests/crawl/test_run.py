"""The crawler as a process against the demo's three shops."""

from datetime import date

import pytest

from fashiontrend.demo.shops import serve
from fashiontrend.demo.world import KINDS, World
from fashiontrend.storage import layout

DAYS = (date(2026, 11, 21), date(2026, 11, 22), date(2026, 11, 23))
BORN = 3
WORLD = World(1, DAYS[-1], num_days=3, first_live=20, born_daily=BORN, outage_offsets=(1,))
SETTINGS = {"autothrottle": False, "full_sweep_days": 100_000}


@pytest.fixture(scope="module")
def crawled(tmp_path_factory, crawl):
    with serve(WORLD) as urls:
        platforms = [
            {"name": n, "kind": KINDS[n], "base_url": u, "delay_s": 0.0} for n, u in urls.items()
        ]
        folder = tmp_path_factory.mktemp("crawl")
        yield *crawl(folder, platforms, DAYS[0], DAYS[-1], **SETTINGS), platforms, folder


@pytest.mark.parametrize("platform", list(KINDS))
@pytest.mark.parametrize("day", [DAYS[0], DAYS[2]])
def test_every_kind_of_shop_is_read_whole(crawled, platform, day):
    store, *_ = crawled
    rows = store.read_partition(layout.raw_day(day, platform), "listings").to_pylist()
    live = WORLD.live(platform, day)
    assert sorted(r["product_id"] for r in rows) == sorted(p.product_id for p in live)
    for row in rows:
        product = WORLD.by_id[row["product_id"]]
        assert (row["currency"], row["price"]) == ("EUR", product.price_cents / 100)
        assert product.title in row["title"]
        assert row["url"].startswith("http://127.0.0.1:")
        assert (row["day"], row["source"], row["available"]) == (day, KINDS[platform], True)
    picture = store.read(layout.raw_image(rows[0]["images"][0]["picture_id"]))
    assert picture == WORLD.draw(WORLD.by_id[rows[0]["product_id"]]).image


def test_pictures_and_pages_are_fetched_once(crawled):
    _, told, *_ = crawled
    third = {t["platform"]: t for t in told if t["day"] == str(DAYS[2])}
    live = {p: len(WORLD.live(p, DAYS[2])) for p in KINDS}
    assert third["shop-a"]["fetched_images"] == BORN
    assert third["shop-a"]["reused_images"] == live["shop-a"] - BORN
    assert third["shop-b"]["fetched_images"] == 2 * BORN  # it was down the day before
    assert third["shop-c"]["carried_over"] == live["shop-c"] - BORN
    # robots.txt for its delay and for Scrapy's own check, the sitemap, a page and a picture each
    assert third["shop-c"]["requests"] == 3 + 2 * BORN


def test_a_whole_crawl_is_not_partial(crawled):
    _, told, *_ = crawled
    good = [t for t in told if t["committed"]]
    assert len(good) == 8
    assert not any(t["partial"] or t["invalid"] or t["errors"] or t["blocked"] for t in good)


def test_a_shop_that_is_down_leaves_an_absent_day_with_a_reason(crawled):
    store, told, *_ = crawled
    (down,) = (t for t in told if (t["platform"], t["day"]) == ("shop-b", str(DAYS[1])))
    assert down["committed"] is False
    assert "2 x 503" in down["reason"]
    assert store.manifest(layout.raw_day(DAYS[1], "shop-b")) is None
    (record,) = store.keys(f"{layout.crawl_failures(DAYS[1], 'shop-b')}/")
    assert store.read_json(record)["reason"] == down["reason"]


def test_first_seen_survives_the_outage(crawled):
    store, *_ = crawled
    rows = store.read_partition(layout.raw_day(DAYS[2], "shop-b"), "listings").to_pylist()
    assert min(r["first_seen"] for r in rows) == DAYS[0]


def test_a_later_run_asks_only_for_what_is_absent_and_a_sweep_fetches_every_page(crawled, crawl):
    _, _, platforms, folder = crawled
    _, told = crawl(folder, platforms, DAYS[0], DAYS[-1], **SETTINGS)
    assert [t for t in told if not t.get("skipped")] == [
        t for t in told if (t["platform"], t["day"]) == ("shop-b", str(DAYS[1]))
    ]


def test_no_more_is_sent_than_the_budget_and_the_day_is_partial(crawled, crawl, tmp_path):
    _, _, platforms, _ = crawled
    _, told = crawl(tmp_path, platforms, DAYS[0], DAYS[0], daily_request_budget=15, **SETTINGS)
    assert [t["requests"] for t in told] == [15, 15, 15]
    assert all(t["partial"] and t["over_budget"] and not t["unreachable"] for t in told)
    assert all(0 < t["fetched_images"] < 15 for t in told)
