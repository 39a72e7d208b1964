"""Ask a configured shop once whether it answers as its kind does, which a crawl would find out much later."""

from collections.abc import Sequence
from contextlib import suppress

from fashiontrend.config import PlatformConfig
from fashiontrend.crawl import pages
from fashiontrend.crawl.finding import ABSENT, search_for
from fashiontrend.crawl.spiders import WOOCOMMERCE_PLAIN, WOOCOMMERCE_PRETTY
from fashiontrend.crawl.survey import content_of
from fashiontrend.crawl.visit import ShopRefuses, Visit
from fashiontrend.errors import DataError


async def check_shop(visit: Visit, platform: PlatformConfig) -> str:
    """Ask a configured shop once, beside its robots.txt, and return what it answered.

    Raises:
        ShopRefuses: the shop refuses or does not answer as its kind does.
    """
    base = visit.shop.rstrip("/")
    if platform.kind == "shopify":
        return await _check_list(visit, [f"{base}/products.json?limit=1"], platform.kind)
    if platform.kind == "woocommerce":
        starts = (WOOCOMMERCE_PRETTY, WOOCOMMERCE_PLAIN)
        addresses = [f"{base}{start}per_page=1&page=1" for start in starts]
        return await _check_list(visit, addresses, platform.kind)
    robots = await visit.sitemaps(base)
    address = search_for(base, platform.sitemaps, robots, platform.archive).next_group()[0]
    content, fault = content_of(await visit.get(address))
    named = bool(platform.sitemaps) or address in robots
    if fault and (named or fault not in ABSENT):
        raise ShopRefuses(f"{address}: no sitemap ({fault}). Name it by the platform's `sitemaps`.")
    if fault:
        return f"{address}: {fault}; the crawl looks at the other usual addresses"
    return f"{address}: {len(content.pages)} pages, {len(content.further)} further sitemaps"


async def _check_list(visit: Visit, addresses: Sequence[str], kind: str) -> str:
    """Ask for a list of one product at the first of these addresses that has one."""
    read = pages.read_shopify if kind == "shopify" else pages.read_woocommerce
    for address in addresses:
        answer = await visit.get(address)
        with suppress(DataError):
            number = len(read(answer.text, answer.url))
            return f"{address}: {number} product{'' if number == 1 else 's'} on its first page"
    raise ShopRefuses(
        f"{address}: no list of products ({answer.status}). Is this a shop of kind {kind}? `fashiontrend shop` "
        "tells."
    )
