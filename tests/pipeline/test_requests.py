"""How often a run reaches the store, over 430 days of three platforms. Needs no Ray cluster.

Stand-ins, because they need a network, a cluster or a GPU: the crawler's process commits the raw day itself
after the look at the store that the crawler takes; packing runs in this process; recognition reads the
picture files and predicts from a rule; both trainings commit a ready model. Everything else is the
real code on a real directory store, with every call to the store counted.
"""

import os
from collections import Counter
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from fashiontrend.crawl import memory
from fashiontrend.loop import Step
from fashiontrend.outcomes import TrainAttrnetFacts, TrainForecasterFacts, Verdict
from fashiontrend.pipeline import availability, crawl, drive, scorecard
from fashiontrend.pipeline.catalogue import Catalogue
from fashiontrend.pipeline.context import Outcome
from fashiontrend.pipeline.drive import Driver
from fashiontrend.pipeline.label import label
from fashiontrend.pipeline.publish import publish
from fashiontrend.pipeline.shares import build_shares
from fashiontrend.storage import layout
from fashiontrend.storage.object_store import open_store
from fashiontrend.storage.partitions import Partitions
from ray_jobs import ingest, recognise

DAYS = 430
LAST, NEW_DAY = date(2026, 11, 22), date(2026, 11, 23)
NOON = datetime(NEW_DAY.year, NEW_DAY.month, NEW_DAY.day, 12, tzinfo=UTC)


@pytest.fixture
def stand_ins(monkeypatch, old_store):
    monkeypatch.setattr(os, "fsync", lambda _: None)  # calls are counted, not the disk's time
    for module in (availability, crawl, drive):
        monkeypatch.setattr(module, "now", lambda: NOON)

    def crawl_days(config, days, archives):
        raw = Partitions(open_store(config.store), layout.RAW_DAYS)
        for day in days:
            for platform in config.crawl.crawled:
                if layout.raw_day(day, platform.name) not in raw:
                    memory.recall(raw, platform.name, day)
                    old_store.put_raw(DAYS, platform.name)
                yield crawl.CrawlReport(str(day), platform.name, committed=True, requests=1)

    def pack(context, shards):
        packed = {}
        for shard in shards:
            row = ingest.pack_shard(shard, context.store, context.config.ingest)
            packed.setdefault(row["partition"], []).append(row)
        return packed

    def predictions(context, version, files):
        for file in files:
            ids = context.store.read_table(file, ["picture_id"])["picture_id"].to_pylist()
            yield old_store.predictions(ids)

    monkeypatch.setattr(crawl, "_crawl_days", crawl_days)
    monkeypatch.setattr(ingest, "connect", lambda config: None)
    monkeypatch.setattr(ingest, "_pack", pack)
    monkeypatch.setattr(recognise, "connect", lambda config: None)
    monkeypatch.setattr(recognise, "predict_files", predictions)


@pytest.fixture
def driver(stand_ins, old_store, calls):
    """The loop, which notes in `calls` during which step the store is reached."""
    verdict = Verdict(passed=True)

    def train_recogniser(context):
        old_store.put_recogniser("attrnet-2")
        facts = TrainAttrnetFacts(version="attrnet-2", dataset="second")
        return Outcome(layout.model("attrnet", "attrnet-2"), facts, verdict)

    def train_forecaster(context):
        old_store.put_forecaster("forecaster-2")
        facts = TrainForecasterFacts(version="forecaster-2")
        return Outcome(layout.model("forecaster", "forecaster-2"), facts, verdict)

    def noted(step, function):
        def take(context):
            calls.step = str(step)
            outcome = function(context)
            calls.step = "between steps"
            return outcome

        return take

    functions = {
        Step.CRAWL: crawl.crawl,
        Step.INGEST: ingest.ingest_days,
        Step.LABEL: label,
        Step.TRAIN_ATTRNET: train_recogniser,
        Step.RECOGNISE: recognise.recognise,
        Step.SHARES: build_shares,
        Step.TRAIN_FORECASTER: train_forecaster,
        Step.PUBLISH: publish,
    }
    return Driver({step: noted(step, function) for step, function in functions.items()})


@pytest.fixture
def yesterday(old_store):
    """The store as yesterday's run left it: closed months are rolled up. Those reads are not counted."""
    catalogue = Catalogue(old_store.store, [LAST], [])
    for partitions in (
        catalogue.packed,
        catalogue.predictions("attrnet-1"),
        scorecard.scorecards(old_store.store),
    ):
        partitions.roll_up(LAST)
    return old_store


@pytest.fixture
def training(long_config):
    """The settings under which every day trains anew."""
    loop = long_config.loop.model_copy(update={"retrain_days": 1})
    return long_config.model_copy(update={"loop": loop})


def listing_reads(calls):
    """How often each step read the listings of each partition or of each roll-up."""
    return Counter((step, key) for step, key, _ in calls.tables if "/listings-" in key)


def listing_columns(calls, step):
    """The columns of checked listings that a step read."""
    found = [
        c for s, key, c in calls.tables if s == step and "/listings-" in key and "raw/" not in key
    ]
    assert None not in found, "a step read every column"
    return {name for columns in found for name in columns}


SHOWN = {"platform", "day", "product_id", "first_seen", "images", "garment", "parent_id"}


def test_a_new_day_reaches_the_store_a_thousand_times_and_a_finished_run_twenty(
    yesterday, driver, long_config, calls
):
    """It was 120,253 before there was one reader, and a listing was read nine times a day."""
    driver.run(long_config, NEW_DAY)
    print(f"new day: {calls}")
    assert calls.total <= 1_500
    assert set(listing_reads(calls).values()) == {1}
    assert listing_columns(calls, "recognise") == listing_columns(calls, "shares") == SHOWN
    stated = {"url", "price", "currency", "gender"}
    sold = {"list_price", "available", "variants"}  # of the days that no retail table holds
    assert listing_columns(calls, "publish") == SHOWN | stated | sold
    calls.clear()
    driver.run(long_config, NEW_DAY)
    print(f"finished run given again: {calls}")
    assert calls.total <= 25
    assert calls.tables == []


def test_a_training_day_reads_a_listing_once_a_step(yesterday, driver, training, calls):
    """It was twelve times. Two thirds of the requests write and roll up what the new recogniser predicts."""
    state = driver.run(training, NEW_DAY)
    print(f"training day: {calls}")
    assert [str(e.step) for e in state.entries] == [str(step) for step in Step]
    assert set(listing_reads(calls).values()) == {1}
    assert "description" not in listing_columns(calls, "publish")
    assert calls.total <= 8_000


def test_rolled_up_months_hold_what_their_days_hold(old_store, long_config):
    """A store of the version before has no roll-ups; with them it gives the same rows in the same order."""

    def read():
        catalogue = Catalogue.of_run(old_store.store, long_config, LAST)
        done = catalogue.predictions("attrnet-1")
        predicted = pa.concat_tables([t for _, t in done.tables(list(done), "")])
        manifests = [catalogue.packed.manifest(p) for p in catalogue.packed]
        return catalogue.showings(), catalogue.picture_index(), predicted, manifests

    before = read()
    catalogue = Catalogue.of_run(old_store.store, long_config, LAST)
    assert catalogue.packed.roll_up(NEW_DAY) == catalogue.predictions("attrnet-1").roll_up(NEW_DAY)
    assert read() == before
