"""Which platforms are asked for which days, and what becomes of a crawl that failed. Needs no Ray."""

import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from fashiontrend.config import Config
from fashiontrend.errors import ConfigError, HealthError, StoreError
from fashiontrend.loop import Move, Step
from fashiontrend.outcomes import PublishFacts
from fashiontrend.pipeline import availability, crawl, drive
from fashiontrend.pipeline.catalogue import Catalogue
from fashiontrend.pipeline.context import Context
from fashiontrend.pipeline.drive import Driver
from fashiontrend.storage import layout, ledger
from fashiontrend.storage.object_store import open_store
from fashiontrend.taxonomy import Taxonomy

TODAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIVE = {"name": "live", "kind": "shopify", "base_url": "http://live.example"}
OTHER = {"name": "other", "kind": "shopify", "base_url": "http://other.example"}
ARCHIVE = {"name": "archive", "kind": "shopify", "base_url": "http://archive.example/{day}"}
NOBODY = ledger.Run("r", TODAY, "", {}, "", "", "", None)


@pytest.fixture
def clock(monkeypatch):
    """set(at): the time that jobs read."""

    def put(at):
        monkeypatch.setattr(availability, "now", lambda: at)
        monkeypatch.setattr(crawl, "now", lambda: at)
        monkeypatch.setattr(drive, "now", lambda: at)

    put(NOON)
    return put


@pytest.fixture
def context(tmp_path):
    """context(platforms, day): of a run with three days of history."""

    def make(*platforms, day=TODAY):
        tree = {
            "store": {"url": str(tmp_path)},
            "crawl": {"platforms": platforms},
            "loop": {"history_days": 3},
        }
        config = Config.model_validate(tree)
        name = "r" if day == TODAY else f"r-{day}"
        state = ledger.start(open_store(config.store), ledger.Run(name, day, *NOBODY_REST))
        catalogue = Catalogue.of_run(open_store(config.store), config, day)
        return Context(config, catalogue, Taxonomy.model_construct(), state, CRAWL)

    return make


CRAWL = Move(Step.CRAWL)
DRIVER = Driver({Step.CRAWL: crawl.crawl})
NOBODY_REST = ("", {}, "", "", "", None)


@pytest.fixture
def shops(monkeypatch):
    """The crawler, with shops that are up or down; `asked` has every (day, platform)."""

    class Shops:
        def __init__(self):
            self.down, self.asked = set(), []

        def crawl(self, config, days, archives):
            store = open_store(config.store)
            for day in days:
                for platform in config.crawl.crawled:
                    if platform.archive or (not archives and day == days[-1]):
                        self.asked.append((day.day, platform.name))
                        yield self.answer(store, day, platform.name)

        def answer(self, store, day, name):
            if name in self.down:
                return crawl.CrawlReport(str(day), name, reason="the shop did not answer")
            store.commit_tables(layout.raw_day(day, name), {"listings": pa.table({})}, {})
            return crawl.CrawlReport(str(day), name, committed=True, requests=1)

    found = Shops()
    monkeypatch.setattr(crawl, "_crawl_days", found.crawl)
    return found


def raw(context):
    return context.store.committed(layout.RAW_DAYS)


def test_today_of_every_shop_and_past_days_of_archives_are_asked_for(context, clock, shops):
    crawl.crawl(context(LIVE, ARCHIVE))
    assert shops.asked == [(21, "archive"), (22, "archive"), (23, "live"), (23, "archive")]


def test_a_past_day_is_never_filled_with_what_a_shop_sells_today(context, clock, shops):
    """Seen: `--day` of a missed day committed today's catalogue under it, for good."""
    late = context(LIVE, ARCHIVE, day=TODAY - timedelta(days=2))
    outcome = crawl.crawl(late)
    assert shops.asked == [(19, "archive"), (20, "archive"), (21, "archive")]
    (failed,) = outcome.facts.failed
    assert (failed.day, failed.platform) == (date(2026, 11, 21), "live")
    assert "2026-11-21 is over, and this shop shows only what it sells today" in failed.reason


def test_a_run_for_a_past_day_of_live_shops_says_to_leave_the_day_out(context, clock, shops):
    late = context(LIVE, day=TODAY - timedelta(days=2))
    with pytest.raises(HealthError, match=r"Leave --day out .* or name an archive") as told:
        crawl.crawl(late)
    assert told.value.exit_code == 20
    assert "{day}" in str(told.value)


def test_a_missing_archive_day_does_not_ask_live_shops_for_it(context, clock, shops):
    """Seen: each change of the settings filled one more past day of the live shop."""
    shops.down = {"archive"}
    first = context(LIVE, ARCHIVE)
    crawl.crawl(first)
    shops.asked.clear()
    crawl.crawl(first)
    assert {day for day, name in shops.asked if name == "live"} <= {TODAY.day}
    assert raw(first) == [layout.raw_day(TODAY, "live")]


