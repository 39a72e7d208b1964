"""Spiders: which page of each kind of platform comes next; `pages` reads the responses."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import protego
import scrapy
from scrapy.exceptions import IgnoreRequest
from scrapy.extensions.throttle import AutoThrottle
from scrapy.http import Request, Response, TextResponse
from twisted.python.failure import Failure

from fashiontrend.config import CrawlConfig, PlatformConfig
from fashiontrend.crawl import pages
from fashiontrend.crawl.listing import Listing, to_id
from fashiontrend.crawl.memory import CrawlMemory, KnownPage
from fashiontrend.crawl.pages.product import StatedProduct
from fashiontrend.crawl.pages.values import to_address
from fashiontrend.errors import DataError, StoreError

SHOPIFY_PAGE_SIZE, WOOCOMMERCE_PAGE_SIZE = 250, 100
#: Shopify responds with 400 beyond page x limit = 25,000.
SHOPIFY_MAX_PAGES = 25_000 // SHOPIFY_PAGE_SIZE
REFUSAL_STATUSES = {401, 403, 429, 503}
GONE_STATUSES = {404, 410}
#: Key in the meta of requests for pictures.
PICTURE_META_KEY = "fashiontrend_picture"
#: Pages may be larger than pictures: a sitemap may have 50 MB.
MAX_PAGE_BYTES = 64 << 20


#: What callbacks yield: further requests, products of a page, and listings carried over.
SpiderOutput: TypeAlias = Request | StatedProduct | Listing


class RequestHeldBack(IgnoreRequest):  # type: ignore[misc]
    """A request was not sent because its host refused others, or because the crawl ended."""


class BudgetSpent(RequestHeldBack):
    """A request was not sent because the day's budget of requests is used up."""


@dataclass(frozen=True)
class CrawlReject:
    """A page or product that the crawl could not use."""

    reason: str  # countable
    detail: str
    url: str
    product_id: str | None = None


