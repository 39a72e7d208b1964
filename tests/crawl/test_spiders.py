"""What a spider reads from one page, without a crawl around it."""

import json
from datetime import date

from scrapy.http import HtmlResponse

from fashiontrend.config import CrawlConfig, PlatformConfig
from fashiontrend.crawl import memory
from fashiontrend.crawl.listing import Listing
from fashiontrend.crawl.spiders import SchemaOrgSpider

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
