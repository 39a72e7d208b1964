"""Spiders: which page of each kind of platform comes next; `pages` reads the responses."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from scrapy.http import Request, Response, TextResponse

from fashiontrend.crawl import pages
from fashiontrend.crawl.finding import AddressFilter, SitemapSearch, search_for
from fashiontrend.crawl.listing import to_id
from fashiontrend.crawl.memory import KnownPage
from fashiontrend.crawl.pages.product import StatedProduct
from fashiontrend.crawl.pages.values import to_address
from fashiontrend.crawl.platform_spider import (
    MAX_SITEMAP_BYTES,
    REFUSAL_STATUSES,
    PlatformSpider,
    SpiderOutput,
    failure_name,
    read_with,
)

SHOPIFY_PAGE_SIZE, WOOCOMMERCE_PAGE_SIZE = 250, 100
#: The Store API's list of products, and the same with plain permalinks.
WOOCOMMERCE_PRETTY = "/wp-json/wc/store/v1/products?"
WOOCOMMERCE_PLAIN = "/?rest_route=/wc/store/v1/products&"
#: Shopify responds with 400 beyond page x limit = 25,000.
SHOPIFY_MAX_PAGES = 25_000 // SHOPIFY_PAGE_SIZE


class ShopifySpider(PlatformSpider):
    """Reads `/products.json` page by page until one is empty; `/meta.json` has the currency."""

    currency: str | None = None
    last_ids: tuple[str, ...] = ()

    def first_requests(self) -> Iterator[Request]:
        """Request the currency; its callback requests the first page."""
        yield self.path_request("/meta.json", self.read_meta)

    def read_meta(self, response: Response) -> Iterator[Request]:
        """Keep the currency and request page 1; a shop without `/meta.json` is read all the same."""
        failed_pages = self.failed_pages
        if self.is_usable(response) and isinstance(response, TextResponse):
            self.currency = pages.read_shopify_currency(response.text)
        self.failed_pages = failed_pages
        yield self.page_request(1)

    def page_request(self, number: int) -> Request:
        """Return the request for a page; the first has the number 1."""
        path = f"/products.json?limit={SHOPIFY_PAGE_SIZE}&page={number}"
        return self.path_request(path, self.read_page, number=number)

    def read_page(self, response: Response, number: int) -> Iterator[SpiderOutput]:
        """Yield the products of a page, and the next request until a page has nothing new."""
        if not self.is_usable(response):
            return
        currency = self.currency or self.platform.currency
        offset = (number - 1) * SHOPIFY_PAGE_SIZE
        found = read_with(
            self, response, lambda text, url: pages.read_shopify(text, url, currency, offset)
        )
        if found == []:
            self.reached_end = True
        elif found and self.differs_from_last_page(found):
            yield from found
            if number < SHOPIFY_MAX_PAGES:
                yield self.page_request(number + 1)

    def differs_from_last_page(self, found: list[StatedProduct]) -> bool:
        """Return whether a page has other products; some shops ignore the page's number."""
        ids, before = tuple(str(product.product_id) for product in found), self.last_ids
        self.last_ids = ids
        return ids != before