class PlatformSpider(scrapy.Spider):  # type: ignore[misc]
    """The base of every platform's spider: its settings, memory, counts and results."""

    def __init__(
        self, platform: PlatformConfig, crawl: CrawlConfig, day: date, memory: CrawlMemory
    ) -> None:
        super().__init__(name=platform.name)
        self.platform, self.crawl, self.day, self.memory = platform, crawl, day, memory
        self.base = platform.base_url.replace("{day}", str(day)).rstrip("/")
        self.host = urlsplit(self.base).netloc
        self.page_hosts = {urlsplit(self.base).hostname or ""}  # hosts that served pages
        self.abandoned_hosts: set[str] = set()  # they get no further requests
        self.end_reason = ""  # why the crawl was ended early, "" if it was not
        self.time_budget_timer: asyncio.TimerHandle | None = None
        self.counts: dict[str, int] = {}
        self.rejects: list[CrawlReject] = []
        self.listings: list[Listing] = []
        self.pages: dict[str, KnownPage] = {}
        self.reached_end = False  # whether the last page of the catalogue was read
        self.failed_pages = 0  # pages of the catalogue that brought nothing
        self.store_error: StoreError | None = None  # why pictures could not be stored

    @property
    def complete(self) -> bool:
        """Whether the whole catalogue was read, so that a missing product is not on sale."""
        unsent = (
            self.abandoned_hosts or self.counts.get("over_budget") or self.counts.get("unasked")
        )
        return self.reached_end and not self.failed_pages and not unsent

    def count(self, name: str, by: int = 1) -> None:
        """Add to the count of this name; everything that is left out is counted under some name."""
        self.counts[name] = self.counts.get(name, 0) + by

    async def start(self) -> AsyncIterator[Request]:
        """Request robots.txt for its Crawl-delay; its callback requests the first pages.

        The time budget has its own timer because Scrapy's CLOSESPIDER_TIMEOUT would first send
        every request that is queued.
        """
        loop = asyncio.get_running_loop()
        self.time_budget_timer = loop.call_later(
            self.crawl.time_budget_s, self.end_crawl, "time_budget"
        )
        if not self.crawl.obey_robots:
            for request in self.first_requests():
                yield request
            return
        address = f"{urlsplit(self.base).scheme}://{self.host}/robots.txt"
        meta = {"dont_obey_robotstxt": True}
        yield Request(address, callback=self.read_robots, errback=self.on_failure, meta=meta)

    def closed(self, reason: str) -> None:
        """Cancel the time budget; Scrapy calls this method at the end of the crawl."""
        if self.time_budget_timer is not None:
            self.time_budget_timer.cancel()

    def read_robots(self, response: Response) -> Iterator[Request]:
        """Lengthen the pause to the shop's Crawl-delay, then request the first pages.

        A server error for robots.txt forbids everything (RFC 9309, 2.3.1.4).
        """
        if response.status >= 500:
            if response.status not in REFUSAL_STATUSES:  # those were counted when they came
                self.count("blocked")
            return
        if response.status == 200 and isinstance(response, TextResponse):
            rules = protego.Protego.parse(response.text)
            self.slow_down(response.request, float(rules.crawl_delay(self.robots_agent) or 0.0))
        yield from self.first_requests()

    @property
    def robots_agent(self) -> str:
        """The name that rules of robots.txt are looked up by, as Scrapy's middleware does it."""
        return str(self.crawler.settings["USER_AGENT"])

    def slow_down(self, request: Request, delay_s: float) -> None:
        """Raise the minimum pause of a request's host; AutoThrottle must not go below it."""
        downloader = self.crawler.engine.downloader
        key = downloader.get_slot_key(request)
        least = max(self.crawler.settings.getfloat("DOWNLOAD_DELAY"), delay_s)
        downloader.per_slot_settings[key] = {"delay": least}
        if key in downloader.slots:
            downloader.slots[key].delay = max(downloader.slots[key].delay, least)
        throttle = self.crawler.get_extension(AutoThrottle)
        if throttle is not None:
            throttle.mindelay = least
            throttle.maxdelay = max(throttle.maxdelay, least)

    def abandon_host(self, host: str, reason: str) -> None:
        """Send a host no further request; end the crawl if the host serves the shop's pages."""
        if host in self.page_hosts:
            self.end_crawl(reason)
        else:
            self.abandoned_hosts.add(host)
            self._drop_queued(host)

    def end_crawl(self, reason: str) -> None:
        """End the crawl now: no further request is sent, and what was found is kept."""
        if not self.end_reason:
            self.end_reason = reason
            self._drop_queued()
            closing = self.crawler.engine.close_spider_async(reason=reason)
            self.closing = asyncio.ensure_future(closing)

    def _drop_queued(self, host: str | None = None) -> None:
        """Drop the requests that wait to be sent, to one host or to all."""
        for slot in self.crawler.engine.downloader.slots.values():
            waiting = list(slot.queue)
            slot.queue.clear()
            for request, deferred in waiting:
                if host is not None and urlsplit(request.url).hostname != host:
                    slot.queue.append((request, deferred))
                    continue
                self.count("unasked")
                self.crawler.stats.inc_value("downloader/request_count", -1)  # it was never sent
                deferred.errback(Failure(RequestHeldBack()))

    def first_requests(self) -> Iterator[Request]:
        """Yield the requests for the first pages of the catalogue."""
        raise NotImplementedError

    def path_request(self, path: str, callback: Callable[..., Any], **arguments: Any) -> Request:
        """Return the request for a path below the platform's base address."""
        return self.address_request(f"{self.base}{path}", callback, **arguments)

    def address_request(
        self, address: str, callback: Callable[..., Any], **arguments: Any
    ) -> Request:
        """Return the request for a page of the catalogue; `arguments` go to the callback."""
        return Request(
            address, callback=callback, errback=self.on_failure, cb_kwargs=arguments,
            dont_filter=True, meta={"download_maxsize": MAX_PAGE_BYTES},
        )  # fmt: skip

    def on_failure(self, failure: Any) -> None:
        """Count a request that got no response."""
        self.failed_pages += 1
        if not failure.check(RequestHeldBack):  # those were counted when they were held back
            self.count("forbidden" if failure.check(IgnoreRequest) else "unreachable")

    def is_usable(self, response: Response) -> bool:
        """Return whether a response holds the page; a challenge does not, and ends the crawl."""
        if isinstance(response, TextResponse) and pages.is_challenge(response.text):
            self.failed_pages += 1
            if response.status not in REFUSAL_STATUSES:  # those were counted when they came
                self.count("challenge")
            self.end_crawl("challenge")
            return False
        if response.status in GONE_STATUSES:
            self.count("missing")
        elif response.status >= 400:
            self.failed_pages += 1
        return bool(response.status < 400)


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
        found = _read(self, response, lambda text, url: pages.read_shopify(text, url, currency))
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
    """Reads the Store API, as many pages as `X-WP-TotalPages` says."""

    def first_requests(self) -> Iterator[Request]:
        """Request page 1, whose headers say how many pages there are."""
        yield self.page_request(1)

    def page_request(self, number: int) -> Request:
        """Return the request for a page; the first has the number 1."""
        path = f"/wp-json/wc/store/v1/products?per_page={WOOCOMMERCE_PAGE_SIZE}&page={number}"
        return self.path_request(path, self.read_page, number=number)

    def read_page(self, response: Response, number: int) -> Iterator[SpiderOutput]:
        """Yield the products of a page and the next request; without a total, until one is empty."""
        if not self.is_usable(response):
            return
        found = _read(self, response, pages.read_woocommerce)
        yield from found or ()
        total = response.headers.get("X-WP-TotalPages", b"").decode("ascii", "ignore")
        last = number >= int(total) if total.isdigit() else found == []
        if found is not None and last:
            self.reached_end = True
        elif found:
            yield self.page_request(number + 1)


