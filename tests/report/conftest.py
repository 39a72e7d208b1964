"""A small made run: two attributes, three platforms, forecasts, keywords with pictures, truth.

Reports, verdicts and keywords come from the code that makes them in a run.
"""

import io
import json
from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image, ImageDraw

from fashiontrend import gates, keywords, taxonomy
from fashiontrend.config import AccuracyGateConfig, KeywordsConfig, PerplexityGateConfig
from fashiontrend.labels.resample import measure_balance
from fashiontrend.loop import Step
from fashiontrend.outcomes import (
    CrawlFacts,
    IngestFacts,
    LabelFacts,
    PublishFacts,
    RecogniseFacts,
    SharesFacts,
    TrainAttrnetFacts,
    TrainForecasterFacts,
    TrendReport,
    WithheldDay,
)
from fashiontrend.outcomes.facts import DroppedRule, LabelBalance
from fashiontrend.report import ReportInput
from fashiontrend.storage import ledger, schemas
from tests.producers import backtested, evaluated

LAST = date(2026, 11, 23)
DAYS = [LAST - timedelta(days=n) for n in reversed(range(90))]
AHEAD = [LAST + timedelta(days=n + 1) for n in range(14)]
PLATFORMS = ("shop-a", "shop-b", "shop-c")
#: attribute -> value -> (share on the first day, on the last); those of an attribute sum to 1.
CURVES = {
    "colour": {
        "black": (0.36, 0.12),
        "white": (0.20, 0.19),
        "red": (0.12, 0.11),
        "green": (0.04, 0.30),
        "blue": (0.28, 0.28),
    },
    "neckline": {"crew_round": (0.52, 0.50), "v_neck": (0.30, 0.31), "turtleneck": (0.18, 0.19)},
}
MOVING = ("green", "black")
#: Products of shop-c that show a neckline: too few for a keyword.
THIN = 41


def share_at(attribute: str, value: str, n: int) -> float:
    first, last = CURVES[attribute][value]
    return first + (last - first) * n / (len(DAYS) - 1)


def make_shares() -> pa.Table:
    rng = np.random.default_rng(1)
    rows = []
    for platform in ("*", *PLATFORMS):
        for attribute, values in CURVES.items():
            for n, day in enumerate(DAYS):
                withheld = platform == "shop-b" and n in (60, 61)
                for value in values:
                    noise = rng.normal(0, 0.006) if n < len(DAYS) - 1 else 0.0
                    share = float(np.clip(share_at(attribute, value, n) + noise, 0.001, 0.999))
                    rows.append(
                        {
                            "platform": platform,
                            "attribute": attribute,
                            "value": value,
                            "day": day,
                            "window_days": 7,
                            "basis": "live",
                            "support": THIN
                            if (platform, attribute) == ("shop-c", "neckline")
                            else 640,
                            "share_raw": min(share + 0.02, 1.0),
                            "share": share,
                            "low": max(share - 0.02, 0.0),
                            "high": share + 0.02,
                            "withheld": withheld,
                        }
                    )
    return pa.Table.from_pylist(rows, schemas.SHARE)


def make_forecasts() -> pa.Table:
    rows = []
    for platform in ("*", *PLATFORMS):
        for attribute, values in CURVES.items():
            for value in values:
                for n, day in enumerate(AHEAD):
                    share = float(np.clip(share_at(attribute, value, len(DAYS) + n), 0.0, 1.0))
                    wide = 0.01 + 0.001 * n
                    rows.append(
                        {
                            "platform": platform,
                            "attribute": attribute,
                            "value": value,
                            "as_of": LAST,
                            "day": day,
                            "horizon": n + 1,
                            "share": share,
                            "q025": max(share - 2 * wide, 0.0),
                            "q10": max(share - wide, 0.0),
                            "q90": share + wide,
                            "q975": share + 2 * wide,
                        }
                    )
    return pa.Table.from_pylist(rows, schemas.FORECAST)


