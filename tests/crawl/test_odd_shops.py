"""Shops that misbehave. All are platforms of one crawl: none may harm another."""

import gzip
import itertools
import json
from datetime import date, timedelta

import pytest
from scipy.stats import theilslopes

from fashiontrend.storage import layout

DAY = date(2026, 11, 23)
PICTURE = b"\xff\xd8\xff\xe0 a picture \x00\x01"
CHALLENGE = b"<html><title>Just a moment...</title></html>"
ROBOTS = b"User-agent: *\nDisallow: /private/\n"
CRAWL_DELAY_S = 0.3
SWEEP = {"full_sweep_days": 1}


def ok(body, **headers):
    return 200, headers, body if isinstance(body, bytes) else json.dumps(body).encode()


NOT_THERE = (404, {}, b"gone")


def product(number, title="Tee", images=("/x/ok1.jpg",), price="5.00"):
    pictures = [{"src": i} for i in images]
    return {"id": number, "title": title, "variants": [{"price": price}], "images": pictures}


BAD_PRODUCTS = [
    product(1),
    product(1),
    product(2, images=()),
    product("3 \udc00", title=12),
    product(4, images=[f"/x/ok{n}.jpg" for n in range(10_000)]),
    product(5, images=["/x/missing.jpg"]),
    product(6, price=["5.00"]),
    product(7, images=["/x/truncated.jpg"]),
    product(8, images=["/x/page.jpg"]),
    product(9, title="half a character: \ud83d", images=["http://[", "/x/ok1.jpg"]),
    product(10, images=["file:///etc/hostname"]),
    product(
        11,
        images=[
            "https://cdn.example:abc/x.jpg",
            "/x/ok1.jpg",
            "https://cdn.example:99999999/x.jpg",
        ],
    ),
    product(12, images=["/x/ok \u00fc.jpg", "/x/ok%20\u00fc.jpg"]),
    "not an object",
]


def shopify(*pages, robots=ROBOTS):
    """A Shopify-like shop with these pages of `/products.json`."""

    def answer(path):
        if path == "/robots.txt":
            return ok(robots)
        if path == "/meta.json":
            return ok({"currency": "EUR"})
        if path.startswith("/products.json"):
            number = int(path.rsplit("=", 1)[1]) - 1
            return pages[number] if number < len(pages) else ok({"products": []})
        if path.startswith("/x/ok"):
            return ok(PICTURE)
        if path == "/x/truncated.jpg":
            return ok(PICTURE, **{"Content-Length": "5000", "Connection": "close"})
        return ok(b"<html>no picture</html>") if path == "/x/page.jpg" else NOT_THERE

    return answer


def html(sitemaps, page):
    """A shop of pages: `sitemaps` by path, `page(path)` for the rest."""

    def answer(path):
        if path == "/robots.txt":
            return ok(ROBOTS)
        if path in sitemaps:
            return ok(sitemaps[path])
        return ok(PICTURE) if path.endswith(".jpg") else page(path)

    return answer


def sitemap(*addresses):
    rows = "".join(f"<url><loc>{a}</loc><lastmod>2026-11-01</lastmod></url>" for a in addresses)
    return f"<urlset>{rows}</urlset>".encode()


def stated(path, **more):
    data = {"@type": "Product", "sku": path, "name": "Coat", "image": f"{path}.jpg", **more}
    return ok(f'<script type="application/ld+json">{json.dumps(data)}</script>'.encode())


def relative(answer, shop):
    """Fill the shop's address in, which sitemaps state whole."""

    def filled(path):
        status, headers, body = answer(path)
        return status, headers, body.replace(b"<loc>/", f"<loc>{shop[0].url}/".encode())

    return filled


