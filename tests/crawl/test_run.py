"""The crawler as a process against shops on loopback: three good ones, and shops that misbehave."""

import json
import subprocess
import sys
import threading
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from fashiontrend import paths
from fashiontrend.config import StoreConfig
from fashiontrend.demo.shops import serve
from fashiontrend.demo.world import KINDS, World
from fashiontrend.store import open_store

DAYS = (date(2026, 11, 21), date(2026, 11, 22), date(2026, 11, 23))
WORLD = World(seed=1, last_day=DAYS[-1], num_days=3, outage_offsets=(1,))


def crawl(tmp_path, platforms, first=DAYS[0], last=DAYS[-1], **crawl):
    """Run the crawler and return (store, what it told)."""
    url = str(tmp_path / "store")
    tree = {"store": {"url": url}, "crawl": {"autothrottle": False, "retries": 1, "platforms": platforms, **crawl}}
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(tree))
    done = subprocess.run(
        [sys.executable, "-m", "fashiontrend.crawl.run", "--config", str(file), "--days", f"{first}..{last}"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return open_store(StoreConfig(url=url)), [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def crawled(tmp_path_factory):
    with serve(WORLD) as urls:
        platforms = [
            {"name": n, "kind": KINDS[n], "base_url": u, "delay_s": 0.0} for n, u in urls.items()
        ]
        folder = tmp_path_factory.mktemp("crawl")
        yield *crawl(folder, platforms, full_sweep_days=100_000), platforms, folder


@pytest.mark.parametrize("platform", list(KINDS))
def test_every_kind_of_shop_is_read_whole(crawled, platform):
    store, *_ = crawled
    rows = store.read_partition(paths.raw_day(DAYS[0], platform), "listings").to_pylist()
    live = WORLD.live(platform, DAYS[0])
    assert sorted(r["product_id"] for r in rows) == sorted(p.product_id for p in live)
    assert all(r["currency"] == "EUR" and r["price"] > 10 for r in rows)
    product = WORLD.by_id[rows[0]["product_id"]]
    picture = store.read(paths.raw_image(rows[0]["images"][0]["picture_id"]))
    assert picture == WORLD.draw(product).image


def test_pictures_and_pages_are_fetched_once(crawled):
    _, told, *_ = crawled
    second = {t["platform"]: t for t in told if t["day"] == str(DAYS[2])}
    assert second["shop-a"]["fetched_images"] == 8
    assert second["shop-c"]["carried_over"] > 100
    assert second["shop-c"]["requests"] < 25


def test_a_shop_that_is_down_leaves_an_absent_day_with_a_reason(crawled):
    store, told, *_ = crawled
    (down,) = (t for t in told if (t["platform"], t["day"]) == ("shop-b", str(DAYS[1])))
    assert down["committed"] is False
    assert "503" in down["reason"]
    assert store.manifest(paths.raw_day(DAYS[1], "shop-b")) is None
    assert store.keys(f"{paths.crawl_failures(DAYS[1], 'shop-b')}/")


def test_first_seen_survives_the_outage(crawled):
    store, *_ = crawled
    rows = store.read_partition(paths.raw_day(DAYS[2], "shop-b"), "listings").to_pylist()
    assert min(r["first_seen"] for r in rows) == DAYS[0]


def test_a_day_that_is_committed_is_not_asked_for_again(crawled):
    _, _, platforms, folder = crawled
    _, told = crawl(folder, platforms[:1])
    assert all(t["skipped"] for t in told)


class Odd(BaseHTTPRequestHandler):
    """A Shopify-like shop with a chosen fault per first path segment."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        fault, _, rest = self.path.lstrip("/").partition("/")
        status, body = answer(fault, rest, self.path)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args) -> None:
        pass


def answer(fault: str, rest: str, path: str) -> tuple[int, bytes]:
    if path == "/robots.txt":
        return 200, b"User-agent: *\nDisallow: /forbidden/*.json\n"
    if fault == "challenge":
        return 200, b"<html><title>Just a moment...</title></html>"
    if fault == "html":
        return 200, b"<html>welcome</html>"
    if rest.startswith("meta.json"):
        return 200, b'{"currency": "EUR"}'
    if rest.startswith("products.json"):
        return 200, json.dumps({"products": PRODUCTS}).encode()
    return (200, b"jpeg bytes") if rest.startswith("ok") else (404, b"gone")


def product(number, title="Tee", images=("/x/ok1.jpg",)):
    return {"id": number, "title": title, "variants": [{"price": "5.00"}], "images": [{"src": i} for i in images]}


PRODUCTS = [
    product(1),
    product(1),
    product(2, images=()),
    product(3, title=["a", "list"]),
    product(4, images=[f"/x/ok{n}.jpg" for n in range(10_000)]),
    product(5, images=["/x/missing.jpg"]),
]


@pytest.fixture
def odd_shop():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def odd(base: str, fault: str) -> list[dict]:
    return [{"name": "odd", "kind": "shopify", "base_url": f"{base}/{fault}", "delay_s": 0.0}]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        pytest.param("challenge", "challenge", id="challenge page with status 200"),
        pytest.param("html", "kind", id="not the kind it was said to be"),
        pytest.param("forbidden", "robots.txt forbids", id="forbidden by a wildcard in robots.txt"),
    ],
)
def test_a_shop_that_does_not_answer_is_left_alone_and_the_reason_told(tmp_path, odd_shop, fault, words):
    _, (told,) = crawl(tmp_path, odd(odd_shop, fault), first=DAYS[2])
    assert not told["committed"]
    assert words in told["reason"]


def test_bad_listings_are_counted_and_the_good_ones_kept(tmp_path, odd_shop):
    store, (told,) = crawl(tmp_path, odd(odd_shop, "x"), first=DAYS[2])
    assert (told["products"], told["duplicates"], told["invalid"]) == (3, 1, 2)
    assert told["image_failures"] == 1
    assert told["images_over_limit"] == 1
    rows = {r["product_id"]: r for r in store.read_partition(paths.raw_day(DAYS[2], "odd"), "listings").to_pylist()}
    assert len(rows["4"]["images"]) == 8
    assert rows["5"]["images"][0]["picture_id"] is None
    rejects = store.read_partition(paths.raw_day(DAYS[2], "odd"), "rejects").to_pylist()
    assert {r["reason"] for r in rejects} == {"no_image", "wrong_type"}


def test_a_shop_of_today_is_not_asked_for_yesterday(tmp_path, odd_shop):
    _, told = crawl(tmp_path, odd(odd_shop, "x"), first=DAYS[2] - timedelta(days=2))
    assert [t["day"] for t in told] == [str(DAYS[2])]
