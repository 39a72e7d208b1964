"""Handle refusals: pause the whole host, send it no further requests, or end the crawl."""

from collections import Counter
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from urllib.parse import urlsplit

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Request, Response

from fashiontrend.crawl.platform_spider import (
    PICTURE_META_KEY,
    REFUSAL_STATUSES,
    PlatformSpider,
    RequestHeldBack,
)

#: A host that refuses this many requests in a row gets no further requests today.
REFUSALS_IN_A_ROW = 5
#: A host that leaves this many requests in a row without a whole answer gets no further ones today.
LOST_IN_A_ROW = 10
#: A Retry-After of at most this many seconds is waited for; a longer one means: not today.
MAX_PAUSE_S = 300.0


class RefusalMiddleware:
    """Counts refusals of pages and pictures by host, and pauses or abandons the host.

    The middleware sees each response before the next request to that host is sent.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.in_a_row: Counter[str] = Counter()
        self.lost_in_a_row: Counter[str] = Counter()
        crawler.signals.connect(self.on_response, signal=signals.response_downloaded)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "RefusalMiddleware":
        """Make the middleware, as Scrapy calls it."""
        return cls(crawler)

    @property
    def spider(self) -> PlatformSpider:
        """The crawl's spider."""
        spider = self.crawler.spider
        assert isinstance(spider, PlatformSpider)  # noqa: S101 - narrows the type
        return spider

    def process_request(self, request: Request) -> None:
        """Hold back a request to an abandoned host, and every request of an ended crawl."""
        if self.spider.end_reason or _host(request) in self.spider.abandoned_hosts:
            self.spider.count("unasked")
            raise RequestHeldBack

    def process_exception(self, request: Request, exception: Exception) -> None:
        """Abandon a host that is silent or whose answers never end."""
        if isinstance(exception, IgnoreRequest):
            return
        host = _host(request)
        self.lost_in_a_row[host] += 1
        if self.lost_in_a_row[host] == LOST_IN_A_ROW:
            self.spider.abandon_host(host, "unanswered")

    def on_response(self, response: Response, request: Request) -> None:
        """Count a response, also one to a retry, and pause or abandon its host."""
        host, is_robots = _host(request), bool(request.meta.get("dont_obey_robotstxt"))
        self.lost_in_a_row[host] = 0
        if not is_robots and not request.meta.get(PICTURE_META_KEY):
            self.spider.page_hosts.add(host)
        if response.status not in REFUSAL_STATUSES or (is_robots and response.status in (401, 403)):
            self.in_a_row[host] = 0  # a robots.txt that we may not read has no rules (RFC 9309)
            return
        self.spider.count("blocked")
        self.in_a_row[host] += 1
        pause_s = read_retry_after(response.headers.get("Retry-After"), datetime.now(tz=UTC))
        if self.in_a_row[host] >= REFUSALS_IN_A_ROW or pause_s > MAX_PAUSE_S:
            self.spider.abandon_host(host, "refused")
        else:
            self._pause_slot(request, pause_s)

    def _pause_slot(self, request: Request, pause_s: float) -> None:
        """Send no request of this slot, queued or new, until the pause is over."""
        slot = self.crawler.engine.downloader.slots.get(request.meta.get("download_slot"))
        if slot is not None:
            slot.lastseen = max(slot.lastseen, monotonic() + pause_s)


def _host(request: Request) -> str:
    return urlsplit(request.url).hostname or ""


def read_retry_after(stated: bytes | None, now: datetime) -> float:
    """Return the seconds of a Retry-After, a number or a date (RFC 9110, 10.2.3); 0 if unreadable."""
    text = (stated or b"").decode("ascii", "ignore").strip()
    if text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    aware = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
