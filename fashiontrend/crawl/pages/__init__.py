"""What a shop's page says of its products; no network.

Each reader takes a text and the page's address and returns plain dicts with fields of
records.LISTING; `images` is a list of absolute addresses. What a page does not state is absent
or None; what it states in a wrong type is left as it is, for `listing.check_listing` to reject
by name. Traps seen in the wild are cases of `tests/crawl/test_pages.py`.
"""

from fashiontrend.crawl.pages.challenge import is_challenge
from fashiontrend.crawl.pages.schema_org import read_schema_org
from fashiontrend.crawl.pages.shopify import read_shopify, read_shopify_currency
from fashiontrend.crawl.pages.sitemap import read_sitemap
from fashiontrend.crawl.pages.values import to_price
from fashiontrend.crawl.pages.woocommerce import read_woocommerce

__all__ = [
    "is_challenge",
    "read_schema_org",
    "read_shopify",
    "read_shopify_currency",
    "read_sitemap",
    "read_woocommerce",
    "to_price",
]
