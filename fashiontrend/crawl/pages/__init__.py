"""Read the products that a shop's page states; without network access.

Each reader takes the text and the address of a page and returns `StatedProduct`s. The odd pages
that were seen in real shops are cases of `tests/crawl/test_pages.py`.
"""

from fashiontrend.crawl.pages.challenge import is_challenge
from fashiontrend.crawl.pages.product import StatedProduct
from fashiontrend.crawl.pages.schema_org import read_schema_org
from fashiontrend.crawl.pages.shopify import read_shopify, read_shopify_currency
from fashiontrend.crawl.pages.sitemap import Sitemap, is_sitemap, read_sitemap
from fashiontrend.crawl.pages.values import JsonObject, to_price
from fashiontrend.crawl.pages.woocommerce import read_woocommerce

__all__ = [
    "JsonObject",
    "Sitemap",
    "StatedProduct",
    "is_challenge",
    "is_sitemap",
    "read_schema_org",
    "read_shopify",
    "read_shopify_currency",
    "read_sitemap",
    "read_woocommerce",
    "to_price",
]
