"""Crawl (A2): the day's pages of every platform, in a fresh process, because a reactor starts once."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TypedDict

import yaml

from fashiontrend import config as configuration
from fashiontrend import console
from fashiontrend.config import Config
from fashiontrend.errors import HealthError, StoreError
from fashiontrend.outcomes import CrawlFacts, CrawlFailure
from fashiontrend.pipeline import availability
from fashiontrend.pipeline.context import Context, Outcome, now


class Crawl(TypedDict, total=False):
    """A line that the crawler prints about a platform's day; it prints more than is read here."""

    day: str
    platform: str
    committed: bool
    reason: str
    requests: int
    fetched_images: int


def crawl(context: Context) -> Outcome:
    """Crawl what is not in the store yet: today, and past days of platforms that still have them.

    Raises:
        ConfigError: the day lies ahead.
        HealthError: no platform gave anything, and no earlier day is there to continue with.
    """
    live = availability.asked_today(context, now())
    pending = availability.pending_days(context, live)
    crawls = list(_crawl_days(context.config, pending, archives=not live)) if pending else []
    failed = [*_failures(crawls), *_passed_by(context, live)]
    if failed and not availability.has_any_day(context):
        reasons = "; ".join(f"{f.platform}: {f.reason}" for f in failed[:5])
        raise HealthError(
            f"no platform has a single usable day up to {context.day}: {reasons}. "
            "Repair what is named there and run it again; nothing was written down as done."
        )
    facts = CrawlFacts(
        days=len(pending),
        requests=sum(c.get("requests", 0) for c in crawls),
        pictures=sum(c.get("fetched_images", 0) for c in crawls),
        failed=tuple(failed),
    )
    return Outcome("raw/listings", facts)


def _failures(crawls: Sequence[Crawl]) -> list[CrawlFailure]:
    return [
        CrawlFailure(date.fromisoformat(c["day"]), c["platform"], str(c.get("reason")))
        for c in crawls
        if not c.get("committed", False)
    ]


def _passed_by(context: Context, live: bool) -> list[CrawlFailure]:
    reason = (
        f"{context.day} is over, and this shop shows only what it sells today. Leave --day out to crawl it today, "
        "or name an archive: a platform whose base_url has {day} in it"
    )
    gone = availability.passed_by(context, live)
    return [CrawlFailure(context.day, name, reason) for name in gone]


def _crawl_days(config: Config, days: Sequence[date], archives: bool) -> Iterator[Crawl]:
    """Run the crawler and yield what it reports: one line per day and platform.

    Raises:
        StoreError: it ended before it had reported all.
    """
    platforms = config.crawl.crawled
    span = (days[-1] - days[0]).days + 1
    expected = sum(span if p.archive else not archives for p in platforms)
    finished = 0
    with tempfile.TemporaryDirectory() as folder, console.bar("crawl", expected) as advance:
        file = Path(folder, "config.yaml")
        file.write_text(yaml.safe_dump(config.model_dump(mode="json")), "utf-8")
        command = [sys.executable, "-m", "fashiontrend.crawl.run", "--config", str(file)]
        command += ["--days", f"{days[0]}..{days[-1]}", *(["--archives"] if archives else [])]
        # The file holds the resolved tree, so overrides must not be laid over it again.
        clean = {k: v for k, v in os.environ.items() if not k.startswith(configuration.PREFIX)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean) as process:  # noqa: S603 - our own module
            for line in process.stdout or ():
                reported: Crawl = json.loads(line)
                finished += 1
                advance(1, f"{reported.get('day')} {reported.get('platform')}")
                yield reported
    if process.returncode or finished < expected:
        raise StoreError(
            f"the crawler ended with exit code {process.returncode} after {finished} of {expected} "
            "crawls. Its last lines above say why; run it again."
        )