class WooCommerceSpider(PlatformSpider):
    """Reads the Store API, as many pages as `X-WP-TotalPages` says.

    A shop with plain permalinks has no `/wp-json/`: WordPress then takes the same path as the query `rest_route`.
    """

    plain_permalinks = False

    def first_requests(self) -> Iterator[Request]:
        """Request page 1, whose headers say how many pages there are."""
        yield self.page_request(1)

    def page_request(self, number: int) -> Request:
        """Return the request for a page; the first has the number 1."""
        start = WOOCOMMERCE_PLAIN if self.plain_permalinks else WOOCOMMERCE_PRETTY
        path = f"{start}per_page={WOOCOMMERCE_PAGE_SIZE}&page={number}"
        return self.path_request(path, self.read_page, number=number)

    def looks_elsewhere(self, response: Response, number: int) -> bool:
        """Return whether the plain form of the first page is to be tried: the usual one is no list."""
        if self.plain_permalinks or number > 1 or not isinstance(response, TextResponse):
            return False
        is_list = response.status < 400 and response.text.lstrip("\ufeff \t\r\n").startswith("[")
        refused = response.status in REFUSAL_STATUSES or pages.is_challenge(response.text)
        return not (is_list or refused or response.status >= 500)

    def read_page(self, response: Response, number: int) -> Iterator[SpiderOutput]:
        """Yield the products of a page and the next request; without a total, until one is empty."""
        if self.looks_elsewhere(response, number):
            self.plain_permalinks = True
            yield self.page_request(1)
            return
        if not self.is_usable(response):
            return
        offset = (number - 1) * WOOCOMMERCE_PAGE_SIZE
        found = read_with(
            self, response, lambda text, url: pages.read_woocommerce(text, url, offset)
        )
        yield from found or ()
        total = response.headers.get("X-WP-TotalPages", b"").decode("ascii", "ignore")
        stated = total.isdigit() and len(total) < 10  # a number of 5,000 digits is none
        last = number >= int(total) if stated else found == []
        if found is not None and last:
            self.reached_end = True
        elif found:
            yield self.page_request(number + 1)


