"""Where to go next on each kind of platform; what a page says is read by `pages`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import protego
import scrapy
from scrapy.exceptions import IgnoreRequest
from scrapy.extensions.throttle import AutoThrottle
from scrapy.http import Request, Response, TextResponse
from twisted.python.failure import Failure

from fashiontrend.config import CrawlConfig, PlatformConfig
from fashiontrend.crawl import pages
from fashiontrend.crawl.listing import to_id
from fashiontrend.crawl.memory import Memory
from fashiontrend.crawl.pages.values import to_address
from fashiontrend.errors import DataError, StoreError

SHOPIFY_PAGE, WOOCOMMERCE_PAGE = 250, 100
#: Shopify answers 400 beyond page x limit = 25,000.
SHOPIFY_MOST = 25_000 // SHOPIFY_PAGE
BLOCKED = {401, 403, 429, 503}
GONE = {404, 410}
#: Mark of a picture's request.
PICTURE = "fashiontrend_picture"
#: Pages may be larger than pictures: a sitemap may have 50 MB.
MOST_PAGE_BYTES = 64 << 20


class Unasked(IgnoreRequest):  # type: ignore[misc]
    """A request was held back: its host refused, or the crawl ended."""


class BudgetSpent(Unasked):
    """The day's budget of requests is used up."""


class PlatformSpider(scrapy.Spider):  # type: ignore[misc]
    """What every platform's spider shares: its settings, its memory, and what it counts."""

    def __init__(
        self, platform: PlatformConfig, crawl: CrawlConfig, day: date, memory: Memory
    ) -> None:
        super().__init__(name=platform.name)
        self.platform, self.crawl, self.day, self.memory = platform, crawl, day, memory
        self.base = platform.base_url.replace("{day}", str(day)).rstrip("/")
        self.host = urlsplit(self.base).netloc
        self.page_hosts = {urlsplit(self.base).hostname or ""}  # that pages were asked of
        self.left: set[str] = set()  # hosts that are asked for nothing more
        self.ended = ""  # why the crawl was ended before its end
        self.clock: asyncio.TimerHandle | None = None
        self.counts: dict[str, int] = {}
        self.rejects: list[dict[str, Any]] = []
        self.listings: list[dict[str, Any]] = []
        self.pages: dict[str, tuple[str | None, tuple[str, ...]]] = {}
        self.reached_end = False  # whether the last page of the catalogue was seen
        self.missed = 0  # pages of the catalogue that brought nothing
        self.broken: StoreError | None = None  # why pictures could not be stored

    @property
    def complete(self) -> bool:
        """Whether the whole catalogue was read: what is not in it is not on sale."""
        unsent = self.left or self.counts.get("over_budget") or self.counts.get("unasked")
        return self.reached_end and not self.missed and not unsent

    def count(self, name: str, by: int = 1) -> None:
        """Count something by name; everything left aside is counted somewhere."""
        self.counts[name] = self.counts.get(name, 0) + by

    async def start(self) -> AsyncIterator[Request]:
        """Ask robots.txt for its delay first, then go to the first page.

        Scrapy's own CLOSESPIDER_TIMEOUT would first send everything that is queued.
        """
        loop = asyncio.get_running_loop()
        self.clock = loop.call_later(self.crawl.time_budget_s, self.end, "time_budget")
        if not self.crawl.obey_robots:
            for request in self.first():
                yield request
            return
        address = f"{urlsplit(self.base).scheme}://{self.host}/robots.txt"
        meta = {"dont_obey_robotstxt": True}
        yield Request(address, callback=self.read_robots, errback=self.failed, meta=meta)

    def closed(self, reason: str) -> None:
        """Scrapy calls it at the end."""
        if self.clock is not None:
            self.clock.cancel()

    def read_robots(self, response: Response) -> Iterator[Request]:
        """Lengthen the pause to the shop's Crawl-delay, then begin.

        A robots.txt behind a server's error forbids everything (RFC 9309, 2.3.1.4).
        """
        if response.status >= 500:
            if response.status not in BLOCKED:  # those were counted when they came
                self.count("blocked")
            return
        if response.status == 200 and isinstance(response, TextResponse):
            rules = protego.Protego.parse(response.text)
            self.slow_down(response.request, float(rules.crawl_delay(self.agent) or 0.0))
        yield from self.first()

    @property
    def agent(self) -> str:
        """The name by which robots.txt may address us, as Scrapy's robots middleware asks it."""
        return str(self.crawler.settings["USER_AGENT"])

    def slow_down(self, request: Request, delay_s: float) -> None:
        """Make a pause the least one of a request's host; AutoThrottle must not shorten it."""
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

    def give_up(self, host: str, reason: str) -> None:
        """Ask a host for nothing more; where it is one of the shop's pages, the crawl ends."""
        if host in self.page_hosts:
            self.end(reason)
        else:
            self.left.add(host)
            self._drop_queued(host)

    def end(self, reason: str) -> None:
        """End the crawl now: nothing more is sent, what was found is kept."""
        if not self.ended:
            self.ended = reason
            self._drop_queued()
            closing = self.crawler.engine.close_spider_async(reason=reason)
            self.closing = asyncio.ensure_future(closing)

    def _drop_queued(self, host: str | None = None) -> None:
        """Take back what waits to be sent, to one host or to all."""
        for slot in self.crawler.engine.downloader.slots.values():
            waiting = list(slot.queue)
            slot.queue.clear()
            for request, answer in waiting:
                if host is not None and urlsplit(request.url).hostname != host:
                    slot.queue.append((request, answer))
                    continue
                self.count("unasked")
                self.crawler.stats.inc_value("downloader/request_count", -1)  # it was never sent
                answer.errback(Failure(Unasked()))

    def first(self) -> Iterator[Request]:
        """The first pages of the catalogue."""
        raise NotImplementedError

    def ask(self, path: str, callback: Any, **arguments: Any) -> Request:
        """A request below the platform's base address."""
        return self.go(f"{self.base}{path}", callback, **arguments)

    def go(self, address: str, callback: Any, **arguments: Any) -> Request:
        """A request for a page of the catalogue."""
        return Request(
            address, callback=callback, errback=self.failed, cb_kwargs=arguments,
            dont_filter=True, meta={"download_maxsize": MOST_PAGE_BYTES},
        )  # fmt: skip

    def failed(self, failure: Any) -> None:
        """Count a request that was never answered."""
        self.missed += 1
        if not failure.check(Unasked):  # those were counted when they were held back
            self.count("forbidden" if failure.check(IgnoreRequest) else "unreachable")

    def usable(self, response: Response) -> bool:
        """Whether a response is an answer; a challenge is none, it ends the crawl."""
        if isinstance(response, TextResponse) and pages.is_challenge(response.text):
            self.missed += 1
            if response.status not in BLOCKED:  # those were counted when they came
                self.count("challenge")
            self.end("challenge")
            return False
        if response.status in GONE:
            self.count("missing")
        elif response.status >= 400:
            self.missed += 1
        return bool(response.status < 400)


