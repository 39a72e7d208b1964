"""How often a run reaches the store, over 430 days of three platforms. Needs no Ray cluster.

Stand-ins, because they need a network, a cluster or a GPU: the crawler's process commits the raw day itself
after the look at the store that the crawler takes; packing runs in this process; recognition reads the
picture files and predicts from a rule; both trainings commit a ready model. Everything else is the
real code on a real directory store, with every call to the store counted.
"""

from collections import Counter
from datetime import UTC, date, datetime

import pytest

from fashiontrend.crawl import memory
from fashiontrend.loop import Step
from fashiontrend.pipeline import availability, crawl, drive
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
NEW_DAY = date(2026, 11, 23)
NOON = datetime(NEW_DAY.year, NEW_DAY.month, NEW_DAY.day, 12, tzinfo=UTC)


@pytest.fixture
def stand_ins(monkeypatch, long_store):
    for module in (availability, crawl, drive):
        monkeypatch.setattr(module, "now", lambda: NOON)

    def crawl_days(config, days, archives):
        raw = Partitions(open_store(config.store), layout.RAW_DAYS)
        for day in days:
            for platform in config.crawl.crawled:
                if layout.raw_day(day, platform.name) not in raw:
                    memory.recall(raw, platform.name, day)
                    long_store.put_raw(DAYS, platform.name)
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
            yield long_store.predictions(ids)

    monkeypatch.setattr(crawl, "_crawl_days", crawl_days)
    monkeypatch.setattr(ingest, "connect", lambda config: None)
    monkeypatch.setattr(ingest, "_pack", pack)
    monkeypatch.setattr(recognise, "connect", lambda config: None)
    monkeypatch.setattr(recognise, "predict_files", predictions)


@pytest.fixture
def driver(stand_ins, long_store, calls):
    """The loop, which notes in `calls` during which step the store is reached."""
    verdict = {"passed": True, "reasons": [], "per_attribute": {}, "remedy": ""}

    def train_recogniser(context):
        long_store.put_recogniser("attrnet-2")
        facts = {"version": "attrnet-2", "dataset": "second", "report": {}}
        return Outcome(layout.model("attrnet", "attrnet-2"), facts, verdict)

    def train_forecaster(context):
        long_store.put_forecaster("forecaster-2")
        facts = {"version": "forecaster-2", "report": {}}
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


def reset(calls):
    calls.kinds.clear()
    calls.steps.clear()
    calls.tables.clear()
    calls.step = "start"


def test_a_new_day_and_a_finished_run(driver, long_config, calls):
    driver.run(long_config, NEW_DAY)
    print("NEW DAY", calls)
    reads = Counter((s, k) for s, k, _ in calls.tables if "/listings" in k)
    print("listing reads", Counter(reads.values()).most_common(5), sum(reads.values()) / (3 * DAYS))
    reset(calls)
    driver.run(long_config, NEW_DAY)
    print("AGAIN", calls)


def test_a_training_day(driver, long_config, calls):
    config = long_config.model_copy(update={"loop": long_config.loop.model_copy(update={"retrain_days": 1})})
    driver.run(config, NEW_DAY)
    print("TRAINING", calls)
    reads = Counter((s, k) for s, k, _ in calls.tables if "/listings" in k)
    print("listing reads", Counter(reads.values()).most_common(5), sum(reads.values()) / (3 * DAYS))
