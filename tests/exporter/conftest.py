"""A small store, written by the code that writes real ones: two platforms, a run with closed gates, shares."""

import json
import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from prometheus_client import CollectorRegistry

from fashiontrend import __version__, gates
from fashiontrend.catalogue import health
from fashiontrend.config import Config, StoreConfig
from fashiontrend.exporter.collector import Exporter
from fashiontrend.loop import Step
from fashiontrend.outcomes import (
    CrawlFacts,
    EvalReport,
    IngestFacts,
    LabelFacts,
    PublishFacts,
    Rates,
    RecogniseFacts,
    ScoreSummary,
    SharesFacts,
    TrainAttrnetFacts,
    TrainForecasterFacts,
    TrendReport,
    Verdict,
    WithheldDay,
)
from fashiontrend.storage import layout, ledger, releases, schemas
from fashiontrend.storage.object_store import open_store
from tests.forecaster.conftest import make_shares
from tests.producers import backtested, evaluated

LAST_DAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PLATFORMS = ("shop-a", "shop-b")
DAYS = [LAST_DAY - timedelta(days=n) for n in reversed(range(20))]


def crawl_facts(day: date, products: int = 100, **changed) -> dict:
    """As `fashiontrend.crawl.run` writes them."""
    facts = {
        "blocked": 0, "challenge": 0, "unreachable": 0, "stated": products, "duplicates": 0,
        "fetched_images": 8, "reused_images": 90, "image_failures": 2, "image_bytes": 16_000,
        "products": products, "requests": 50, "responses": {"200": 45, "304": 5},
        "robots_forbidden": 0, "crawled_at": f"{day}T06:00:00+00:00",
    }  # fmt: skip
    return {**facts, **changed}


def evaluation(neckline: float | None = None) -> EvalReport:
    """A recogniser that reads 94 % of both attributes; `neckline` sets that one's lower bound."""
    report = evaluated(colour=0.94, neckline=0.94)
    if neckline is None:
        return report
    one = replace(report.attributes["neckline"], wilson_low=neckline)
    return replace(report, attributes={**report.attributes, "neckline": one})


@cache
def backtest() -> TrendReport:
    """A backtest of two platforms and attributes, with the numbers of a good fit."""
    names = {"attr0": "colour", "attr1": "neckline"}
    report = backtested(make_shares(days=80, platforms=PLATFORMS))
    numbers = {"perplexity": 3.6, "noise_floor": 1.004, "skill": 0.4, "coverage80": 0.82}
    good = {"divergence": 0.01, "interval_width": 0.06}
    return replace(
        report,
        **numbers,
        perplexity_floor=3.5,
        difference=0.01,
        difference_se=0.001,
        origins_used=8,
        interval_width={"colour": 0.06, "neckline": 0.06},
        pairs=tuple(
            replace(p, **numbers, **good, attribute=names[p.attribute]) for p in report.pairs
        ),
    )


def fit(normalised: float, waiting: str = "") -> TrendReport:
    """The backtest with another fit; no pair of the waiting attribute is judged yet."""
    report, nan = backtest(), math.nan
    pairs = (
        replace(p, days_judged=0, normalised_perplexity=nan, divergence=nan)
        if p.attribute == waiting
        else replace(p, normalised_perplexity=normalised)
        for p in report.pairs
    )
    return replace(report, normalised_perplexity=normalised, pairs=tuple(pairs))


def share_table(jump: float = 0.0) -> pa.Table:
    """Shares of two values around 0.5 that move by a little noise; shop-a's last day jumps."""
    rng = np.random.default_rng(0)
    rows = []
    for platform in PLATFORMS:
        for n, day in enumerate(DAYS):
            share = 0.5 + rng.normal(0, 0.005)
            share += jump if platform == "shop-a" and n == len(DAYS) - 1 else 0.0
            for value, part in (("green", share), ("black", 1 - share)):
                rows.append(
                    {
                        "platform": platform, "attribute": "colour", "value": value, "day": day,
                        "window_days": 7, "basis": "live", "support": 200, "share_raw": part,
                        "share": part, "low": part - 0.01, "high": part + 0.01, "withheld": False,
                    }
                )  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schemas.SHARE)


def keyword(rank, attribute, value, direction, relative):
    """What the exporter reads of a keyword."""
    return {
        "rank": rank,
        "keyword": {"attribute": attribute, "value": value},
        "platform": "*",
        "direction": direction,
        "growth": {"relative": relative},
        "confidence": {"grade": "A"},
    }