def make_truth() -> pd.DataFrame:
    rows = [
        (p, a, v, d, share_at(a, v, n))
        for p in ("*", *PLATFORMS)
        for a, vs in CURVES.items()
        for v in vs
        for n, d in enumerate(DAYS)
    ]
    return pd.DataFrame(rows, columns=["platform", "attribute", "value", "day", "share"])


def make_picture(seed: int, size: tuple[int, int] = (180, 240)) -> bytes:
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", size, (244, 242, 238))
    pen = ImageDraw.Draw(image)
    colour = tuple(int(v) for v in rng.integers(30, 200, 3))
    w, h = size
    pen.polygon(
        [(w * 0.3, h * 0.2), (w * 0.7, h * 0.2), (w * 0.85, h * 0.85), (w * 0.15, h * 0.85)],
        fill=colour,
    )
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


def make_products() -> tuple[pd.DataFrame, dict[str, bytes]]:
    """Six products of every moving colour, with their pictures."""
    rows, pictures = [], {}
    for number, value in enumerate(MOVING):
        for n in range(6):
            picture = f"{value}-{n}"
            pictures[picture] = make_picture(10 * number + n)
            rows.append(
                {
                    "platform": "shop-a", "product_id": f"{value}{n}", "picture_id": picture,
                    "url": f"https://shop.example/{value}/{n}", "image": f"raw/images/{picture}",
                    "box": [0.15, 0.2, 0.85, 0.85], "first_seen": date(2026, 11, 19),
                    "price": 49.99, "currency": "EUR", "colour": value, "colour_confidence": 0.96,
                    "neckline": None, "neckline_confidence": None,
                }
            )  # fmt: skip
    return pd.DataFrame(rows), pictures


@cache
def make_backtest() -> TrendReport:
    """The backtest of a forecaster on the run's shares, with the numbers of a good one."""
    naive = {"persistence": 1.020, "seasonal_naive": 1.025, "ewma": 1.022, "long_run_mean": 1.06}
    numbers = {
        "perplexity": 3.1, "perplexity_floor": 3.0, "normalised_perplexity": 1.012,
        "noise_floor": 1.004, "skill": 0.39, "coverage80": 0.81, "mase": 0.8, "wape": 0.09,
        "baselines": naive,
    }  # fmt: skip
    report = backtested(make_shares())
    return replace(
        report,
        **numbers,
        best_naive="persistence",
        difference=0.008,
        difference_se=0.002,
        differences={n: (v - 1.012, 0.002) for n, v in naive.items()},
        origins_used=8,
        origins_effective=1.23,
        pairs=tuple(replace(p, **numbers) for p in report.pairs if p.platform != "*"),
    )


@cache
def make_keywords() -> keywords.KeywordsFile:
    """As `publish` writes them and the report reads them."""
    evidence = keywords.Evidence(make_products()[0], make_backtest())
    selection = keywords.select_keywords(
        make_shares(), make_forecasts(), evidence, taxonomy.load(), KeywordsConfig()
    )
    return json.loads(keywords.to_json(selection))


def accuracy_round(version: str, part: float, changed: str, label: int = 1, train: int = 1):
    """A training round whose recogniser reads a part of the pictures correctly."""
    report = evaluated(0.36, colour=part, neckline=part)
    facts = TrainAttrnetFacts(version=version, changed=changed, report=report)
    verdict = gates.decide_accuracy(report, AccuracyGateConfig())
    return make_entry(Step.TRAIN_ATTRNET, facts, verdict, label, train)


def perplexity_round(version: str, passes: bool, label: int = 1):
    """A round of the forecaster; one that fails does so over a recogniser that is poor at colour."""
    report, accuracy = make_backtest(), evaluated(0.36, colour=0.93, neckline=0.93)
    if not passes:
        accuracy = evaluated(0.36, colour=0.55, neckline=0.93)
        pairs = (
            replace(p, normalised_perplexity=1.2 if p.attribute == "colour" else 1.01)
            for p in report.pairs
        )
        report = replace(report, normalised_perplexity=1.09, pairs=tuple(pairs))
    verdict = gates.decide_perplexity(report, accuracy, PerplexityGateConfig())
    assert verdict.passed is passes
    facts = TrainForecasterFacts(version, report)
    return make_entry(Step.TRAIN_FORECASTER, facts, verdict, label)


