"""Crawl (A2): the day's pages of every platform, in a fresh process, because a reactor starts once."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from fashiontrend import config as configuration
from fashiontrend import console
from fashiontrend.config import Config
from fashiontrend.errors import HealthError, StoreError
from fashiontrend.pipeline import availability
from fashiontrend.pipeline.context import Context, Outcome, now


def crawl(context: Context) -> Outcome:
    """Crawl what is not in the store yet: today, and past days of platforms that still answer for them.

    Raises:
        ConfigError: the day lies ahead.
        HealthError: no platform gave anything, and no earlier day is there to go on with.
    """
    live = availability.asked_today(context, now())
    pending = availability.pending_days(context, live)
    told = list(_crawl_days(context.config, pending, archives=not live)) if pending else []
    failed = [t for t in told if not t.get("committed", False)] + _passed_by(context, live)
    facts = {
        "days": len(pending),
        "requests": sum(t.get("requests", 0) for t in told),
        "pictures": sum(t.get("fetched_images", 0) for t in told),
        "failed": [{k: str(t.get(k)) for k in ("day", "platform", "reason")} for t in failed],
    }
    if failed and not availability.has_any_day(context):
        reasons = "; ".join(f"{t['platform']}: {t['reason']}" for t in facts["failed"][:5])
        raise HealthError(
            f"no platform has a single usable day up to {context.day}: {reasons}. "
            "Mend what is said there and run it again; nothing was written down as done."
        )
    return Outcome("raw/listings", facts)


def _passed_by(context: Context, live: bool) -> list[dict[str, Any]]:
    reason = (
        f"{context.day} is over, and this shop shows only what it sells today. Leave --day out to crawl it today, "
        "or name an archive: a platform whose base_url has {day} in it"
    )
    gone = availability.passed_by(context, live)
    return [{"day": context.day, "platform": name, "reason": reason} for name in gone]


def _crawl_days(config: Config, days: Sequence[date], archives: bool) -> Iterator[dict[str, Any]]:
    """Run the crawler and yield what it tells: one line per day and platform.

    Raises:
        StoreError: it ended before it had told of all.
    """
    asked = config.crawl.crawled
    span = (days[-1] - days[0]).days + 1
    expected = sum(span if p.archive else not archives for p in asked)
    told = 0
    with tempfile.TemporaryDirectory() as folder, console.bar("crawl", expected) as advance:
        file = Path(folder, "config.yaml")
        file.write_text(yaml.safe_dump(config.model_dump(mode="json")), "utf-8")
        command = [sys.executable, "-m", "fashiontrend.crawl.run", "--config", str(file)]
        command += ["--days", f"{days[0]}..{days[-1]}", *(["--archives"] if archives else [])]
        # The file holds the resolved tree, so overrides must not be laid over it again.
        clean = {k: v for k, v in os.environ.items() if not k.startswith(configuration.PREFIX)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean) as process:  # noqa: S603 - our own module
            for line in process.stdout or ():
                line_told = json.loads(line)
                told += 1
                advance(1, f"{line_told.get('day')} {line_told.get('platform')}")
                yield line_told
    if process.returncode or told < expected:
        raise StoreError(
            f"the crawler ended with exit code {process.returncode} after {told} of {expected} "
            "crawls. Its last lines above say why; run it again."
        )