class ShopifySpider(PlatformSpider):
    """Pages of `/products.json` until an empty one; the currency comes from `/meta.json`."""

    currency: str | None = None
    last_ids: tuple[str, ...] = ()

    def first(self) -> Iterator[Request]:
        """Ask for the currency, which leads to the first page."""
        yield self.ask("/meta.json", self.read_meta)

    def read_meta(self, response: Response) -> Iterator[Request]:
        """Keep the currency and go to page 1; a shop without `/meta.json` is no lesser shop."""
        missed = self.missed
        if self.usable(response) and isinstance(response, TextResponse):
            self.currency = pages.read_shopify_currency(response.text)
        self.missed = missed
        yield self.page(1)

    def page(self, number: int) -> Request:
        """The request for a page."""
        path = f"/products.json?limit={SHOPIFY_PAGE}&page={number}"
        return self.ask(path, self.read_page, number=number)

    def read_page(self, response: Response, number: int) -> Iterator[Any]:
        """Products of a page, and the next page until one has nothing new."""
        if not self.usable(response):
            return
        currency = self.currency or self.platform.currency
        found = _read(self, response, lambda text, url: pages.read_shopify(text, url, currency))
        if found == []:
            self.reached_end = True
        elif found and self.has_news(found):
            yield from found
            if number < SHOPIFY_MOST:
                yield self.page(number + 1)

    def has_news(self, found: list[dict[str, Any]]) -> bool:
        """Whether a page differs from the one before; some shops ignore the page's number."""
        ids, before = tuple(str(f["product_id"]) for f in found), self.last_ids
        self.last_ids = ids
        return ids != before