class SmallStore:
    """Writes what stages write."""

    def __init__(self, store) -> None:
        self.store = store
        platforms = [{"name": p, "kind": "shopify", "base_url": "http://x"} for p in PLATFORMS]
        self.config = Config.model_validate({"crawl": {"platforms": platforms}})

    def crawl(self, day: date, platform: str, products: int = 100, **changed) -> None:
        facts = crawl_facts(day, products, **changed)
        self.store.commit(layout.raw_day(day, platform), [], facts)
        numbers = health.measure_health(schemas.LISTING.empty_table(), facts, 0, 0)
        numbers = replace(numbers, products=products)
        verdict = gates.decide_health(numbers, [100] * 14, self.config.health)
        self.store.commit(
            layout.catalogue_day(day, platform),
            [],
            {"health": numbers.to_json(), "verdict": verdict.to_json()},
        )

    def fail(self, day: date, platform: str, **changed) -> None:
        import json

        facts = {"reason": "refused", **crawl_facts(day, 0, image_bytes=0, **changed)}
        key = f"{layout.crawl_failures(day, platform)}/1.json"
        self.store.create(key, json.dumps(facts).encode())

    def run(self, day: date = LAST_DAY, use_gpu: bool = False) -> ledger.Run:
        tree = self.config.model_dump(mode="json")
        tree["ray"]["use_gpu"] = use_gpu
        start = ledger.Run(
            f"{day}-x", day, f"{day}T06:00:00+00:00", tree, __version__, "1", "t", None
        )
        return ledger.start(self.store, start)

    def step(self, run, step, facts, output="", verdict=None, round_=(1, 1), seconds=10.0):
        entry = ledger.Entry(
            step, *round_, f"{run.day}T07:00:00+00:00", seconds, output, facts, verdict,
        )  # fmt: skip
        return ledger.record(self.store, run, entry)

    def accuracy(self, run, neckline=None, round_=(1, 1)):
        report = evaluation(neckline)
        verdict = gates.decide_accuracy(report, self.config.accuracy_gate)
        return self.step(run, Step.TRAIN_ATTRNET, TrainAttrnetFacts(version="a", report=report), "models/a",
                         verdict, round_)  # fmt: skip

    def perplexity(self, run, normalised=1.02, round_=(1, 1), waiting=""):
        report = fit(normalised, waiting)
        verdict = gates.decide_perplexity(report, evaluation(), self.config.perplexity_gate)
        return self.step(run, Step.TRAIN_FORECASTER, TrainForecasterFacts("f", report), "models/f",
                         verdict, round_)  # fmt: skip

    def shares(self, run, table):
        partition = layout.shares("a", run.day, "of")
        self.store.commit_tables(partition, {"shares": table}, {})
        return self.step(run, Step.SHARES, SharesFacts("a"), partition)

    def publish(self, run, scorecard: ScoreSummary):
        partition = layout.keywords("r1", run.day)
        ranked = [
            keyword(1, "colour", "red", "up", 0.4),
            keyword(2, "pattern", "check", "down", -0.2),
            keyword(99, "colour", "blue", "up", 0.01),
        ]
        held = f"{partition}/keywords.json"
        self.store.create(held, json.dumps({"as_of": str(run.day), "keywords": ranked}).encode())
        self.store.commit(partition, [held], {})
        self.store.commit(
            f"{layout.SCORECARDS}as_of={run.day}", [], {"summary": scorecard.to_json()}
        )
        opened = Verdict(passed=True)
        releases.publish(
            self.store,
            releases.Release(
                "r1", str(run.day), run.run_id, "a", "f", "d", "1", "t", opened, opened
            ),
        )
        return self.step(run, Step.PUBLISH, PublishFacts("r1", 12), partition)

    def whole(self) -> "SmallStore":
        """Two crawled days and one finished run of training."""
        for day in DAYS[-2:]:
            for platform in PLATFORMS:
                self.crawl(day, platform)
        run = self.run(use_gpu=True)
        run = self.step(run, Step.CRAWL, CrawlFacts())
        run = self.step(run, Step.INGEST, IngestFacts(withheld=(WithheldDay("shop-b", LAST_DAY),)))
        run = self.step(run, Step.LABEL, LabelFacts())
        run = self.accuracy(run)
        run = self.step(run, Step.RECOGNISE, RecogniseFacts("a", pictures=400), seconds=20.0)
        run = self.shares(run, share_table())
        run = self.perplexity(run)
        rates = Rates(n=8, hit_rate=0.75, coverage80=0.8)
        groups = {"horizon_days": "14", "platform": "*", "grade": "A"}
        by = {name: {value: rates} for name, value in groups.items()}
        self.publish(run, ScoreSummary(scored=8, overall=rates, by=by, new=8))
        return self


@pytest.fixture
def small(store) -> SmallStore:
    return SmallStore(store)


class Scrape:
    """What Prometheus would read: `scrape(name, **labels)` is a sample's value or None."""

    def __init__(self, exporter: Exporter) -> None:
        self.exporter = exporter
        self.registry = CollectorRegistry()
        self.registry.register(exporter)

    def __call__(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"fashiontrend_{name}", labels)

    def samples(self) -> list:
        return [s for family in self.registry.collect() for s in family.samples]


@pytest.fixture
def scrape(small):
    """scrape(): read the store as it is now."""

    def read(config: Config | None = None) -> Scrape:
        exporter = Exporter(small.store, config or small.config, lambda: NOW)
        exporter.refresh()
        return Scrape(exporter)

    return read


@pytest.fixture(scope="package")
def live_names(tmp_path_factory) -> frozenset[str]:
    """Every metric that a query may name: those of a whole store, and those of a live Ray."""
    from .queries import exported_names, ray_names

    url = str(tmp_path_factory.mktemp("whole") / "store")
    return exported_names(SmallStore(open_store(StoreConfig(url=url)))) | ray_names()
