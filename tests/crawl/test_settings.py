import pytest

from fashiontrend.config import Config, CrawlConfig, IngestConfig, PlatformConfig
from fashiontrend.crawl.settings import settings_for


def settings(**crawl):
    platform = PlatformConfig(name="s", kind="shopify", base_url="http://s.example", delay_s=2.5)
    tree = CrawlConfig(contact_url="https://us.example/bot", **crawl)
    return settings_for(Config(crawl=tree), platform)


def test_a_shop_is_told_who_asks():
    assert settings()["USER_AGENT"] == "fashiontrend/0.1 (+https://us.example/bot)"


def test_no_download_is_larger_than_what_ingest_accepts():
    platform = PlatformConfig(name="s", kind="shopify", base_url="http://s.example")
    limits = Config(ingest=IngestConfig(max_image_bytes=1234))
    assert settings_for(limits, platform)["DOWNLOAD_MAXSIZE"] == 1234


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


def test_two_platforms_of_one_name_are_refused():
    one = {"name": "s", "kind": "shopify", "base_url": "http://s.example"}
    with pytest.raises(ValueError, match="name of its own"):
        CrawlConfig.model_validate({"platforms": [one, one]})