class WooCommerceSpider(PlatformSpider):
    """Pages of the Store API, as many as `X-WP-TotalPages` says."""

    def first(self) -> Iterator[Request]:
        """Page 1, which tells how many there are."""
        yield self.page(1)

    def page(self, number: int) -> Request:
        """The request for a page."""
        path = f"/wp-json/wc/store/v1/products?per_page={WOOCOMMERCE_PAGE}&page={number}"
        return self.ask(path, self.read_page, number=number)

    def read_page(self, response: Response, number: int) -> Iterator[Any]:
        """Products of a page, and the next one; without a total, until an empty one."""
        if not self.usable(response):
            return
        found = _read(self, response, pages.read_woocommerce)
        yield from found or ()
        total = response.headers.get("X-WP-TotalPages", b"").decode("ascii", "ignore")
        last = number >= int(total) if total.isdigit() else found == []
        if found is not None and last:
            self.reached_end = True
        elif found:
            yield self.page(number + 1)


class SchemaOrgSpider(PlatformSpider):
    """Product pages of the sitemap whose lastmod changed; the others are carried over."""

    def first(self) -> Iterator[Request]:
        """The sitemap, or the index of sitemaps."""
        yield self.ask("/sitemap.xml", self.read_sitemap)

    def read_sitemap(self, response: Response) -> Iterator[Any]:
        """Fetch changed pages, carry over the rest; on sweep days fetch all."""
        if not self.usable(response):
            return
        entries, further = pages.read_sitemap(response.body)
        for address, lastmod in entries:
            if self.is_ours(address):
                yield from self.visit(address, lastmod)
        for stated in further:
            address = to_address(stated, response.url) or stated
            if self.is_ours(address):
                request = self.go(address, self.read_sitemap)
                yield request.replace(dont_filter=False)  # an index may name itself
        self.reached_end = True

    def is_ours(self, address: str) -> bool:
        """Whether an address is a page of this shop, `www.` or not; other hosts are left alone."""
        try:
            parts = urlsplit(Request(address).url)
        except ValueError:  # `https://[shop]/`: no address hides the others
            parts = urlsplit("")
        ours = self.host.removeprefix("www.")
        same = parts.netloc == ours or parts.netloc.endswith(f".{ours}")
        if not (same and parts.scheme in ("http", "https")):
            self.count("foreign")
            return False
        return True

    def visit(self, address: str, lastmod: str | None) -> Iterator[Any]:
        """The request for a page, or the listings that are known of it."""
        page = self.stable(address)
        sweep = self.day.toordinal() % self.crawl.full_sweep_days == 0
        carried = None if sweep else self.memory.unchanged(page, lastmod)
        if carried is None:
            yield self.go(address, self.read_product, page=page, lastmod=lastmod)
            return
        self.count("carried_over")
        self.pages[page] = (lastmod, tuple(row["product_id"] for row in carried))
        yield from ({**row, "carried": True} for row in carried)

    def stable(self, address: str) -> str:
        """A page's address without the day, so that an archive's pages are known again."""
        return address.replace(str(self.day), "{day}") if self.platform.archive else address

    def read_product(self, response: Response, page: str, lastmod: str | None) -> Iterator[Any]:
        """Products of a page; one without any is not remembered, it may be of maintenance."""
        if not self.usable(response):
            return
        found = _read(self, response, pages.read_schema_org)
        if found == []:
            self.count("no_product")
        elif found:
            found = [self.as_before(f) for f in found]
            self.pages[page] = (lastmod, tuple(to_id(f["product_id"]) for f in found))
            yield from ({**f, "updated_at": lastmod} for f in found)

    def as_before(self, found: dict[str, Any]) -> dict[str, Any]:
        """What a page states; one that was listed by the id of its group before keeps it.

        Labels and `first_seen` hang on that id.
        """
        group = found["group_id"]
        before = None if group is None else self.memory.listings.get(to_id(group))
        named = before if before and before["url"] == found["url"] else found
        stated = {name: value for name, value in found.items() if name != "group_id"}
        return {**stated, "product_id": named["product_id"]}


def _read(
    spider: PlatformSpider, response: Response, reader: Callable[[str, str], list[dict[str, Any]]]
) -> list[dict[str, Any]] | None:
    """What a reader finds; a page of another kind is counted and told."""
    try:
        if not isinstance(response, TextResponse):
            raise DataError(f"{response.url}: not text. Check the platform's kind.")
        return reader(response.text, response.url)
    except DataError as error:
        spider.missed += 1
        spider.count("unreadable")
        spider.rejects.append({"reason": "unreadable", "detail": str(error), "url": response.url})
        return None


SPIDERS: dict[str, type[PlatformSpider]] = {
    "shopify": ShopifySpider,
    "woocommerce": WooCommerceSpider,
    "schema_org": SchemaOrgSpider,
}