class SchemaOrgSpider(PlatformSpider):
    """Reads the sitemap's product pages whose lastmod changed; the others are carried over."""

    search: SitemapSearch

    def first_requests(self) -> Iterator[Request]:
        """Request the sitemaps at the first place where they may be; see `finding`."""
        self.asked_pages: set[str] = set()
        self.queued_pages = 0
        self.filter = AddressFilter.of(self.platform.include, self.platform.exclude)
        self.search = search_for(
            self.base, self.platform.sitemaps, self.robots_sitemaps, self.platform.archive
        )
        yield from self.next_sitemaps()

    def next_sitemaps(self) -> Iterator[Request]:
        """Request the sitemaps at the next place."""
        for address in self.search.next_group():
            yield from self.sitemap_request(address, 0)

    def sitemap_request(self, address: str, depth: int) -> Iterator[Request]:
        """Yield the request for a sitemap, which lies `depth` indices deep."""
        try:
            request = self.address_request(address, self.read_sitemap, asked=address, depth=depth)
        except ValueError:  # `https://[shop]/`: one broken address must not hide the others
            yield from self.after_sitemap(address, depth, "not an address", found=False)
            return
        request.meta["download_maxsize"] = MAX_SITEMAP_BYTES
        yield request.replace(errback=self.on_sitemap_failure)

    def on_sitemap_failure(self, failure: Any) -> Iterator[Request]:
        """Count a sitemap that got no response, and look at the next place."""
        self.on_failure(failure)
        self.failed_pages -= 1  # `after_sitemap` decides whether it hides anything
        arguments = failure.request.cb_kwargs
        fault = failure_name(failure)
        yield from self.after_sitemap(arguments["asked"], arguments["depth"], fault, found=False)

    def read_sitemap(self, response: Response, asked: str, depth: int) -> Iterator[SpiderOutput]:
        """Fetch changed pages and carry over the rest; on sweep days fetch all."""
        failed_pages = self.failed_pages
        if not self.is_usable(response):
            self.failed_pages = failed_pages
            yield from self.after_sitemap(asked, depth, str(response.status), found=False)
            return
        content = pages.read_sitemap(response.body)
        yield from self.follow_sitemap(content, response.url, depth)
        found = bool(content.pages or content.further)
        yield from self.after_sitemap(asked, depth, content.fault, found=found)

    def follow_sitemap(
        self, content: pages.Sitemap, url: str, depth: int
    ) -> Iterator[SpiderOutput]:
        """Yield what the pages and further sitemaps of a sitemap lead to."""
        for stated, lastmod in content.pages:
            address = to_address(stated, url) or stated
            if self.is_own_address(address):
                yield from self.fetch_or_carry_over(address, lastmod)
        for stated in content.further:
            address = to_address(stated, url) or stated
            if self.is_own_address(address) and self.admits_sitemap(address, depth + 1):
                yield from self.sitemap_request(address, depth + 1)

    def admits_sitemap(self, address: str, depth: int) -> bool:
        """Return whether a further sitemap is to be read; too many make the crawl partial."""
        if not self.filter.takes_sitemap(address):
            self.count("left_out")
            return False
        admitted = self.search.admits(address, depth)
        if admitted is None:
            self.failed_pages += 1
            self.count("sitemaps_over_limit")
        return bool(admitted)

    def after_sitemap(
        self, address: str, depth: int, fault: str, *, found: bool
    ) -> Iterator[Request]:
        """Write down what a sitemap brought: what it hides makes the crawl partial."""
        looks_on = self.search.note(address, fault, names_something=found)
        if fault and (found or depth or self.platform.sitemaps or address in self.robots_sitemaps):
            self.failed_pages += 1
            self.count("sitemaps_unread")
            detail = f"the sitemap is not whole: {fault}" if found else f"no sitemap: {fault}"
            self.reject("sitemap_unread", detail, address)
        self.reached_end = self.search.found
        if looks_on:
            yield from self.next_sitemaps()

    def is_own_address(self, address: str) -> bool:
        """Return whether an address belongs to this shop, with or without `www.`."""
        try:
            parts = urlsplit(Request(address).url)
        except ValueError:  # `https://[shop]/`: one broken address must not hide the others
            parts = urlsplit("")
        ours = self.host.removeprefix("www.")
        same = parts.netloc == ours or parts.netloc.endswith(f".{ours}")
        if not (same and parts.scheme in ("http", "https")):
            self.count("foreign")
            return False
        return True

    def fetch_or_carry_over(self, address: str, lastmod: str | None) -> Iterator[SpiderOutput]:
        """Yield the request for a page, or its known listings if it did not change.

        A page that several sitemaps name is read once. More pages than the day has requests are
        not even queued: an endless sitemap must not fill the memory.
        """
        page = self.stable_address(address)
        if page in self.asked_pages:
            return
        if not self.filter.takes(address):
            self.count("left_out")
            return
        carried = None if self.is_sweep else self.memory.unchanged(page, lastmod)
        if carried is None and self.queued_pages >= self.crawl.daily_request_budget:
            self.count("over_budget")
            return
        self.asked_pages.add(page)
        if carried is None:
            self.queued_pages += 1
            yield self.address_request(address, self.read_product, page=page, lastmod=lastmod)
            return
        self.count("carried_over")
        self.pages[page] = KnownPage(lastmod, tuple(known.product_id for known in carried))
        yield from carried

    def stable_address(self, address: str) -> str:
        """Return an address without the day, so that an archive's pages are recognised."""
        return address.replace(str(self.day), "{day}") if self.platform.archive else address

    def read_product(
        self, response: Response, page: str, lastmod: str | None
    ) -> Iterator[SpiderOutput]:
        """Yield the products of a page, or what it leads to if it turns out to be a sitemap.

        A page without products is not remembered: it may be a maintenance page.
        """
        if not self.is_usable(response):
            return
        if pages.is_sitemap(response.body):
            if self.search.admits(response.url, 1):
                yield from self.read_sitemap(response, response.url, 1)
            return
        found = read_with(self, response, pages.read_schema_org)
        if found == []:
            self.count("no_product")
        elif found:
            found = [self.keep_known_id(product) for product in found]
            self.pages[page] = KnownPage(lastmod, tuple(to_id(p.product_id) for p in found))
            yield from (replace(product, updated_at=lastmod) for product in found)

    def keep_known_id(self, product: StatedProduct) -> StatedProduct:
        """Return the product with the id that it was listed under before, if its page is the same.

        Labels and `first_seen` depend on the id that a product had first: its sizes may sell out,
        and a page then states the number of the last one in place of none.
        """
        for number in (product.group_id, product.identity, product.url):
            known = self.memory.listings.get(to_id(number)) if number is not None else None
            if known is not None and known.url == product.url:
                return replace(product, product_id=known.product_id)
        known = self.memory.only_listing_at(to_id(product.url))
        if known is not None and known.title == product.title:
            return replace(product, product_id=known.product_id)
        return product


SPIDERS: dict[str, type[PlatformSpider]] = {
    "shopify": ShopifySpider,
    "woocommerce": WooCommerceSpider,
    "schema_org": SchemaOrgSpider,
}
