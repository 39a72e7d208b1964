from datetime import UTC, datetime

import pytest

from fashiontrend.config import CrawlConfig, PlatformConfig, StoreConfig
from fashiontrend.crawl.settings import read_retry_after, settings_for

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        pytest.param(b"120", 120.0, id="seconds"),
        pytest.param(b"Mon, 23 Nov 2026 12:01:30 GMT", 90.0, id="a date"),
        pytest.param(b"Mon, 23 Nov 2026 11:00:00 GMT", 0.0, id="a date that is over"),
        pytest.param(b"soon", 0.0, id="neither"),
        pytest.param(None, 0.0, id="nothing"),
    ],
)
def test_retry_after_is_seconds_or_a_date(stated, seconds):
    assert read_retry_after(stated, NOW) == seconds


def settings(**crawl):
    platform = PlatformConfig(name="s", kind="shopify", base_url="http://s.example", delay_s=2.5)
    return settings_for(
        CrawlConfig(contact_url="https://us.example/bot", **crawl), platform, StoreConfig()
    )


def test_a_shop_is_told_who_asks():
    assert settings()["USER_AGENT"] == "fashiontrend/0.1 (+https://us.example/bot)"


def test_politeness_is_the_default():
    polite = settings()
    assert polite["ROBOTSTXT_OBEY"] is True
    assert polite["CONCURRENT_REQUESTS_PER_DOMAIN"] == 1
    assert (polite["DOWNLOAD_DELAY"], polite["DOWNLOAD_DELAY_JITTER"]) == (2.5, 0.0)
    assert polite["AUTOTHROTTLE_ENABLED"] is True
    assert polite["COOKIES_ENABLED"] is False
    assert polite["TELNETCONSOLE_ENABLED"] is False


def test_addresses_that_are_no_web_pages_have_no_handler():
    assert settings()["DOWNLOAD_HANDLERS"] == dict.fromkeys(("data", "file", "ftp", "s3"))