NUMBERS = itertools.count()
#: name -> (kind, what it answers)
SHOPS = {
    "challenge": ("shopify", shopify(ok(CHALLENGE))),
    "wrong-kind": ("shopify", shopify(ok(b"<html>welcome</html>"))),
    "forbidden": ("shopify", shopify(robots=b"User-agent: *\nDisallow: /*.json\n")),
    "robots-down": ("shopify", lambda path: (500, {}, b"error")),
    "maintenance": ("woocommerce", lambda path: (503, {"Retry-After": "3600"}, b"later")
                    if path != "/robots.txt" else ok(ROBOTS)),
    "bad": ("shopify", shopify(ok({"products": BAD_PRODUCTS}))),
    "broken": ("shopify", shopify(ok({"products": [product(1)]}), ok(b'{"products": ['))),
    "same-page": ("shopify", shopify(*[ok({"products": [product(1)]})] * 9)),
    "slow": ("shopify", shopify(
        ok({"products": [product(n, images=[f"/x/ok{n}.jpg"]) for n in range(4)]}),
        robots=f"User-agent: *\nCrawl-delay: {CRAWL_DELAY_S}\n".encode())),
    "mixed": ("schema_org", html(
        {
            "/sitemap.xml": b"<sitemapindex><sitemap><loc>/packed.xml.gz</loc></sitemap>"
                            b"<sitemap><loc>/sitemap.xml</loc></sitemap></sitemapindex>",
            "/packed.xml.gz": "packed",
        },
        lambda path: NOT_THERE if path == "/p/gone" else stated(path))),
    "odd-addresses": ("schema_org", html(
        {
            "/sitemap.xml": b"<sitemapindex><sitemap><loc>http://[shop]/s.xml</loc></sitemap>"
                            b"<sitemap><loc>/pages.xml</loc></sitemap></sitemapindex>",
            "/pages.xml": sitemap(
                "/p/1", "https://[shop]/p/2", "http://127.0.0.1:abc/p/3", "/p/4", "/about"),
        },
        lambda path: ok(b"<html>about us</html>") if path == "/about" else stated(path))),
    "colours": ("schema_org", html(
        {"/sitemap.xml": sitemap("/p/red", "/p/blue", "/p/black")},
        lambda path: stated(path, inProductGroupWithID="G"))),
    "refusing": ("schema_org", html(
        {"/sitemap.xml": sitemap(*[f"/p/{n}" for n in range(30)])}, lambda path: (403, {}, b"no"))),
    "caught": ("schema_org", html(
        {"/sitemap.xml": sitemap(*[f"/p/{n}" for n in range(30)])},
        lambda path: ok(CHALLENGE) if next(NUMBERS) >= 2 else stated(path))),
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory, crawl, open_shop):
    """(store, what was told of each platform, the shops with what they were asked)."""
    shops, platforms = {}, []
    for name, (kind, answer) in SHOPS.items():
        cell = []
        shops[name] = open_shop(packed(relative(answer, cell), cell))
        cell.append(shops[name])
        platforms.append({"name": name, "kind": kind, "base_url": shops[name].url, "delay_s": 0.0})
    platforms.append(
        {"name": "deaf", "kind": "shopify", "base_url": "http://127.0.0.1:9", "delay_s": 0.0}
    )
    folder = tmp_path_factory.mktemp("odd")
    store, told = crawl(folder, platforms, DAY - timedelta(days=2), DAY, **SWEEP)
    return store, {t["platform"]: t for t in told}, shops, told


def packed(answer, shop):
    """Pack the sitemap of `mixed`, whose addresses hold the shop's port."""

    def filled(path):
        if path != "/packed.xml.gz":
            return answer(path)
        own = (f"{shop[0].url}{p}" for p in ("/p/1", "/p/2", "/p/gone"))
        foreign = ("file:///etc/hostname", "http://other.example/p/3", "ftp://127.0.0.1/p/4")
        return ok(gzip.compress(sitemap(*own, *foreign)))

    return filled


def test_a_shop_of_today_is_not_asked_for_past_days(world):
    _, told, _, lines = world
    assert {t["day"] for t in lines} == {str(DAY)}
    assert len(lines) == len(told) == len(SHOPS) + 1


@pytest.mark.parametrize(
    ("platform", "words"),
    [
        pytest.param("challenge", "challenge page", id="challenge page with status 200"),
        pytest.param("wrong-kind", "kind", id="not the kind it was said to be"),
        pytest.param("forbidden", "robots.txt forbids", id="forbidden by a wildcard in robots.txt"),
        pytest.param("robots-down", "500", id="robots.txt cannot be had, which forbids all"),
        pytest.param("maintenance", "1 x 503", id="503 that asks to come back in an hour"),
        pytest.param("refusing", "x 403", id="403 on every page"),
        pytest.param("deaf", "did not answer", id="no server there"),
    ],
)
def test_a_shop_that_brings_nothing_leaves_an_absent_day_and_a_reason(world, platform, words):
    store, told, *_ = world
    assert told[platform]["committed"] is False
    assert words in told[platform]["reason"]
    assert store.manifest(layout.raw_day(DAY, platform)) is None
    (record,) = store.keys(f"{layout.crawl_failures(DAY, platform)}/")
    assert store.read_json(record)["reason"] == told[platform]["reason"]


@pytest.mark.parametrize(
    ("platform", "asked"),
    [
        pytest.param(
            "challenge", ["/meta.json", "/products.json?limit=250&page=1"], id="challenge"
        ),
        pytest.param("forbidden", [], id="forbidden"),
        pytest.param("robots-down", [], id="robots.txt behind an error"),
        pytest.param(
            "maintenance", ["/wp-json/wc/store/v1/products?per_page=100&page=1"], id="maintenance"
        ),
    ],
)
def test_a_shop_that_says_no_is_left_alone(world, platform, asked):
    *_, shops, _ = world
    assert shops[platform].paths() == asked