def test_a_day_to_come_is_refused(context, clock, shops):
    with pytest.raises(ConfigError, match=r"2026-11-24 lies ahead: today is 2026-11-23"):
        crawl.crawl(context(LIVE, day=TODAY + timedelta(days=1)))
    assert shops.asked == []


@pytest.mark.parametrize(("hours", "asked"), [(4, True), (8, False)])
def test_a_run_of_the_evening_may_end_after_midnight(context, clock, shops, hours, asked):
    clock(datetime(2026, 11, 24, tzinfo=UTC) + timedelta(hours=hours))
    assert availability.can_crawl_today(context(LIVE), availability.now()) is asked


EAST = {**LIVE, "name": "east", "time_zone": "Asia/Tokyo"}
WEST = {**LIVE, "name": "west", "time_zone": "America/Los_Angeles"}


@pytest.mark.parametrize(
    ("hour", "asked"),
    [
        (2, [(23, "live"), (23, "east"), (22, "west")]),
        (12, [(23, "live"), (23, "east"), (23, "west")]),
        (20, [(23, "live"), (23, "west"), (24, "east")]),
    ],
)
def test_a_crawl_counts_for_the_day_that_it_is_at_the_shop(context, clock, shops, hour, asked):
    clock(datetime(2026, 11, 23, hour, tzinfo=UTC))
    begun = context(LIVE, EAST, WEST)
    crawl.crawl(begun)
    assert shops.asked == asked
    assert availability.missing_today(begun) == []


def test_a_shop_is_crawled_once_a_day_of_its_own(context, clock, shops):
    """A run an hour before midnight in UTC and the next one see two days of every shop."""
    clock(datetime(2026, 11, 23, 23, tzinfo=UTC))
    crawl.crawl(context(EAST))
    clock(datetime(2026, 11, 24, 1, tzinfo=UTC))
    crawl.crawl(context(EAST, day=TODAY + timedelta(days=1)))
    clock(datetime(2026, 11, 24, 23, tzinfo=UTC))
    crawl.crawl(context(EAST, day=TODAY + timedelta(days=1)))
    assert shops.asked == [(24, "east"), (25, "east")]


def test_nothing_at_all_is_not_written_down_as_done(context, clock, shops):
    """Seen: the shop was mended, and no run of the day ever asked it again."""
    shops.down = {"live"}
    first = context(LIVE)
    with pytest.raises(HealthError, match=r"live: the shop did not answer.*run it again"):
        DRIVER.take(first)
    assert ledger.load(first.store, "r").entries == ()
    shops.down = set()
    state = DRIVER.take(first).run
    assert [e.facts.failed for e in state.entries] == [()]


@pytest.fixture
def half_done(context, clock, shops):
    """A run whose crawl of one of two shops failed, and that went on to its shares."""
    shops.down = {"other"}
    begun = context(LIVE, OTHER)
    state = DRIVER.take(begun).run
    for step in (Step.INGEST, Step.RECOGNISE, Step.SHARES):
        state = ledger.record(
            begun.store, state, ledger.Entry(step, 1, 1, "", 0, "", ledger.FACTS[step]())
        )
    return replace(begun, run=state)


def steps(state):
    return [str(e.step) for e in state.entries]


def test_the_same_run_asks_a_shop_again_that_failed_and_takes_what_comes(half_done, shops):
    shops.down, shops.asked = set(), []
    again = DRIVER.catch_up(half_done).run
    assert shops.asked == [(23, "live"), (23, "other")]  # the crawler passes over what is there
    assert steps(again) == ["crawl", "ingest", "recognise", "shares", "crawl"]
    assert drive.due(half_done.config, again).step is Step.INGEST


def test_a_shop_that_still_fails_changes_nothing(half_done, shops):
    assert DRIVER.catch_up(half_done).run == half_done.run


def test_of_a_day_that_is_published_the_pictures_are_kept_for_the_next(half_done, shops, capsys):
    store = half_done.store
    state = ledger.record(
        store, half_done.run, ledger.Entry(Step.PUBLISH, 1, 1, "", 0, "", PublishFacts())
    )
    shops.down = set()
    assert DRIVER.catch_up(replace(half_done, run=state)).run == state
    assert store.manifest(layout.raw_day(TODAY, "other")) is not None
    assert "other: crawled for the next day's run" in capsys.readouterr().err


def test_nothing_is_asked_again_where_nothing_failed(context, clock, shops):
    begun = context(LIVE)
    state = DRIVER.take(begun).run
    shops.asked.clear()
    assert DRIVER.catch_up(replace(begun, run=state)).run == state
    assert shops.asked == []


def test_a_crawler_that_ends_early_is_no_finished_crawl(context, clock, tmp_path, monkeypatch):
    """Seen: SIGTERM ended it with exit code 0, and the day was written down as crawled."""
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\necho \'{"day": "2026-11-23", "platform": "live"}\'\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(StoreError, match="exit code 0 after 1 of 2 crawls"):
        crawl.crawl(context(LIVE, OTHER))
