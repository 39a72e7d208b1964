"""Where to go next on each kind of platform; what a page says is read by `pages`."""

from collections.abc import AsyncIterator, Iterator
from datetime import date
from typing import Any

import protego
import scrapy
from scrapy.http import Request, Response, TextResponse

from fashiontrend.config import CrawlConfig, PlatformConfig
from fashiontrend.crawl import pages
from fashiontrend.crawl.memory import Memory
from fashiontrend.errors import DataError

SHOPIFY_PAGE, WOOCOMMERCE_PAGE = 250, 100
#: Shopify answers 400 beyond page x limit = 25,000.
SHOPIFY_MOST = 25_000 // SHOPIFY_PAGE
BLOCKED = {401, 403, 429, 503}


class PlatformSpider(scrapy.Spider):
    """What every platform's spider shares: its settings, its memory, and what it counts."""

    handle_httpstatus_list = sorted(BLOCKED | {400, 404})

    def __init__(self, platform: PlatformConfig, crawl: CrawlConfig, day: date, memory: Memory) -> None:
        super().__init__(name=platform.name)
        self.platform, self.crawl, self.day, self.memory = platform, crawl, day, memory
        self.base = platform.base_url.format(day=day).rstrip("/")
        self.counts: dict[str, int] = {}
        self.rejects: list[dict[str, Any]] = []
        self.listings: list[dict[str, Any]] = []
        self.pages: dict[str, tuple[str | None, tuple[str, ...]]] = {}
        self.complete = False  # whether the last page of the catalogue was seen

    def count(self, name: str) -> None:
        """Count something by name; everything left aside is counted somewhere."""
        self.counts[name] = self.counts.get(name, 0) + 1

    async def start(self) -> AsyncIterator[Request]:
        """Ask robots.txt for its delay first, then go to the first page."""
        yield Request(
            f"{self.base.split('/', 3)[0]}//{self.base.split('/', 3)[2]}/robots.txt",
            callback=self.read_robots, errback=self.without_robots, meta={"dont_obey_robotstxt": True},
        )

    def read_robots(self, response: Response) -> Iterator[Request]:
        """Lengthen the pause to the shop's Crawl-delay, then begin."""
        if response.status == 200 and isinstance(response, TextResponse):
            wanted = protego.Protego.parse(response.text).crawl_delay(self.crawl.user_agent)
            for slot in self.crawler.engine.downloader.slots.values():  # type: ignore[union-attr]
                slot.delay = max(slot.delay, float(wanted or 0.0))
        yield from self.first()

    def without_robots(self, failure: Any) -> Iterator[Request]:
        """A shop that does not answer for robots.txt is asked once more, for its catalogue."""
        self.count("unreachable")
        yield from self.first()

    def first(self) -> Iterator[Request]:
        """The first pages of the catalogue."""
        raise NotImplementedError

    def ask(self, path: str, callback: Any, **arguments: Any) -> Request:
        """A request below the platform's base address."""
        return Request(
            f"{self.base}{path}", callback=callback, errback=self.failed, cb_kwargs=arguments,
            dont_filter=True,
        )

    def failed(self, failure: Any) -> None:
        """Count a request that was never answered."""
        self.count("unreachable")

    def usable(self, response: Response) -> bool:
        """Whether a response is an answer; a refusal or a challenge is counted and not argued with."""
        if response.status in BLOCKED:
            self.count("blocked")
        elif response.status >= 400:
            self.count("missing")
        elif isinstance(response, TextResponse) and pages.is_challenge(response.text):
            self.count("challenge")
        else:
            return True
        return False


