"""The base of the spiders: pace, budgets, counts and what a crawl found."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import protego
import scrapy
from scrapy.exceptions import DownloadCancelledError, IgnoreRequest
from scrapy.extensions.throttle import AutoThrottle
from scrapy.http import Request, Response, TextResponse
from twisted.python.failure import Failure

from fashiontrend.config import CrawlConfig, PlatformConfig
from fashiontrend.crawl import pages
from fashiontrend.crawl.archive import PageArchive
from fashiontrend.crawl.finding import MAX_SITEMAPS
from fashiontrend.crawl.listing import Listing
from fashiontrend.crawl.memory import CrawlMemory, KnownPage, Validators
from fashiontrend.crawl.pages.product import StatedProduct
from fashiontrend.errors import DataError, StoreError

REFUSAL_STATUSES = {401, 403, 429, 503}
GONE_STATUSES = {404, 410}
#: What RFC 9309 asks to read of a robots.txt at least, in characters.
MAX_ROBOTS_CHARS = 512_000
#: A shop that wants pauses so long that a day's time has room for fewer requests is not crawled.
MIN_REQUESTS = 10
#: Key in the meta of requests for pictures.
PICTURE_META_KEY = "fashiontrend_picture"
#: A page of 250 products has some megabytes, a sitemap up to 50 before it is packed.
MAX_PAGE_BYTES, MAX_SITEMAP_BYTES = 16 << 20, 64 << 20


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


def failure_name(failure: Failure) -> str:
    """Return under which name a request without a usable response is counted."""
    if failure.check(DownloadCancelledError):
        return "too_large"
    if not failure.check(IgnoreRequest):
        return "unreachable"
    text = str(failure.value)
    if "DOWNLOAD_MAXSIZE" in text:  # it was packed, and its plain form is too long
        return "too_large"
    return "redirected" if "redirect" in text else "forbidden"


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
        self.archive: PageArchive | None = None  # None if pages are not kept
        self.shared_ids: set[str] = set()  # product ids that the shop gave to several products
        self.pages: dict[str, KnownPage] = {}
        self.validators: dict[str, Validators] = {}  # of the pictures of `listings`, by address
        self.robots_sitemaps: tuple[str, ...] = ()  # the `Sitemap:` lines of robots.txt
        self.odd_answers: list[str] = []  # the first pages of the catalogue that were not there
        self.reached_end = False  # whether the last page of the catalogue was read
        self.failed_pages = 0  # pages of the catalogue that brought nothing
        self.store_error: StoreError | None = None  # why pictures could not be stored

    @property
    def is_sweep(self) -> bool:
        """Whether pages and pictures are asked for again today although nothing says they changed."""
        return self.day.toordinal() % self.crawl.full_sweep_days == 0

    @property
    def complete(self) -> bool:
        """Whether the whole catalogue was read, so that a missing product is not on sale."""
        unsent = (
            self.abandoned_hosts or self.counts.get("over_budget") or self.counts.get("unasked")
        )
        return self.reached_end and not self.failed_pages and not unsent

    def keep_page(self, response: Response) -> None:
        """Keep a page as it was sent; that the store failed is told at the end of the crawl."""
        if self.archive is None:
            return
        kind = (response.headers.get("Content-Type") or b"").decode("ascii", "ignore")
        try:
            self.archive.add(response.url, kind, response.body)
        except StoreError as error:
            self.store_error = error

    def count(self, name: str, by: int = 1) -> None:
        """Add to the count of this name; everything that is left out is counted under some name."""
        self.counts[name] = self.counts.get(name, 0) + by

    def reject(self, reason: str, detail: str, url: str, product_id: str | None = None) -> None:
        """Write down what could not be used."""
        self.rejects.append(CrawlReject(reason, detail, url, product_id))

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
            rules = protego.Protego.parse(response.text[:MAX_ROBOTS_CHARS])
            self.robots_sitemaps = tuple(rules.sitemaps)[:MAX_SITEMAPS]
            delay_s = float(rules.crawl_delay(self.robots_agent) or 0.0)
            if delay_s * MIN_REQUESTS > self.crawl.time_budget_s:
                self.count("too_slow")
                self.reject("crawl_delay", f"robots.txt asks for {delay_s:g} s", response.url)
                return
            self.slow_down(response.request, delay_s)
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
            self.count(failure_name(failure))

    def is_usable(self, response: Response) -> bool:
        """Return whether a response holds the page; a challenge does not, and ends the crawl."""
        if isinstance(response, TextResponse) and pages.is_challenge(response.text):
            self.failed_pages += 1
            if response.status not in REFUSAL_STATUSES:  # those were counted when they came
                self.count("challenge")
            self.end_crawl("challenge")
            return False
        if response.status >= 400 and len(self.odd_answers) < 3:
            self.odd_answers.append(f"{response.url} ({response.status})")
        if response.status in GONE_STATUSES:
            self.count("missing")
        elif response.status >= 400:
            self.failed_pages += 1
        return bool(response.status < 400)


def read_with(
    spider: PlatformSpider, response: Response, reader: Callable[[str, str], list[StatedProduct]]
) -> list[StatedProduct] | None:
    """Return what a reader finds; a page that it cannot read is counted and rejected."""
    try:
        if not isinstance(response, TextResponse):
            raise DataError(f"{response.url}: not text. Check the platform's kind.")
        spider.keep_page(response)
        return reader(response.text, response.url)
    except DataError as error:
        spider.failed_pages += 1
        spider.count("unreadable")
        spider.rejects.append(CrawlReject("unreadable", str(error), response.url))
        return None
