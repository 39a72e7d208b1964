"""Politeness, as Scrapy's settings."""

import asyncio
from typing import Any

from scrapy import Spider
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.http import Request, Response

from fashiontrend.config import CrawlConfig, PlatformConfig, StoreConfig
from fashiontrend.crawl.pipelines import STORE_SETTING

#: Longest pause that a shop's Retry-After is followed for within a crawl.
MAX_PAUSE_S = 60.0


class PatientRetryMiddleware(RetryMiddleware):
    """Scrapy's retries, after the pause that a 429 or 503 asks for."""

    async def process_response(  # type: ignore[override]
        self, request: Request, response: Response, spider: Spider | None = None
    ) -> Request | Response:
        """Wait as the shop says, then let Scrapy decide on another try."""
        if response.status in (429, 503):
            wait = response.headers.get("Retry-After", b"")
            if wait and wait.isdigit():
                await asyncio.sleep(min(float(wait), MAX_PAUSE_S))
        answer: Request | Response = super().process_response(request, response)
        return answer


def settings_for(crawl: CrawlConfig, platform: PlatformConfig, store: StoreConfig) -> dict[str, Any]:
    """Scrapy's settings for one platform: who asks, how often, how much, and where it goes."""
    agent = f"{crawl.user_agent} (+{crawl.contact_url})" if crawl.contact_url else crawl.user_agent
    return {
        "USER_AGENT": agent,
        "ROBOTSTXT_OBEY": crawl.obey_robots,
        "ROBOTSTXT_PARSER": "scrapy.robotstxt.ProtegoRobotParser",
        "CONCURRENT_REQUESTS_PER_DOMAIN": crawl.concurrency_per_host,
        # Without any delay Scrapy 2.19 starts its whole queue at once, whatever the concurrency:
        # a request counts as started only once its task runs.
        "DOWNLOAD_DELAY": max(platform.delay_s, 0.001),
        "DOWNLOAD_DELAY_JITTER": 0.5,
        "AUTOTHROTTLE_ENABLED": crawl.autothrottle,
        "AUTOTHROTTLE_START_DELAY": platform.delay_s,
        "DOWNLOAD_TIMEOUT": crawl.timeout_s,
        "DOWNLOAD_MAXSIZE": crawl.max_image_bytes,
        "DOWNLOAD_WARNSIZE": 0,
        "RETRY_TIMES": crawl.retries,
        "CLOSESPIDER_PAGECOUNT": crawl.daily_request_budget,
        "COOKIES_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "REFERER_ENABLED": False,
        "MEDIA_ALLOW_REDIRECTS": True,
        "LOG_LEVEL": "CRITICAL",
        "DOWNLOADER_MIDDLEWARES": {
            "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
            PatientRetryMiddleware: 550,
        },
        "ITEM_PIPELINES": {
            "fashiontrend.crawl.pipelines.CheckPipeline": 100,
            "fashiontrend.crawl.pipelines.PicturePipeline": 200,
        },
        STORE_SETTING: store,
    }
