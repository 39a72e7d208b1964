"""Scrapy's settings for one platform, which make the crawl polite."""

import os

from scrapy.crawler import Crawler
from scrapy.http import Request

from fashiontrend.config import Config, PlatformConfig
from fashiontrend.crawl.cookies import RedirectCookies
from fashiontrend.crawl.guard import GuardMiddleware
from fashiontrend.crawl.pipelines import STORE_SETTING
from fashiontrend.crawl.platform_spider import BudgetSpent, PlatformSpider
from fashiontrend.crawl.refusals import RefusalMiddleware

#: A shop redirects to https, to `www.`, to a country and to a renamed page; more is a circle.
MAX_REDIRECTS = 6
#: Where OpenSSL looks for certificate authorities that an operator names.
AUTHORITY_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
BUDGET_SETTING = "FASHIONTREND_REQUEST_BUDGET"


class BudgetMiddleware:
    """Limits the day's requests, with pictures, robots.txt and retries, to the budget."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.remaining = crawler.settings.getint(BUDGET_SETTING)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "BudgetMiddleware":
        """Make the middleware, as Scrapy calls it."""
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        """Let a request through if the budget is not used up."""
        if self.remaining <= 0:
            if isinstance(self.crawler.spider, PlatformSpider):
                self.crawler.spider.count("over_budget")
            raise BudgetSpent
        self.remaining -= 1


def settings_for(config: Config, platform: PlatformConfig) -> dict[str, object]:
    """Return Scrapy's settings for one platform: user agent, pace, limits and pipelines."""
    crawl = config.crawl
    agent = f"{crawl.user_agent} (+{crawl.contact_url})" if crawl.contact_url else crawl.user_agent
    return {
        "USER_AGENT": agent,
        "ROBOTSTXT_OBEY": crawl.obey_robots,
        "ROBOTSTXT_PARSER": "scrapy.robotstxt.ProtegoRobotParser",
        "CONCURRENT_REQUESTS_PER_DOMAIN": crawl.concurrency_per_host,
        # Few at once, so that further pages wait for the pictures of earlier ones.
        "CONCURRENT_REQUESTS": crawl.concurrency_per_host + 1,
        # Without any delay Scrapy 2.19 starts its whole queue at once, whatever the concurrency:
        # a request counts as started only once its task runs.
        "DOWNLOAD_DELAY": max(platform.delay_s, 0.001),
        "DOWNLOAD_DELAY_JITTER": 0.0,  # the pause is a minimum, never half of it
        "AUTOTHROTTLE_ENABLED": crawl.autothrottle,
        "AUTOTHROTTLE_START_DELAY": platform.delay_s,
        "DOWNLOAD_TIMEOUT": crawl.timeout_s,
        "DOWNLOAD_MAXSIZE": config.ingest.max_image_bytes,
        "DOWNLOAD_WARNSIZE": 0,
        "RETRY_TIMES": crawl.retries,
        BUDGET_SETTING: crawl.daily_request_budget,
        # A page may name any address; it must not reach files of this machine.
        "DOWNLOAD_HANDLERS": dict.fromkeys(("data", "file", "ftp", "s3")),
        # Many shops lack a part of their chain of certificates, which browsers mend. Whoever names the
        # authorities that count wants them to count.
        "DOWNLOAD_VERIFY_CERTIFICATES": any(os.environ.get(n) for n in AUTHORITY_VARIABLES),
        "HTTPERROR_ALLOW_ALL": True,  # the spider counts refusals itself
        "COOKIES_ENABLED": False,
        "REDIRECT_MAX_TIMES": MAX_REDIRECTS,
        "METAREFRESH_ENABLED": False,  # a page that sends a browser elsewhere is no product's
        "TELNETCONSOLE_ENABLED": False,
        "REFERER_ENABLED": False,
        "MEDIA_ALLOW_REDIRECTS": True,
        "LOG_LEVEL": "CRITICAL",
        "DOWNLOADER_MIDDLEWARES": {
            RedirectCookies: 610,  # just inside Scrapy's middleware that follows redirects
            GuardMiddleware: 800,  # after the proxy is known, before anything is counted as sent
            RefusalMiddleware: 830,
            BudgetMiddleware: 840,  # before the statistics, which count what is really sent
        },
        "ITEM_PIPELINES": {
            "fashiontrend.crawl.pipelines.CheckPipeline": 100,
            "fashiontrend.crawl.pipelines.PicturePipeline": 200,
        },
        STORE_SETTING: config.store,
    }
