"""Ask a configured shop once whether it answers as its kind does, which a crawl would find out much later."""

from fashiontrend.config import PlatformConfig
from fashiontrend.crawl import pages
from fashiontrend.crawl.finding import ABSENT, search_for
from fashiontrend.crawl.survey import WOOCOMMERCE_PATH, content_of
from fashiontrend.crawl.visit import ShopRefuses, Visit
from fashiontrend.errors import DataError


async def knock(visit: Visit, platform: PlatformConfig) -> str:
    """Ask a configured shop once, beside its robots.txt, and return what it answered.

    Raises:
        ShopRefuses: the shop refuses or does not answer as its kind does.
    """
    paths = {"shopify": "/products.json?limit=1", "woocommerce": WOOCOMMERCE_PATH}
    paths["woocommerce"] = paths["woocommerce"].replace("per_page=100", "per_page=1")
    base = visit.shop.rstrip("/")
    if platform.kind in paths:
        return await _knock_at_list(visit, f"{base}{paths[platform.kind]}", platform.kind)
    robots = await visit.sitemaps(base)
    address = search_for(base, platform.sitemaps, robots, platform.archive).next_group()[0]
    content, fault = content_of(await visit.get(address))
    named = bool(platform.sitemaps) or address in robots
    if fault and (named or fault not in ABSENT):
        raise ShopRefuses(f"{address}: no sitemap ({fault}). Name it by the platform's `sitemaps`.")
    if fault:
        return f"{address}: {fault}; the crawl looks at the other usual addresses"
    return f"{address}: {len(content.pages)} pages, {len(content.further)} further sitemaps"


async def _knock_at_list(visit: Visit, address: str, kind: str) -> str:
    answer = await visit.get(address)
    if answer.status >= 400:
        raise ShopRefuses(
            f"{address}: {answer.status}. Is this a shop of kind {kind}? `fashiontrend shop` tells."
        )
    read = pages.read_shopify if kind == "shopify" else pages.read_woocommerce
    try:
        number = len(read(answer.text, answer.url))
    except DataError as error:
        raise ShopRefuses(str(error)) from None
    return f"{address}: {number} product{'' if number == 1 else 's'} on a page of one"
