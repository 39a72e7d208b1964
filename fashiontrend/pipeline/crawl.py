"""Crawl (A2): the day's pages of every platform, in a fresh process, because a reactor starts once."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path

import yaml

from fashiontrend import config as configuration
from fashiontrend import console
from fashiontrend.config import Config
from fashiontrend.errors import HealthError, StoreError
from fashiontrend.outcomes import CrawlFacts, CrawlFailure
from fashiontrend.pipeline import availability
from fashiontrend.pipeline.context import Context, Outcome, now


@dataclass(frozen=True)
class CrawlReport:
    """What the crawler's process reports of one platform's day.

    Attributes:
        day: as YYYY-MM-DD.
        platform: its name.
        committed: whether the day is in the store now.
        requests: sent to the shop.
        fetched_images: pictures that were fetched.
        reason: why nothing was committed; "" otherwise.
    """

    day: str
    platform: str
    committed: bool = False
    requests: int = 0
    fetched_images: int = 0
    reason: str = ""

    @classmethod
    def from_json(cls, line: str) -> "CrawlReport":
        """Read a line of the crawler's output; what else it counts is left to the day's manifest."""
        body = json.loads(line)
        return cls(**{f.name: body[f.name] for f in fields(cls) if f.name in body})


def crawl(context: Context) -> Outcome:
    """Crawl what is not in the store yet: today, and past days of platforms that still serve them.

    Raises:
        ConfigError: the day is in the future.
        HealthError: no platform gave anything, and there is no earlier day to use instead.
    """
    live = availability.can_crawl_today(context, now())
    pending = availability.pending_days(context, live)
    reports = list(_crawl_pending(context, pending, live))
    context.catalogue.refresh()  # the crawler's process has committed days
    failed = [r for r in reports if not r.committed] + _missed_for_good(context, live)
    facts = CrawlFacts(
        days=len(pending),
        requests=sum(r.requests for r in reports),
        pictures=sum(r.fetched_images for r in reports),
        failed=tuple(CrawlFailure(date.fromisoformat(r.day), r.platform, r.reason) for r in failed),
    )
    if failed and not availability.has_any_day(context):
        reasons = "; ".join(f"{r.platform}: {r.reason}" for r in failed[:5])
        raise HealthError(
            f"no platform has a single usable day up to {context.day}: {reasons}. "
            "Repair what is named there and run it again; the step was not recorded as done."
        )
    return Outcome("raw/listings", facts)


def _crawl_pending(context: Context, pending: Sequence[date], live: bool) -> Iterator[CrawlReport]:
    """Crawl the run's days, and the shops in whose time zones it is another day now for that one."""
    elsewhere = availability.other_days(context, live)
    away = {
        p.name
        for p in context.config.crawl.crawled
        if live and availability.shop_day(context, p) != context.day
    }
    here = _with_platforms(context.config, lambda name: name not in away)
    if pending and here.crawl.crawled:
        yield from _crawl_days(here, pending, archives=not live)
    for day, names in sorted(elsewhere.items()):
        there = _with_platforms(context.config, names.__contains__)
        yield from _crawl_days(there, [day], archives=False)


def _with_platforms(config: Config, kept: Callable[[str], bool]) -> Config:
    platforms = tuple(p for p in config.crawl.platforms if kept(p.name))
    return config.model_copy(
        update={"crawl": config.crawl.model_copy(update={"platforms": platforms})}
    )


def _missed_for_good(context: Context, live: bool) -> list[CrawlReport]:
    reason = (
        f"{context.day} is over, and this shop shows only what it sells today. Leave --day out to crawl it today, "
        "or name an archive: a platform whose base_url has {day} in it"
    )
    names = availability.missed_for_good(context, live)
    return [CrawlReport(str(context.day), name, reason=reason) for name in names]


def _crawl_days(config: Config, days: Sequence[date], archives: bool) -> Iterator[CrawlReport]:
    """Run the crawler and yield its report of each day and platform.

    Raises:
        StoreError: it ended before it had reported every one.
    """
    span = (days[-1] - days[0]).days + 1
    expected = sum(span if p.archive else not archives for p in config.crawl.crawled)
    reported = 0
    with tempfile.TemporaryDirectory() as folder, console.bar("crawl", expected) as advance:
        file = Path(folder, "config.yaml")
        file.write_text(yaml.safe_dump(config.model_dump(mode="json")), "utf-8")
        command = [sys.executable, "-m", "fashiontrend.crawl.run", "--config", str(file)]
        command += ["--days", f"{days[0]}..{days[-1]}", *(["--archives"] if archives else [])]
        # The file holds the resolved settings, so environment variables must not override them again.
        clean = {k: v for k, v in os.environ.items() if not k.startswith(configuration.PREFIX)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean) as process:  # noqa: S603 - our own module
            for line in process.stdout or ():
                report = CrawlReport.from_json(line)
                reported += 1
                advance(1, f"{report.day} {report.platform}")
                yield report
    if process.returncode or reported < expected:
        raise StoreError(
            f"the crawler ended with exit code {process.returncode} after {reported} of {expected} "
            "crawls. Its last lines above say why; run it again."
        )
