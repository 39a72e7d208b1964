"""A small made run: two attributes, three platforms, forecasts, keywords with pictures, truth."""

import io
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image, ImageDraw

from fashiontrend import taxonomy
from fashiontrend.loop import Step
from fashiontrend.report import ReportInput
from fashiontrend.storage import ledger, schemas

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
DIRECTIONS = {("colour", "green"): "rising", ("colour", "black"): "falling"}


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
                    share = float(
                        np.clip(share_at(attribute, value, n) + rng.normal(0, 0.006), 0.001, 0.999)
                    )
                    rows.append(
                        {
                            "platform": platform,
                            "attribute": attribute,
                            "value": value,
                            "day": day,
                            "window_days": 7,
                            "basis": "live",
                            "support": 640,
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


def make_keyword(
    attribute: str, value: str, direction: str, rank: int, samples: list[dict] | None = None
) -> dict:
    words = taxonomy.load().attribute(attribute).value(value)
    now, ahead = share_at(attribute, value, 89), share_at(attribute, value, 103)
    return {
        "schema": "trend-keyword/1",
        "id": f"2026-11-23|all|{attribute}.{value}|14d|pooled",
        "as_of": str(LAST),
        "horizon_days": 14,
        "target_date": str(AHEAD[-1]),
        "keyword": {"attribute": attribute, "value": value, "en": words.en, "zh": words.zh},
        "segment": {"gender": None, "garment_type": None, "region": None},
        "platform": "*",
        "platforms": {"rising": [], "stable": [], "falling": []} | {direction: list(PLATFORMS)},
        "direction": direction,
        "share": {
            "now": now,
            "forecast": ahead,
            "interval80": [ahead - 0.02, ahead + 0.02],
            "interval95": [ahead - 0.04, ahead + 0.04],
            "basis": "live",
            "corrected": True,
        },
        "growth": {
            "points": ahead - now,
            "relative": ahead / now - 1,
            "wow": 0.004,
            "mom": 0.02,
            "yoy": None,
            "deseasonalised_points": 0.019,
        },
        "stage": "declining"
        if direction == "falling"
        else "rising"
        if direction == "rising"
        else "mainstream",
        "trajectory": {"rising": "sustained_riser", "falling": "sustained_decliner"}.get(
            direction, "flat"
        ),
        "seasonal_index": 1.06,
        "confidence": {
            "p_direction": 0.93,
            "support_n": 6412,
            "days_observed": 88,
            "backtest_skill_vs_persistence": 0.18,
            "platform_agreement": 1.0,
            "grade": "A",
        },
        "rank": rank,
        "score": 1.0 / rank,
        "lead_lag": {"leader": "shop-b", "lead_days": 9},
        "evidence": {
            "samples": samples or [],
            "run_id": "r",
            "data_days_used": 88,
            "days_withheld": 2,
        },
        "caveats": ["less than one year of history: seasonality not separable"],
    }


def make_keywords() -> tuple[dict, dict[str, bytes]]:
    pictures, found = {}, []
    words = [(attribute, value) for attribute in CURVES for value in CURVES[attribute]]
    for rank, (a, v) in enumerate(words, start=1):
        direction = DIRECTIONS.get((a, v), "stable")
        samples = []
        for n in range(6 if direction != "stable" else 0):
            name = f"{v}-{n}"
            pictures[name] = make_picture(10 * rank + n)
            samples.append(
                {
                    "product_id": f"p{n}",
                    "url": f"https://shop.example/{v}/{n}",
                    "image": name,
                    "box": [0.15, 0.2, 0.85, 0.85],
                    "first_seen": "2026-11-19",
                    "price": 49.99,
                    "currency": "EUR",
                    "confidence": 0.96,
                    "title": f"{v} top no. {n}",
                }
            )
        found.append(make_keyword(a, v, direction, rank, samples))
    found.sort(key=lambda k: k["direction"] == "stable")
    ranked = [{**k, "rank": n} for n, k in enumerate(found, start=1)]
    thin = [
        {
            "attribute": "colour",
            "value": "yellow",
            "platform": "*",
            "reason": "support 41, at least 100 products are needed",
        }
    ]
    return {"keywords": ranked, "not_enough_evidence": thin, "combinations": []}, pictures


def make_verdict(gate: str, passed: bool, **more) -> dict:
    name, seen, limit = (
        ("mean_accuracy", 0.93 if passed else 0.81, "> 0.85")
        if gate == "accuracy"
        else ("normalised_perplexity", 1.012 if passed else 1.09, "< 1.05")
    )
    checks = [
        {"name": name, "seen": seen, "limit": limit, "passed": passed, "detail": ""},
        {
            "name": "floor:colour",
            "seen": 0.9,
            "limit": "> 0.7",
            "passed": True,
            "detail": "accuracy 0.95",
        },
    ]
    reasons = [] if passed else [f"{name} is {seen:g}, expected {limit}"]
    return {
        "gate": gate,
        "passed": passed,
        "checks": checks,
        "reasons": reasons,
        "warnings": [],
        "per_attribute": {},
        "remedy": "" if passed else "Train again, longer and from other random weights.",
    } | more


def make_entry(
    step: Step,
    facts: dict | None = None,
    verdict: dict | None = None,
    label: int = 1,
    train: int = 1,
):
    return ledger.Entry(
        step,
        label,
        train,
        "2026-11-23T06:00:00+00:00",
        74.3,
        f"models/{step}/abc",
        facts or {},
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
    bad = {"colour": {"reason": "recogniser", "remedy": "Label more."}}
    return make_run(
        (
            make_entry(Step.CRAWL),
            make_entry(Step.INGEST, {"pictures": 2345, "listings": 41000}),
            make_entry(Step.LABEL, {"version": "d1"}),
            make_entry(
                Step.TRAIN_ATTRNET,
                {"version": "a1", "changed": "first training"},
                make_verdict("accuracy", False),
            ),
            make_entry(
                Step.TRAIN_ATTRNET,
                {"version": "a2", "changed": "epochs 10 -> 15, seed 1000"},
                make_verdict("accuracy", True),
                1,
                2,
            ),
            make_entry(Step.RECOGNISE, {"attrnet": "a2"}),
            make_entry(Step.SHARES),
            make_entry(
                Step.TRAIN_FORECASTER,
                {"version": "f1"},
                make_verdict("perplexity", False, per_attribute=bad),
            ),
            make_entry(
                Step.LABEL,
                {"version": "d2", "named": ["colour"], "dropped_rules": [{"word": "ink"}]},
                None,
                2,
            ),
            make_entry(
                Step.TRAIN_ATTRNET,
                {"version": "a3", "changed": "first training"},
                make_verdict("accuracy", True),
                2,
            ),
            make_entry(Step.RECOGNISE, {"attrnet": "a3"}, None, 2),
            make_entry(Step.SHARES, None, None, 2),
            make_entry(
                Step.TRAIN_FORECASTER, {"version": "f2"}, make_verdict("perplexity", True), 2
            ),
            make_entry(Step.PUBLISH, None, None, 2),
        )
    )


ATTRNET = {
    "mean_accuracy": 0.931,
    "attributes": {
        a: {
            "accuracy": 0.93,
            "wilson_low": 0.90,
            "macro_f1": 0.91,
            "visibility_f1": 0.98,
            "support": 300,
            "ece": 0.021,
            "majority_accuracy": 0.36,
        }
        for a in CURVES
    },
    "box": {"mean_iou": 0.86, "ap50": 0.97},
}


def make_perplexity() -> dict:
    base = {"persistence": 1.020, "seasonal_naive": 1.025, "ewma": 1.022, "long_run_mean": 1.06}
    pair = {
        "perplexity": 3.1,
        "perplexity_floor": 3.0,
        "perplexity_uniform": 5.0,
        "normalised_perplexity": 1.012,
        "noise_floor": 1.004,
        "skill": 0.39,
        "coverage80": 0.81,
        "mase": 0.8,
        "wape": 0.09,
        "baselines": base,
    }
    pairs = [
        {**pair, "platform": p, "attribute": a, "support": 200.0} for p in PLATFORMS for a in CURVES
    ]
    total = {
        "best_naive": "persistence",
        "days_used": 88,
        "origins_used": 8,
        "origins_effective": 1.23,
        "differences": {n: [v - 1.012, 0.002] for n, v in base.items()},
    }
    return {**pair, **total, "pairs": pairs}


def make_balance() -> list[dict]:
    return [
        {
            "attribute": a,
            "value": v,
            "count_before": round(1000 * s),
            "proportion_before": s,
            "irlbl_before": 0.36 / s,
            "count_after": round(1000 * s) + 200,
            "proportion_after": (s + 0.2) / (1 + 0.2 * len(vs)),
            "irlbl_after": 1.5,
        }
        for a, vs in CURVES.items()
        for v, (s, _) in vs.items()
    ]


@pytest.fixture(scope="session")
def whole() -> ReportInput:
    """Everything that a finished run of a demo world has."""
    keywords, pictures = make_keywords()
    return ReportInput(
        run=whole_run(),
        taxonomy=taxonomy.load(),
        shares=make_shares(),
        forecasts=make_forecasts(),
        keywords=keywords,
        pictures=pictures,
        truth=make_truth(),
        attrnet_report=ATTRNET,
        perplexity_report=make_perplexity(),
        withheld=[
            {"platform": "shop-b", "day": str(DAYS[n]), "reason": "crawl failed: 503"}
            for n in (60, 61)
        ],
        balance=make_balance(),
    )


@pytest.fixture
def closed() -> ReportInput:
    """A run that ended at the first gate: it has nothing else to show."""
    run = make_run(
        (
            make_entry(Step.CRAWL),
            make_entry(Step.INGEST, {"pictures": 2345}),
            make_entry(Step.LABEL, {"version": "d1"}),
            *(
                make_entry(
                    Step.TRAIN_ATTRNET, {"version": f"a{n}"}, make_verdict("accuracy", False), 1, n
                )
                for n in (1, 2, 3)
            ),
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