def make_entry(step: Step, facts=None, verdict=None, label: int = 1, train: int = 1):
    return ledger.Entry(
        step,
        label,
        train,
        "2026-11-23T06:00:00+00:00",
        74.3,
        f"models/{step}/abc",
        facts or ledger.FACTS[step](),
        verdict,
    )


def make_run(entries: tuple[ledger.Entry, ...] = ()) -> ledger.Run:
    config = {
        "crawl": {"platforms": [{"name": p, "enabled": True} for p in PLATFORMS]},
        "keywords": {"min_change": 0.005},
    }
    return ledger.Run(
        "2026-11-23-1a2b3c4d",
        LAST,
        "2026-11-23T06:00:00+00:00",
        config,
        "0.1.0",
        "1.0.0",
        "d" * 64,
        None,
        entries,
    )


def whole_run() -> ledger.Run:
    dropped = (DroppedRule("colour", "black", "ink"),)
    return make_run(
        (
            make_entry(Step.CRAWL, CrawlFacts()),
            make_entry(Step.INGEST, IngestFacts(pictures=2345, listings=41000)),
            make_entry(Step.LABEL, LabelFacts(version="d1")),
            accuracy_round("a1", 0.81, "first training"),
            accuracy_round("a2", 0.93, "epochs 10 -> 15, seed 1000", 1, 2),
            make_entry(Step.RECOGNISE, RecogniseFacts("a2")),
            make_entry(Step.SHARES, SharesFacts("a2")),
            perplexity_round("f1", False),
            make_entry(
                Step.LABEL,
                LabelFacts(version="d2", named=("colour",), dropped_rules=dropped),
                label=2,
            ),
            accuracy_round("a3", 0.93, "first training", 2),
            make_entry(Step.RECOGNISE, RecogniseFacts("a3"), label=2),
            make_entry(Step.SHARES, SharesFacts("a3"), label=2),
            perplexity_round("f2", True, 2),
            make_entry(Step.PUBLISH, PublishFacts(), label=2),
        )
    )


def make_balance() -> LabelBalance:
    """Three hundred pictures, every one seen once."""
    words = taxonomy.load().subset(tuple(CURVES))
    rng = np.random.default_rng(0)
    labels = np.stack([rng.integers(v, size=300) for v in words.num_values.values()], axis=1)
    balance = measure_balance(labels.astype(np.int16), np.ones(300, np.int16), words)
    return LabelBalance.from_json(balance.to_json())


@pytest.fixture(scope="session")
def whole() -> ReportInput:
    """Everything that a finished run of a demo world has."""
    return ReportInput(
        run=whole_run(),
        taxonomy=taxonomy.load(),
        shares=make_shares(),
        forecasts=make_forecasts(),
        keywords=make_keywords(),
        pictures=make_products()[1],
        truth=make_truth(),
        attrnet_report=evaluated(0.36, colour=0.93, neckline=0.93),
        perplexity_report=make_backtest(),
        withheld=[WithheldDay("shop-b", DAYS[n], "crawl failed: 503") for n in (60, 61)],
        balance=make_balance().rows,
    )


@pytest.fixture
def closed() -> ReportInput:
    """A run that ended at the first gate: it has nothing else to show."""
    run = make_run(
        (
            make_entry(Step.CRAWL),
            make_entry(Step.INGEST, IngestFacts(pictures=2345)),
            make_entry(Step.LABEL, LabelFacts(version="d1")),
            *(accuracy_round(f"a{n}", 0.81, "", 1, n) for n in (1, 2, 3)),
        )
    )
    return ReportInput(run=run, taxonomy=taxonomy.load())


@pytest.fixture
def with_keyword(whole):
    """The whole run with its first keyword changed."""

    def change(**more) -> ReportInput:
        first, *rest = whole.keywords["keywords"]
        return replace(whole, keywords={**whole.keywords, "keywords": [{**first, **more}, *rest]})

    return change
