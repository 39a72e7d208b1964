"""What a spider reads from one page, without a crawl around it."""

import json
from datetime import date

import pytest
from scrapy.http import HtmlResponse

from fashiontrend.config import CrawlConfig, PlatformConfig
from fashiontrend.crawl import memory
from fashiontrend.crawl.listing import Listing
from fashiontrend.crawl.spiders import SchemaOrgSpider, WooCommerceSpider

SHOP = "https://shop.example"
DAY = date(2026, 11, 23)


def read(path, known=(), **product):
    """Product ids of a page that states one product, by a spider that knows some listings."""
    platform = PlatformConfig(name="s", kind="schema_org", base_url=SHOP)
    spider = SchemaOrgSpider(
        platform, CrawlConfig(), DAY, memory.remember(map(Listing.from_row, known), {})
    )
    stated = {"@type": "Product", "name": "Coat", "image": "/a.jpg", **product}
    body = f'<script type="application/ld+json">{json.dumps(stated)}</script>'
    url = f"{SHOP}{path}"
    found = spider.read_product(HtmlResponse(url, body=body, encoding="utf-8"), url, "2026-11-01")
    return [product.product_id for product in found], spider.pages[url].product_ids


def test_a_page_that_was_listed_by_the_id_of_its_group_keeps_it_and_its_sisters_get_their_own():
    known = [{"product_id": "7", "url": f"{SHOP}/coat-red"}]
    assert read("/coat-red", known, sku="7-r", inProductGroupWithID=7) == (["7"], ("7",))
    assert read("/coat-blue", known, sku="7-b", inProductGroupWithID=7) == (["7-b"], ("7-b",))
    assert read("/coat-red", sku="7-r", inProductGroupWithID=7) == (["7-r"], ("7-r",))


LIST = json.dumps([{"id": 1, "name": "Shirt", "permalink": "/p/1", "images": [{"src": "/a.jpg"}]}])
PLAIN = f"{SHOP}/?rest_route=/wc/store/v1/products&per_page=100&page="


def woocommerce(status, body, spider=None, number=1, **headers):
    """(addresses that follow, products) of an answer to the request for a page of the list."""
    platform = PlatformConfig(name="s", kind="woocommerce", base_url=SHOP)
    spider = spider or WooCommerceSpider(platform, CrawlConfig(), DAY, memory.remember([], {}))
    url = spider.page_request(number).url
    page = HtmlResponse(url, status=status, body=body, encoding="utf-8", headers=headers)
    found = list(spider.read_page(page, number))
    requests = [one.url for one in found if hasattr(one, "callback")]
    return requests, len(found) - len(requests), spider


@pytest.mark.parametrize(
    ("status", "body"), [(404, "gone"), (200, "<html>home"), (200, '{"code": 1}')]
)
def test_a_shop_with_plain_permalinks_is_asked_by_its_query(status, body):
    requests, _, spider = woocommerce(status, body)
    assert requests == [f"{PLAIN}1"]
    total = {"X-WP-TotalPages": "2"}
    requests, products, _ = woocommerce(200, LIST, spider, **total)
    assert (requests, products) == ([f"{PLAIN}2"], 1)
    assert woocommerce(200, LIST, spider, 2, **total)[:2] == ([], 1)
    assert (spider.complete, spider.counts) == (True, {})


@pytest.mark.parametrize(("status", "body"), [(404, "gone"), (200, "<html>home")])
def test_a_shop_that_has_neither_form_is_asked_twice_and_no_more(status, body):
    _, _, spider = woocommerce(status, body)
    assert woocommerce(status, body, spider)[:2] == ([], 0)
    assert not spider.complete


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_a_shop_that_refuses_is_not_asked_in_another_form(status):
    assert woocommerce(status, "no")[:2] == ([], 0)
