"""What a refusal leads to: a pause of the whole host, no more requests to it, or the crawl's end."""

from collections import Counter
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from urllib.parse import urlsplit

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.http import Request, Response

from fashiontrend.crawl.spiders import BLOCKED, PICTURE, PlatformSpider, Unasked

#: A host that refuses so many requests one after another does not want us today.
REFUSALS_IN_A_ROW = 5
#: Longest pause that a Retry-After is followed for; longer means: not today.
MAX_PAUSE_S = 300.0


class RefusalMiddleware:
    """Counts refusals of pages and pictures by host and does as the host says.

    It hears of an answer before the next request to that host is sent.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.in_a_row: Counter[str] = Counter()
        crawler.signals.connect(self.hear, signal=signals.response_downloaded)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "RefusalMiddleware":
        """Scrapy's way to make a middleware."""
        return cls(crawler)

    @property
    def spider(self) -> PlatformSpider:
        """The crawl's spider."""
        spider = self.crawler.spider
        assert isinstance(spider, PlatformSpider)  # noqa: S101 - tells the type
        return spider

    def process_request(self, request: Request) -> None:
        """Hold a request back whose host is left, or whose crawl ended."""
        if self.spider.ended or _host(request) in self.spider.left:
            self.spider.count("unasked")
            raise Unasked

    def hear(self, response: Response, request: Request) -> None:
        """Count an answer, the one of a further try too, and draw the consequence."""
        host, of_robots = _host(request), bool(request.meta.get("dont_obey_robotstxt"))
        if not of_robots and not request.meta.get(PICTURE):
            self.spider.page_hosts.add(host)
        if response.status not in BLOCKED or (of_robots and response.status in (401, 403)):
            self.in_a_row[host] = 0  # a robots.txt that is not for us holds no rules (RFC 9309)
            return
        self.spider.count("blocked")
        self.in_a_row[host] += 1
        pause_s = read_retry_after(response.headers.get("Retry-After"), datetime.now(tz=UTC))
        if self.in_a_row[host] >= REFUSALS_IN_A_ROW or pause_s > MAX_PAUSE_S:
            self.spider.give_up(host, "refused")
        else:
            self._hold(request, pause_s)

    def _hold(self, request: Request, pause_s: float) -> None:
        """Send nothing of a request's slot, queued or new, until the pause is over."""
        slot = self.crawler.engine.downloader.slots.get(request.meta.get("download_slot"))
        if slot is not None:
            slot.lastseen = max(slot.lastseen, monotonic() + pause_s)


def _host(request: Request) -> str:
    return urlsplit(request.url).hostname or ""


def read_retry_after(stated: bytes | None, now: datetime) -> float:
    """Seconds that a Retry-After asks for, as a number or as a date (RFC 9110, 10.2.3)."""
    text = (stated or b"").decode("ascii", "ignore").strip()
    if text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    aware = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
