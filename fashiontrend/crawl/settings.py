"""Politeness, as Scrapy's settings."""

from typing import Any

from scrapy.crawler import Crawler
from scrapy.http import Request

from fashiontrend.config import Config, PlatformConfig
from fashiontrend.crawl.pipelines import STORE_SETTING
from fashiontrend.crawl.refusals import RefusalMiddleware
from fashiontrend.crawl.spiders import BudgetSpent, PlatformSpider

BUDGET_SETTING = "FASHIONTREND_REQUEST_BUDGET"


class BudgetMiddleware:
    """Sends no more requests than the day's budget, pictures, robots.txt and retries included."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.left = crawler.settings.getint(BUDGET_SETTING)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "BudgetMiddleware":
        """Scrapy's way to make a middleware."""
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        """Let a request through while there is budget left."""
        if self.left <= 0:
            if isinstance(self.crawler.spider, PlatformSpider):
                self.crawler.spider.count("over_budget")
            raise BudgetSpent
        self.left -= 1


def settings_for(config: Config, platform: PlatformConfig) -> dict[str, Any]:
    """Scrapy's settings for one platform: User-Agent, pauses, limits, and the store."""
    crawl = config.crawl
    agent = f"{crawl.user_agent} (+{crawl.contact_url})" if crawl.contact_url else crawl.user_agent
    return {
        "USER_AGENT": agent,
        "ROBOTSTXT_OBEY": crawl.obey_robots,
        "ROBOTSTXT_PARSER": "scrapy.robotstxt.ProtegoRobotParser",
        "CONCURRENT_REQUESTS_PER_DOMAIN": crawl.concurrency_per_host,
        # Little at once: further pages wait for the pictures of those before.
        "CONCURRENT_REQUESTS": crawl.concurrency_per_host + 1,
        # Without any delay Scrapy 2.19 starts its whole queue at once, whatever the concurrency:
        # a request counts as started only once its task runs.
        "DOWNLOAD_DELAY": max(platform.delay_s, 0.001),
        "DOWNLOAD_DELAY_JITTER": 0.0,  # a pause is the least one, never half of it
        "AUTOTHROTTLE_ENABLED": crawl.autothrottle,
        "AUTOTHROTTLE_START_DELAY": platform.delay_s,
        "DOWNLOAD_TIMEOUT": crawl.timeout_s,
        "DOWNLOAD_MAXSIZE": config.ingest.max_image_bytes,
        "DOWNLOAD_WARNSIZE": 0,
        "RETRY_TIMES": crawl.retries,
        BUDGET_SETTING: crawl.daily_request_budget,
        # A page may name any address; files of this machine are none of its business.
        "DOWNLOAD_HANDLERS": dict.fromkeys(("data", "file", "ftp", "s3")),
        "HTTPERROR_ALLOW_ALL": True,  # the spider counts refusals itself
        "COOKIES_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "REFERER_ENABLED": False,
        "MEDIA_ALLOW_REDIRECTS": True,
        "LOG_LEVEL": "CRITICAL",
        "DOWNLOADER_MIDDLEWARES": {
            RefusalMiddleware: 830,
            BudgetMiddleware: 840,  # before the statistics: these count what is really sent
        },
        "ITEM_PIPELINES": {
            "fashiontrend.crawl.pipelines.CheckPipeline": 100,
            "fashiontrend.crawl.pipelines.PicturePipeline": 200,
        },
        STORE_SETTING: config.store,
    }
