"""What a short visit tells of a shop; every shop counts what it was asked."""

import asyncio
import io
import json
from datetime import date

import pytest
from PIL import Image

from fashiontrend.config import CrawlConfig, IngestConfig, PlatformConfig
from fashiontrend.crawl.shop_check import check_shop
from fashiontrend.crawl.survey import survey
from fashiontrend.crawl.visit import MAX_REQUESTS, ShopRefuses, Visit

DAY = date(2026, 12, 1)
GONE = (404, {}, b"gone")
HOME = b"<html>welcome"


def picture():
    data = io.BytesIO()
    Image.effect_noise((64, 80), 60).save(data, "PNG")
    return data.getvalue()


PICTURE = (200, {"Content-Type": "image/png"}, picture())


def found(body, **headers):
    text = body if isinstance(body, str) else json.dumps(body)
    return 200, headers, text.encode()


def shopify_product(number, image="/a.png"):
    variant = {"id": number, "price": "49.00", "available": True}
    return {
        "id": number, "title": "Red wool coat", "handle": f"coat-{number}",
        "images": [{"src": image}], "variants": [variant],
    }  # fmt: skip


def woocommerce_product(number):
    prices = {"price": "4900", "currency_minor_unit": 2, "currency_code": "EUR"}
    return {
        "id": number, "name": "Linen shirt", "permalink": f"/product/{number}", "prices": prices,
        "images": [{"src": "/a.png"}],
    }  # fmt: skip


def page(path):
    data = {"@type": "Product", "sku": path, "name": "Silk dress", "image": "/a.png"}
    return found(f'<script type="application/ld+json">{json.dumps(data)}</script>')


def urls(*paths):
    return found("<urlset>" + "".join(f"<url><loc>{p}</loc></url>" for p in paths) + "</urlset>")


INDEX = found(
    "<sitemapindex><sitemap><loc>/blog.xml</loc></sitemap>"
    "<sitemap><loc>/products.xml</loc></sitemap></sitemapindex>"
)
PRODUCTS = [f"/products/coat-{n}" for n in range(40)]
SHOPIFY = found({"products": [shopify_product(n) for n in range(1, 6)]})
SHOPS = {
    "shopify": {
        "/": found("<script src=https://cdn.shopify.com/x.js>"),
        "/products.json?limit=250&page=1": SHOPIFY,
        "/meta.json": found({"currency": "EUR"}),
    },
    "woocommerce": {
        "/": found("<link href=/wp-content/plugins/woocommerce/a.css>"),
        "/wp-json/wc/store/v1/products?per_page=100&page=1": found(
            [woocommerce_product(n) for n in range(1, 6)], **{"X-WP-Total": "230"}
        ),
    },
    "woocommerce with plain permalinks": {
        "/": found("<link href=/wp-content/plugins/woocommerce/a.css>"),
        "/?rest_route=/wc/store/v1/products&per_page=100&page=1": found(
            [woocommerce_product(n) for n in range(1, 6)], **{"X-WP-Total": "5"}
        ),
    },
    "schema_org": {
        "/sitemap.xml": INDEX, "/products.xml": urls("/about", *PRODUCTS),
        **{path: page(path) for path in PRODUCTS},
    },
    "schema_org behind redirects": {
        "/": (302, {"Location": "/en/"}, b""), "/en/": found("welcome"),
        "/robots.txt": found("Sitemap: /map.xml"), "/map.xml": urls(*PRODUCTS),
        **{path: page(path) for path in PRODUCTS},
    },
}  # fmt: skip


def opened(open_shop, answers):
    def answer(path):
        if path.endswith(".png"):
            return PICTURE
        return answers.get(path, (200, {}, HOME) if path == "/" else GONE)

    return open_shop(answer)


def ask(shop, **settings):
    visit = Visit(CrawlConfig(**settings), shop.url, pause_s=0.0)
    return asyncio.run(survey(visit, DAY, IngestConfig()))