class ShopifySpider(PlatformSpider):
    """Pages of `/products.json` until an empty one; the currency comes from `/meta.json`."""

    currency: str | None = None

    def first(self) -> Iterator[Request]:
        """Ask for the currency, which leads to the first page."""
        yield self.ask("/meta.json", self.read_meta)

    def read_meta(self, response: TextResponse) -> Iterator[Request]:
        """Keep the currency and go to page 1."""
        if self.usable(response):
            self.currency = pages.read_shopify_currency(response.text)
        yield self.page(1)

    def page(self, number: int) -> Request:
        """The request for a page."""
        return self.ask(f"/products.json?limit={SHOPIFY_PAGE}&page={number}", self.read_page, number=number)

    def read_page(self, response: TextResponse, number: int) -> Iterator[Any]:
        """Products of a page, and the next page while they are full."""
        if not self.usable(response):
            return
        currency = self.currency or self.platform.currency
        found = _read(self, lambda: pages.read_shopify(response.text, response.url, currency))
        yield from found or ()
        if found is not None and len(found) < SHOPIFY_PAGE:
            self.complete = True
        elif found and number < SHOPIFY_MOST:
            yield self.page(number + 1)


class WooCommerceSpider(PlatformSpider):
    """Pages of the Store API, as many as `X-WP-TotalPages` says."""

    def first(self) -> Iterator[Request]:
        """Page 1, which tells how many there are."""
        yield self.page(1)

    def page(self, number: int) -> Request:
        """The request for a page."""
        path = f"/wp-json/wc/store/v1/products?per_page={WOOCOMMERCE_PAGE}&page={number}"
        return self.ask(path, self.read_page, number=number)

    def read_page(self, response: TextResponse, number: int) -> Iterator[Any]:
        """Products of a page, and the next one."""
        if not self.usable(response):
            return
        found = _read(self, lambda: pages.read_woocommerce(response.text, response.url))
        yield from found or ()
        total = int(response.headers.get("X-WP-TotalPages", b"1") or 1)
        if found is not None and number >= total:
            self.complete = True
        elif found is not None:
            yield self.page(number + 1)


class SchemaOrgSpider(PlatformSpider):
    """Product pages of the sitemap whose lastmod changed; the others are carried over."""

    def first(self) -> Iterator[Request]:
        """The sitemap, or the index of sitemaps."""
        yield self.ask("/sitemap.xml", self.read_sitemap)

    def read_sitemap(self, response: TextResponse) -> Iterator[Any]:
        """Fetch changed pages, carry over the rest; on sweep days fetch all."""
        if not self.usable(response):
            return
        entries, further = pages.read_sitemap(response.text)
        sweep = self.day.toordinal() % self.crawl.full_sweep_days == 0
        for address, lastmod in entries:
            page = self.stable(address)
            carried = None if sweep else self.memory.unchanged(page, lastmod)
            if carried is None:
                yield Request(
                    address, callback=self.read_product, errback=self.failed, dont_filter=True,
                    cb_kwargs={"page": page, "lastmod": lastmod},
                )
            else:
                self.count("carried_over")
                self.pages[page] = (lastmod, tuple(row["product_id"] for row in carried))
                yield from ({**row, "carried": True} for row in carried)
        for address in further:
            yield Request(address, callback=self.read_sitemap, errback=self.failed)
        self.complete = True

    def stable(self, address: str) -> str:
        """A page's address without the day, so that an archive's pages are known again."""
        return address.replace(str(self.day), "{day}") if "{day}" in self.platform.base_url else address

    def read_product(self, response: TextResponse, page: str, lastmod: str | None) -> Iterator[Any]:
        """Products of a page."""
        if not self.usable(response):
            self.complete = False
            return
        found = _read(self, lambda: pages.read_schema_org(response.text, response.url)) or []
        self.pages[page] = (lastmod, tuple(str(f["product_id"]) for f in found))
        yield from ({**f, "updated_at": lastmod} for f in found)


def _read(spider: PlatformSpider, reader: Any) -> list[dict[str, Any]] | None:
    """What a reader finds; a page of another kind is counted and told."""
    try:
        found: list[dict[str, Any]] = reader()
    except DataError as error:
        spider.count("unreadable")
        spider.rejects.append({"reason": "unreadable", "detail": str(error)})
        return None
    return found


SPIDERS: dict[str, type[PlatformSpider]] = {
    "shopify": ShopifySpider,
    "woocommerce": WooCommerceSpider,
    "schema_org": SchemaOrgSpider,
}
