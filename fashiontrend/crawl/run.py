"""Crawl days in one process and one reactor.

`python -m fashiontrend.crawl.run --config FILE --days A..B`

The process prints one JSON line per day and platform. A platform without `{day}` in its address
shows today only: it is crawled for the last of several days, and with `--archives` for none.
"""

import argparse
import asyncio
import json
import logging
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from scrapy.crawler import AsyncCrawlerRunner
from scrapy.utils.defer import deferred_f_from_coro_f
from scrapy.utils.reactor import install_reactor

from fashiontrend import config as configuration
from fashiontrend.config import Config, PlatformConfig
from fashiontrend.crawl import guard, memory
from fashiontrend.crawl.archive import PageArchive
from fashiontrend.crawl.listing import listings_table
from fashiontrend.crawl.memory import CrawlMemory
from fashiontrend.crawl.platform_spider import MIN_REQUESTS, PlatformSpider
from fashiontrend.crawl.settings import settings_for
from fashiontrend.crawl.settling import settle
from fashiontrend.crawl.spiders import SPIDERS
from fashiontrend.errors import Conflict
from fashiontrend.storage import layout
from fashiontrend.storage.digests import seal
from fashiontrend.storage.object_store import Store, open_store
from fashiontrend.storage.partitions import Partitions

REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"
#: Names that spiders and pipelines count under; a crawl's facts hold each, also if it is zero.
COUNTED = (
    "blocked", "challenge", "unreachable", "forbidden", "missing", "unreadable", "no_product",
    "foreign", "left_out", "sitemaps_unread", "sitemaps_over_limit", "too_large", "redirected",
    "too_slow", "cookies", "private", "over_budget", "unasked", "stated", "duplicates", "repeated",
    "shared_ids", "invalid", "carried_over",
    "fetched_images", "reused_images", "replaced_images", "image_failures", "images_over_limit",
    "image_bytes",
)  # fmt: skip
REJECTS_SCHEMA = pa.schema([(n, pa.string()) for n in ("product_id", "url", "reason", "detail")])


@dataclass(frozen=True)
class CrawlFacts:
    """What the crawl of one platform's day counted; the facts of its partition."""

    counts: Mapping[str, int]  # the names of `COUNTED`
    rejects: Mapping[str, int]  # reason -> number
    products: int
    requests: int
    responses: Mapping[str, int]  # HTTP status -> number
    robots_forbidden: int
    errors: int  # exceptions in the spider
    partial: bool  # the catalogue was not read to its end
    finish_reason: str
    crawled_at: str  # UTC, ISO 8601

    def to_json(self) -> dict[str, object]:
        """Return the facts as one flat object, with every count under its own name."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "counts"}
        return {**self.counts, **values}


@dataclass(frozen=True)
class CrawlOutcome:
    """How the crawl of one platform's day ended; the process prints one per line."""

    day: date
    platform: str
    committed: bool
    facts: CrawlFacts | None = None  # None if the day was committed before
    reason: str | None = None  # why nothing was committed

    def to_json(self) -> dict[str, object]:
        """Return the line's object; `skipped` marks a day that was committed before."""
        line = {"day": self.day, "platform": self.platform, "committed": self.committed}
        if self.facts is None:
            return {**line, "skipped": True}
        reason = {} if self.reason is None else {"reason": self.reason}
        return {**line, **self.facts.to_json(), **reason}


async def crawl_days(config: Config, days: Sequence[date], archives: bool) -> None:
    """Crawl every platform for each day in order, all platforms of a day at once.

    Args:
        config: names the platforms.
        days: ascending.
        archives: the last day is not today, so that platforms without `{day}` are left out.
    """
    memories: dict[str, CrawlMemory] = {}
    shops = [p.base_url.replace("{day}", str(day)) for p in config.crawl.crawled for day in days]
    guard.install(config.crawl, shops)
    raw = Partitions(open_store(config.store), layout.RAW_DAYS)
    for day in days:
        live = not archives and day == days[-1]
        platforms = [p for p in config.crawl.crawled if p.archive or live]
        outcomes = await asyncio.gather(*(_crawl(config, p, day, raw, memories) for p in platforms))
        for outcome in outcomes:
            print(json.dumps(outcome.to_json(), default=str), flush=True)


async def _crawl(
    config: Config,
    platform: PlatformConfig,
    day: date,
    raw: Partitions,
    memories: dict[str, CrawlMemory],
) -> CrawlOutcome:
    """Crawl one platform's day and commit it; a committed day is skipped."""
    store = raw.store
    partition = layout.raw_day(day, platform.name)
    if partition in raw:
        memories.pop(platform.name, None)
        return CrawlOutcome(day, platform.name, committed=True)
    known = memories.get(platform.name) or memory.recall(raw, platform.name, day)
    runner = AsyncCrawlerRunner(settings_for(config, platform))
    crawler = runner.create_crawler(SPIDERS[platform.kind])
    await runner.crawl(crawler, platform, config.crawl, day, known)
    spider = crawler.spider
    assert isinstance(spider, PlatformSpider)  # noqa: S101 - narrows the type
    if spider.store_error is not None:
        raise spider.store_error
    kept_pages = spider.archive or PageArchive(store, platform.name, day)
    kept_pages.commit()
    kept_pages.remove_before(config.crawl.keep_pages_days)
    settled = settle(spider.listings, spider.pages, spider.shared_ids, known.listings)
    spider.listings, spider.pages = settled.listings, settled.pages
    facts = _facts(spider, crawler.stats.get_stats() if crawler.stats else {})
    if not spider.listings:
        return CrawlOutcome(day, platform.name, False, facts, _record_failure(store, spider, facts))
    _commit(raw, partition, spider, facts)
    today = memory.remember(spider.listings, spider.pages, spider.validators)
    memories[platform.name] = today.over(known) if facts.partial else today
    return CrawlOutcome(day, platform.name, True, facts)