@pytest.mark.parametrize(
    ("name", "kind", "products", "exactly", "price"),
    [
        ("shopify", "shopify", 5, True, (49.0, "EUR")),
        ("woocommerce", "woocommerce", 230, True, (49.0, "EUR")),
        ("woocommerce with plain permalinks", "woocommerce", 5, True, (49.0, "EUR")),
        ("schema_org", "schema_org", 40, False, (None, None)),
        ("schema_org behind redirects", "schema_org", 40, False, (None, None)),
    ],
)
def test_a_shop_is_recognised_with_few_requests(open_shop, name, kind, products, exactly, price):
    shop = opened(open_shop, SHOPS[name])
    seen = ask(shop)
    assert (seen.kind, seen.products, seen.exactly) == (kind, products, exactly)
    assert len(seen.listings) == 3
    assert {(one.price, one.currency) for one in seen.listings} == {price}
    assert seen.pictures[0] == "PNG of 64 x 80 pixels"
    assert seen.requests == len(shop.asked) <= MAX_REQUESTS
    block = PlatformConfig(**seen.block())
    assert (block.kind, block.base_url) == (kind, shop.url)
    assert block.include == (("*/products/*",) if kind == "schema_org" else ())


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        pytest.param({"/robots.txt": found("User-agent: *\nDisallow: /")},
                     ["robots.txt forbids", "permission"], id="forbidden"),
        pytest.param({"/robots.txt": (503, {}, b"")}, ["503"], id="robots.txt unreadable"),
        pytest.param({"/robots.txt": found("User-agent: *\nCrawl-delay: 60")}, ["60 s"], id="slow"),
        pytest.param({"/": (403, {}, b"no")}, ["refused (403)"], id="refused"),
        pytest.param({"/": found("<title>Just a moment")}, ["challenge"], id="challenge"),
        pytest.param({"/": (302, {"Location": "/password"}, b""), "/password": found("Enter")},
                     ["private", "password"], id="private"),
        pytest.param({"/": (302, {"Location": "/"}, b"")}, ["requests"], id="a circle"),
        pytest.param({"/": GONE}, ["404"], id="not there"),
        pytest.param({}, ["no product was found", "/sitemap.xml (404)"], id="no shop"),
        pytest.param({"/": SHOPS["shopify"]["/"], "/products.json?limit=250&page=1":
                      found({"products": []})}, ["shopify", "no product"], id="empty"),
        pytest.param({"/sitemap.xml": urls("/a", "/b"), "/a": found("x"), "/b": found("x")},
                     ["state no product", "/a (200)"], id="pages without products"),
        pytest.param({"/": (302, {"Location": "http://127.0.0.1:1/"}, b"")},
                     ["private network"], id="a redirect into a private network"),
    ],
)  # fmt: skip
def test_a_shop_that_cannot_be_crawled_is_told_why(open_shop, answers, words):
    shop = opened(open_shop, answers)
    with pytest.raises(Exception, match="http") as caught:
        ask(shop)
    assert [word for word in words if word not in str(caught.value)] == []
    assert len(shop.asked) <= MAX_REQUESTS


def test_nobody_there_is_told(open_shop):
    visit = Visit(CrawlConfig(), "http://127.0.0.1:1", pause_s=0.0)
    with pytest.raises(ShopRefuses, match="did not answer"):
        asyncio.run(survey(visit, DAY, IngestConfig()))


def test_an_endless_catalogue_costs_ten_requests_and_is_told_as_far_as_it_was_read(open_shop):
    many = {**SHOPS["shopify"]}
    images = [f"http://{host}.localhost:9/a.png" for host in "abcdefgh"]
    products = [shopify_product(n, image) for n, image in enumerate(images * 40, 1)][:250]
    many["/products.json?limit=250&page=1"] = found({"products": products})
    seen = ask(opened(open_shop, many))
    assert (seen.products, seen.exactly) == (250, False)
    assert all("not usable" in told for told in seen.pictures)


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [("shopify", "shopify", "5 products"), ("schema_org", "schema_org", "2 further sitemaps")],
)
def test_a_configured_shop_is_asked_once(open_shop, name, kind, told):
    answers = {**SHOPS[name], "/products.json?limit=1": SHOPIFY}
    shop = opened(open_shop, answers)
    platform = PlatformConfig(name="a", kind=kind, base_url=shop.url)
    assert told in asyncio.run(check_shop(Visit(CrawlConfig(), shop.url, pause_s=0.0), platform))
    assert len(shop.asked) == 2


def test_a_shop_of_another_kind_is_told_when_it_is_asked(open_shop):
    shop = opened(open_shop, SHOPS["woocommerce"])
    platform = PlatformConfig(name="a", kind="shopify", base_url=shop.url)
    with pytest.raises(ShopRefuses, match="Is this a shop of kind shopify"):
        asyncio.run(check_shop(Visit(CrawlConfig(), shop.url, pause_s=0.0), platform))