class SchemaOrgSpider(PlatformSpider):
    """Reads the sitemap's product pages whose lastmod changed; the others are carried over."""

    def first_requests(self) -> Iterator[Request]:
        """Request the sitemap, which may be an index of sitemaps."""
        yield self.path_request("/sitemap.xml", self.read_sitemap)

    def read_sitemap(self, response: Response) -> Iterator[SpiderOutput]:
        """Fetch changed pages and carry over the rest; on sweep days fetch all."""
        if not self.is_usable(response):
            return
        entries, further = pages.read_sitemap(response.body)
        for address, lastmod in entries:
            if self.is_own_address(address):
                yield from self.fetch_or_carry_over(address, lastmod)
        for stated in further:
            address = to_address(stated, response.url) or stated
            if self.is_own_address(address):
                request = self.address_request(address, self.read_sitemap)
                yield request.replace(dont_filter=False)  # an index may name itself
        self.reached_end = True

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
        """Yield the request for a page, or its known listings if it did not change."""
        page = self.stable_address(address)
        sweep = self.day.toordinal() % self.crawl.full_sweep_days == 0
        carried = None if sweep else self.memory.unchanged(page, lastmod)
        if carried is None:
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
    ) -> Iterator[StatedProduct]:
        """Yield the products of a page.

        A page without products is not remembered: it may be a maintenance page.
        """
        if not self.is_usable(response):
            return
        found = _read(self, response, pages.read_schema_org)
        if found == []:
            self.count("no_product")
        elif found:
            found = [self.keep_known_id(product) for product in found]
            self.pages[page] = KnownPage(lastmod, tuple(to_id(p.product_id) for p in found))
            yield from (replace(product, updated_at=lastmod) for product in found)

    def keep_known_id(self, product: StatedProduct) -> StatedProduct:
        """Return the product with its group's id if it was listed under that id before.

        Labels and `first_seen` depend on the id that a product had first.
        """
        if product.group_id is None:
            return product
        known = self.memory.listings.get(to_id(product.group_id))
        if known is None or known.url != product.url:
            return product
        return replace(product, product_id=known.product_id)


def _read(
    spider: PlatformSpider, response: Response, reader: Callable[[str, str], list[StatedProduct]]
) -> list[StatedProduct] | None:
    """Return what a reader finds; a page that it cannot read is counted and rejected."""
    try:
        if not isinstance(response, TextResponse):
            raise DataError(f"{response.url}: not text. Check the platform's kind.")
        return reader(response.text, response.url)
    except DataError as error:
        spider.failed_pages += 1
        spider.count("unreadable")
        spider.rejects.append(CrawlReject("unreadable", str(error), response.url))
        return None


SPIDERS: dict[str, type[PlatformSpider]] = {
    "shopify": ShopifySpider,
    "woocommerce": WooCommerceSpider,
    "schema_org": SchemaOrgSpider,
}
