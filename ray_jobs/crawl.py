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
from fashiontrend import paths, telemetry
from fashiontrend.config import Config
from fashiontrend.errors import StoreError
from fashiontrend.loop import Step
from ray_jobs import run
from ray_jobs.runtime import Context, Outcome, main


def crawl(context: Context) -> Outcome:
    """Crawl what is not in the store yet: today, and past days of platforms that still answer for them."""
    crawled = [p for p in context.config.crawl.platforms if p.enabled and p.kind != "replay"]
    archives = any("{day}" in p.base_url for p in crawled)
    days = context.days if archives else (context.day,)
    pending = [d for d in days if any(_missing(context, d, p.name) for p in crawled)]
    told = list(_crawl_days(context.config, pending)) if pending else []
    failed = [t for t in told if not t.get("committed", False)]
    return Outcome(
        "raw/listings",
        {
            "days": len(pending),
            "requests": sum(t.get("requests", 0) for t in told),
            "pictures": sum(t.get("fetched_images", 0) for t in told),
            "failed": [{k: str(t.get(k)) for k in ("day", "platform", "reason")} for t in failed],
        },
    )


def _missing(context: Context, day: date, platform: str) -> bool:
    return context.store.manifest(paths.raw_day(day, platform)) is None


def _crawl_days(config: Config, days: Sequence[date]) -> Iterator[dict[str, Any]]:
    """Run the crawler and yield what it tells: one line per day and platform."""
    platforms = sum(p.enabled and p.kind != "replay" for p in config.crawl.platforms)
    with (
        tempfile.TemporaryDirectory() as folder,
        telemetry.bar("crawl", len(days) * platforms) as advance,
    ):
        file = Path(folder, "config.yaml")
        file.write_text(yaml.safe_dump(config.model_dump(mode="json")), "utf-8")
        command = [
            sys.executable,
            "-m",
            "fashiontrend.crawl.run",
            "--config",
            str(file),
            "--days",
            f"{days[0]}..{days[-1]}",
        ]
        # The file holds the resolved tree, so overrides must not be laid over it again.
        clean = {k: v for k, v in os.environ.items() if not k.startswith(configuration.PREFIX)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean) as process:  # noqa: S603 - our own module
            for line in process.stdout or ():
                told = json.loads(line)
                advance(1, f"{told.get('day')} {told.get('platform')}")
                yield told
        if process.returncode:
            raise StoreError(
                f"the crawler ended with exit code {process.returncode}. Its last lines above say why."
            )


if __name__ == "__main__":
    main(run.only(Step.CRAWL), __doc__ or "")
