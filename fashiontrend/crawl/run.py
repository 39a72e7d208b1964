"""Crawl days in one process and one reactor.

`python -m fashiontrend.crawl.run --config FILE --days A..B`

Prints one JSON line per day and platform. A platform without `{day}` in its address shows only
what it sells today: it is crawled for the last of several days, and with `--archives` for none.
"""

import argparse
import asyncio
import json
import logging
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from scrapy.crawler import AsyncCrawlerRunner
from scrapy.utils.defer import deferred_f_from_coro_f
from scrapy.utils.reactor import install_reactor

from fashiontrend import config as configuration
from fashiontrend.config import Config, PlatformConfig
from fashiontrend.crawl import memory
from fashiontrend.crawl.memory import Memory
from fashiontrend.crawl.settings import settings_for
from fashiontrend.crawl.spiders import SPIDERS, PlatformSpider
from fashiontrend.errors import Conflict
from fashiontrend.storage import layout, schemas
from fashiontrend.storage.object_store import Store, open_store
from fashiontrend.storage.partitions import Partitions

REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"
#: What spiders and pipelines count; a crawl's facts state each, zero or not.
COUNTED = (
    "blocked", "challenge", "unreachable", "forbidden", "missing", "unreadable", "no_product",
    "foreign", "over_budget", "unasked", "stated", "duplicates", "invalid", "carried_over",
    "fetched_images", "reused_images", "image_failures", "images_over_limit",
    "image_bytes",
)  # fmt: skip
REJECTS = pa.schema([(n, pa.string()) for n in ("product_id", "url", "reason", "detail")])


async def crawl_days(config: Config, days: Sequence[date], archives: bool) -> None:
    """Crawl every platform for each day in order, the platforms of a day beside one another.

    Args:
        config: names the platforms.
        days: ascending.
        archives: the last day is not today, so platforms without `{day}` are not crawled.
    """
    memories: dict[str, Memory] = {}
    raw = Partitions(open_store(config.store), layout.RAW_DAYS)
    for day in days:
        live = not archives and day == days[-1]
        platforms = [p for p in config.crawl.crawled if p.archive or live]
        crawls = (_crawl(config, p, day, raw, memories) for p in platforms)
        for report in await asyncio.gather(*crawls):
            print(json.dumps(report, default=str), flush=True)


async def _crawl(
    config: Config,
    platform: PlatformConfig,
    day: date,
    raw: Partitions,
    memories: dict[str, Memory],
) -> dict[str, Any]:
    """Crawl one platform's day and commit it; a day that is committed is passed over."""
    store = raw.store
    partition = layout.raw_day(day, platform.name)
    report: dict[str, Any] = {"day": day, "platform": platform.name, "committed": True}
    if partition in raw:
        memories.pop(platform.name, None)
        return {**report, "skipped": True}
    known = memories.get(platform.name) or memory.recall(raw, platform.name, day)
    runner = AsyncCrawlerRunner(settings_for(config, platform))
    crawler = runner.create_crawler(SPIDERS[platform.kind])
    await runner.crawl(crawler, platform, config.crawl, day, known)
    spider = crawler.spider
    assert isinstance(spider, PlatformSpider)  # noqa: S101 - tells the type
    if spider.broken is not None:
        raise spider.broken
    facts = _facts(spider, crawler.stats.get_stats() if crawler.stats else {})
    if not spider.listings:
        return {**report, **facts, "committed": False, "reason": _fail(store, spider, facts)}
    _commit(raw, partition, spider, facts)
    now = memory.remember(spider.listings, spider.pages)
    memories[platform.name] = now.over(known) if facts["partial"] else now
    return {**report, **facts}


def _facts(spider: PlatformSpider, stats: dict[str, Any]) -> dict[str, Any]:
    finished = str(stats.get("finish_reason", "unknown"))
    return {
        **{name: spider.counts.get(name, 0) for name in COUNTED},
        "rejects": dict(Counter(r["reason"] for r in spider.rejects)),
        "products": len(spider.listings),
        "requests": stats.get("downloader/request_count", 0),
        "responses": {
            k.rsplit("/", 1)[1]: v
            for k, v in stats.items()
            if k.startswith("downloader/response_status_count/")
        },
        "robots_forbidden": stats.get("robotstxt/forbidden", 0),
        "errors": sum(
            v for k, v in stats.items() if k.startswith("spider_exceptions/") and "count" in k
        ),
        "partial": not spider.complete or finished != "finished",
        "finish_reason": finished,
        "crawled_at": datetime.now(tz=UTC).isoformat(timespec="seconds"),
    }


def _commit(raw: Partitions, partition: str, spider: PlatformSpider, facts: dict[str, Any]) -> None:
    rows = sorted(spider.listings, key=lambda row: row["product_id"])
    rejects = [{n: r.get(n) for n in REJECTS.names} for r in spider.rejects]
    raw.commit_tables(
        partition,
        {
            "listings": pa.Table.from_pylist(rows, schemas.LISTING),
            "pages": memory.pages_table(spider.pages),
            "rejects": pa.Table.from_pylist(rejects, REJECTS),
        },
        facts,
    )


def _fail(store: Store, spider: PlatformSpider, facts: dict[str, Any]) -> str:
    """Record why a crawl found nothing; the day stays missing, and a later run tries again."""
    if facts["robots_forbidden"]:
        reason = "robots.txt forbids the catalogue; ask the shop for permission"
    elif facts["blocked"] or facts["challenge"]:
        statuses = ", ".join(
            f"{n} x {code}" for code, n in sorted(facts["responses"].items()) if int(code) >= 400
        )
        reason = (
            f"the shop refused: {statuses or 'a challenge page'}; nothing was tried to get around it"
        )
    elif facts["finish_reason"] == "time_budget":
        reason = f"nothing was found in {spider.crawl.time_budget_s:g} s; raise crawl.time_budget_s"
    elif facts["unreachable"]:
        reason = "the shop did not answer"
    else:
        reason = "no product was stated; check the platform's kind and base_url"
    key = f"{layout.crawl_failures(spider.day, spider.platform.name)}/{uuid.uuid4().hex[:8]}.json"
    body = {"reason": reason, "rejects": spider.rejects[:20], **facts}
    try:
        store.create(key, json.dumps(body, default=str).encode())
    except Conflict:
        logging.getLogger(__name__).warning("%s exists already", key)
    return reason


def main() -> None:
    """Read the arguments, run the reactor, end when all days are done."""
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