def test_the_crawl_ends_at_a_challenge_or_at_the_fifth_refusal_in_a_row(world):
    _, told, shops, _ = world
    on_its_way = 2  # a challenge is known when its page is read
    assert len(shops["refusing"].paths()) == 1 + 5
    pages = [p for p in shops["caught"].paths() if not p.endswith(".jpg")]
    assert len(pages) <= 1 + 3 + on_its_way
    assert (told["caught"]["committed"], told["caught"]["partial"]) == (True, True)
    assert told["caught"]["products"] == 2
    assert 1 <= told["caught"]["challenge"] <= 1 + on_its_way
    assert told["caught"]["finish_reason"] == "challenge"


def test_bad_listings_are_counted_and_the_good_ones_kept(world):
    store, told, *_ = world
    bad = told["bad"]
    assert (bad["products"], bad["repeated"], bad["invalid"]) == (11, 1, 1)
    assert bad["rejects"] == {"no_image": 1}
    assert (bad["image_failures"], bad["images_over_limit"]) == (6, 1)
    rows = store.read_partition(layout.raw_day(DAY, "bad"), "listings").to_pylist()
    images = {r["product_id"]: [i["picture_id"] for i in r["images"]] for r in rows}
    assert len(images["4"]) == 8
    assert all(images["4"])
    for number in ("5", "7", "8", "10"):
        assert images[number] == [None]
    assert len(images["9"]) == 1
    assert [bool(i) for i in images["11"]] == [False, True, False]
    assert all(images["12"])  # its address is asked for in another spelling
    rejects = store.read_partition(layout.raw_day(DAY, "bad"), "rejects").to_pylist()
    assert {r["product_id"] for r in rejects} == {"2"}


def test_the_pages_of_a_crawl_are_kept_as_they_were_sent(world):
    store, *_ = world
    rows = store.read_partition(layout.raw_pages(DAY, "bad")).to_pylist()
    assert any(b'"products"' in row["body"] for row in rows)


def test_what_is_no_picture_is_not_stored_as_one(world):
    store, *_ = world
    assert {store.read(k) for k in store.keys("raw/images/")} == {PICTURE}


def test_a_page_that_breaks_off_makes_the_day_partial(world):
    _, told, *_ = world
    assert (told["broken"]["products"], told["broken"]["unreadable"]) == (1, 1)
    assert told["broken"]["partial"] is True


def test_a_shop_that_ignores_the_number_of_the_page_is_asked_twice(world):
    _, told, shops, _ = world
    asked = [p for p in shops["same-page"].paths() if p.startswith("/products")]
    assert len(asked) == 2
    assert (told["same-page"]["products"], told["same-page"]["duplicates"]) == (1, 0)
    assert told["same-page"]["partial"] is True


def test_the_crawl_delay_of_robots_is_kept_even_with_autothrottle(world):
    *_, shops, _ = world
    times = [at for at, path in shops["slow"].asked if path != "/robots.txt"]
    assert len(times) >= 6
    usual = theilslopes(times).slope  # one alone, the first too, may be late on a busy machine
    assert CRAWL_DELAY_S * 0.98 < usual < CRAWL_DELAY_S * 2


def test_a_packed_sitemap_of_an_index_is_read_and_leads_to_no_other_host(world):
    _, told, shops, _ = world
    mixed = told["mixed"]
    assert (mixed["products"], mixed["missing"], mixed["foreign"]) == (2, 1, 3)
    assert mixed["partial"] is False  # a page that is gone hides nothing
    assert sorted(p for p in shops["mixed"].paths() if p.startswith("/p/") and "." not in p) == [
        "/p/1",
        "/p/2",
        "/p/gone",
    ]


def test_an_address_that_is_none_hides_no_other_page(world):
    _, told, *_ = world
    odd = told["odd-addresses"]
    assert (odd["products"], odd["foreign"], odd["errors"]) == (2, 3, 0)
    assert odd["partial"] is False


def test_a_page_that_states_no_product_is_counted_and_asked_for_again(world):
    store, told, *_ = world
    assert told["odd-addresses"]["no_product"] == 1
    pages = store.read_partition(layout.raw_day(DAY, "odd-addresses"), "pages")["page"].to_pylist()
    assert sorted(p.rsplit("/", 1)[1] for p in pages) == ["1", "4"]


def test_colours_with_pages_of_their_own_are_products_of_their_own(world):
    _, told, *_ = world
    assert (told["colours"]["products"], told["colours"]["duplicates"]) == (3, 0)