def _facts(spider: PlatformSpider, stats: Mapping[str, Any]) -> CrawlFacts:
    finished = str(stats.get("finish_reason", "unknown"))
    status, exceptions = "downloader/response_status_count/", "spider_exceptions/"
    return CrawlFacts(
        counts={name: spider.counts.get(name, 0) for name in COUNTED},
        rejects=Counter(reject.reason for reject in spider.rejects),
        products=len(spider.listings),
        requests=stats.get("downloader/request_count", 0),
        responses={k.removeprefix(status): v for k, v in stats.items() if k.startswith(status)},
        robots_forbidden=stats.get("robotstxt/forbidden", 0),
        errors=sum(v for k, v in stats.items() if k.startswith(exceptions) and "count" in k),
        partial=not spider.complete or finished != "finished",
        finish_reason=finished,
        crawled_at=datetime.now(tz=UTC).isoformat(timespec="seconds"),
    )


def _commit(raw: Partitions, partition: str, spider: PlatformSpider, facts: CrawlFacts) -> None:
    listings = sorted(spider.listings, key=lambda listing: listing.product_id)
    rejects = [asdict(reject) for reject in spider.rejects]
    tables = {
        "listings": listings_table(listings),
        "pages": memory.pages_table(spider.pages),
        "pictures": memory.pictures_table(spider.validators),
        "rejects": pa.Table.from_pylist(rejects, REJECTS_SCHEMA),
    }
    raw.commit_tables(partition, tables, facts.to_json())


def _record_failure(store: Store, spider: PlatformSpider, facts: CrawlFacts) -> str:
    """Write down why a crawl found nothing, and return it; a later run crawls the day again."""
    reason = _failure_reason(spider, facts)
    key = f"{layout.crawl_failures(spider.day, spider.platform.name)}/{uuid.uuid4().hex[:8]}.json"
    body = {"reason": reason, **facts.to_json()}
    try:
        store.create(key, seal(body))
    except Conflict:
        logging.getLogger(__name__).warning("%s exists already", key)
    return reason


def _failure_reason(spider: PlatformSpider, facts: CrawlFacts) -> str:
    if facts.robots_forbidden:
        return "robots.txt forbids the catalogue; ask the shop for permission"
    if facts.counts["blocked"] or facts.counts["challenge"]:
        refusals = ", ".join(
            f"{n} x {status}" for status, n in sorted(facts.responses.items()) if int(status) >= 400
        )
        seen = refusals or "a challenge page"
        return f"the shop refused: {seen}; the crawler does not try to get around that"
    if facts.finish_reason == "time_budget":
        return f"nothing was found in {spider.crawl.time_budget_s:g} s; raise crawl.time_budget_s"
    if facts.counts["private"]:
        return (
            "the shop's address lies in a private network, which the crawler does not ask; if the "
            "network is yours, name it in crawl.allowed_networks"
        )
    if facts.counts["too_slow"]:
        return (
            "robots.txt asks for so long a pause between two requests that crawl.time_budget_s has "
            f"room for fewer than {MIN_REQUESTS}; ask the shop for a shorter one"
        )
    return _nothing_there(spider, facts)


def _nothing_there(spider: PlatformSpider, facts: CrawlFacts) -> str:
    """Say what was asked and what came, of a shop that refused nothing."""
    search = getattr(spider, "search", None)
    if search is not None and not search.found and search.told():
        return f"no sitemap at {search.told()}; name its address in the platform's `sitemaps`"
    if facts.counts["sitemaps_over_limit"]:
        return (
            "the shop's sitemaps name further sitemaps without an end; name the right ones in the "
            "platform's `sitemaps`, or leave the others out by `exclude`"
        )
    if facts.counts["redirected"]:
        wants = "; it wants cookies that it does not take back" if facts.counts["cookies"] else ""
        return f"the shop redirects its pages in a circle{wants}"
    if facts.counts["unreachable"]:
        return "the shop did not answer"
    if facts.counts["too_large"]:
        return "the shop's pages are larger than any page of a shop should be"
    unread = next((r for r in spider.rejects if r.reason == "unreadable"), None)
    seen = ", ".join(spider.odd_answers) or (unread.detail if unread else "")
    asked = f"; seen: {seen}" if seen else ""
    return f"the pages state no product; check the platform's kind and base_url{asked}"


def main() -> None:
    """Parse the arguments and crawl the days in the reactor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True)
    parser.add_argument("--days", required=True, help="first..last, UTC")
    parser.add_argument("--archives", action="store_true", help="the last day is not today")
    arguments = parser.parse_args()
    first, last = (date.fromisoformat(d) for d in arguments.days.split(".."))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    config = configuration.load(arguments.config)
    install_reactor(REACTOR)
    from twisted.internet.task import react

    react(deferred_f_from_coro_f(lambda _reactor: crawl_days(config, days, arguments.archives)))


if __name__ == "__main__":
    main()
