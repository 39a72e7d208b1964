"""A store with a release of tiny models, and the application over it, without Ray."""

import asyncio
import io
import json
from datetime import UTC, date, datetime, timedelta

import httpx
import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image

from fashiontrend import gates, images
from fashiontrend.attrnet.inference import artifact as attrnet
from fashiontrend.attrnet.network import model as networks
from fashiontrend.config import AccuracyGateConfig, AttrNetConfig, ForecasterConfig, ServeConfig
from fashiontrend.forecaster import artifact as forecaster
from fashiontrend.forecaster.shares.model import TrendModel
from fashiontrend.forecaster.shares.predict import IntervalCalibration
from fashiontrend.loop import Step
from fashiontrend.outcomes import IngestFacts, TrainAttrnetFacts, Verdict, WithheldDay
from fashiontrend.serve.http import tokens
from fashiontrend.serve.http.admission import Admission
from fashiontrend.serve.metrics import Metrics
from fashiontrend.serve.recognition import served_model, versions
from fashiontrend.serve.recognition.jobs import CatalogueJobs
from fashiontrend.serve.recognition.recognise import RecognitionService
from fashiontrend.serve.recognition.versions import Versions
from fashiontrend.serve.release import adhoc_forecast, tables
from fashiontrend.serve.release.history import RunHistory
from fashiontrend.serve.routes.app import create_app
from fashiontrend.serve.routes.services import Services, TableServices
from fashiontrend.serve.schemas.problems import Problem
from fashiontrend.storage import layout, ledger, releases, schemas
from fashiontrend.storage.object_store import Store, parquet_bytes
from fashiontrend.taxonomy import Taxonomy
from tests.producers import evaluated

DAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
OPEN = Verdict("accuracy", True)


def named(name: str) -> dict:
    return {"id": name, "en": name.title(), "zh": name}


TAXONOMY = Taxonomy.model_validate(
    {
        "version": "toy",
        "attributes": [
            {**named("colour"), "values": [named("red"), named("blue")]},
            {**named("pattern"), "values": [named("plain"), named("stripe")]},
        ],
    }
)


def draw(seed: int = 0, size=(48, 64), kind: str = "PNG") -> bytes:
    """A picture of noise."""
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, kind)
    return sink.getvalue()


def share_rows(days: int = 30) -> pa.Table:
    rows = []
    for platform in ("shop-a", "*"):
        for n in range(days):
            red = 0.3 + 0.01 * n
            for value, share in (("red", red), ("blue", 1 - red)):
                rows.append(
                    {
                        "platform": platform, "attribute": "colour", "value": value,
                        "day": DAY - timedelta(days=days - 1 - n), "window_days": 7, "basis": "live",
                        "support": 120, "share_raw": share, "share": None if n == 3 else share,
                        "low": share - 0.02, "high": share + 0.02, "withheld": n == 3,
                    }
                )  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schemas.SHARE)


def retail_rows() -> pa.Table:
    rows = [
        {
            "platform": "shop-a", "attribute": "colour", "value": value, "day": DAY - timedelta(days=n),
            "support": 40, "out_of_stock": 0.25, "out_of_stock_support": 40, "markdown": 0.5,
            "markdown_support": 40, "markdown_depth": 0.3, "markdown_depth_support": 20, "new_in": None,
            "new_in_support": 0, "window_days": 7, "price_q25": 19.5, "price_median": 25.0,
            "price_q75": 39.0, "price_support": 40, "currency": "EUR", "withheld": n == 1,
        }
        for value in ("red", "blue") for n in range(3)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schemas.RETAIL)


def forecast_rows() -> pa.Table:
    rows = [
        {
            "platform": p, "attribute": "colour", "value": v, "as_of": DAY, "horizon": h,
            "day": DAY + timedelta(days=h), "share": s, "q025": s - 0.1, "q10": s - 0.05,
            "q90": s + 0.05, "q975": s + 0.1,
        }
        for p in ("shop-a", "*") for v, s in (("red", 0.6), ("blue", 0.4)) for h in (1, 2, 3)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schemas.FORECAST)


def keyword(value: str, direction: str, platform: str, picture_id: str, rank: int) -> dict:
    where = "pooled" if platform == "*" else platform
    return {
        "schema": "trend-keyword/1", "id": f"{DAY}|all|colour.{value}|3d|{where}", "as_of": str(DAY),
        "horizon_days": 3, "target_date": "2026-11-26",
        "keyword": {"attribute": "colour", "value": value, "en": value.title(), "zh": value},
        "segment": {"gender": None, "garment_type": None, "region": None}, "platform": platform,
        "platforms": {"rising": ["shop-a"], "stable": [], "falling": []}, "direction": direction,
        "share": {"now": 0.59, "forecast": 0.6, "interval80": [0.55, 0.65],
                  "interval95": [0.5, 0.7], "basis": "live", "corrected": True},
        "growth": {"points": 0.01, "relative": 0.02, "wow": None, "mom": None, "yoy": None,
                   "deseasonalised_points": 0.01},
        "stage": "rising", "trajectory": "sustained_riser", "seasonal_index": 1.0,
        "confidence": {"p_direction": 0.9 if direction == "rising" else 0.6, "support_n": 120,
                       "days_observed": 30, "backtest_skill_vs_persistence": 0.1,
                       "platform_agreement": 1.0, "grade": "A"},
        "rank": rank, "score": 1.0, "lead_lag": None,
        "evidence": {"samples": [{"picture_id": picture_id, "product_id": "p1", "box": [0, 0, 1, 1]}],
                     "series_uri": "s", "run_id": "r", "model_digest": "m",
                     "taxonomy_version": "toy", "label_set_digest": "d", "data_days_used": 30,
                     "days_withheld": 1},
        "caveats": [],
    }  # fmt: skip


def selection(picture_id: str) -> dict:
    return {
        "as_of": str(DAY),
        "horizon_days": 3,
        "keywords": [
            keyword("red", "rising", "*", picture_id, 1),
            keyword("blue", "falling", "*", picture_id, 2),
            keyword("red", "rising", "shop-a", picture_id, 1),
        ],
        "not_enough_evidence": [{"platform": "shop-a", "keyword": named("blue"), "reasons": ["x"]}],
        "combinations": [],
    }


def save_recogniser(store: Store, folder, version: str, seed: int = 0) -> None:
    torch.set_num_threads(1)
    cfg = AttrNetConfig(input_px=32, embedding_dim=16)
    net = networks.build(cfg, [2, 2], (60.0, 60.0, 60.0), seed)
    counts = {"colour": [5, 5, 1], "pattern": [5, 5, 1]}
    card = attrnet.make_card(TAXONOMY, net, counts, {})
    attrnet.save(folder, net, card.model_copy(update={"box_threshold": 0.0}))
    store.upload(layout.model("attrnet", version), folder, {})


def save_forecaster(store: Store, version: str) -> None:
    cfg = ForecasterConfig(context_length=14, prediction_length=3, hidden_size=4)
    torch.manual_seed(0)
    halves = IntervalCalibration((1.0,) * 3, (2.0,) * 3)
    made = forecaster.Artifact(TrendModel(cfg), cfg, halves, {"colour": ("red", "blue")}, "t", {})
    files = forecaster.dump(made)
    partition = layout.model("forecaster", version)
    for name, data in files.items():
        store.write(f"{partition}/{name}", data)
    store.commit(partition, [f"{partition}/{n}" for n in files], {})


def publish_day(store: Store, release: str, day: date, picture: bytes) -> None:
    """Keywords of a day with one sample picture; all else is as on `DAY`."""
    picture_id = images.identify(picture)
    store.write(layout.raw_image(picture_id), picture)
    partition = layout.keywords(release, day)
    files = {
        "keywords.json": json.dumps(selection(picture_id)).replace(str(DAY), str(day)).encode(),
        "forecasts.parquet": parquet_bytes(forecast_rows()),
    }
    for file, data in files.items():
        store.write(f"{partition}/{file}", data)
    facts = {"retail": layout.retail("a1", DAY, "of")}
    store.commit(partition, [f"{partition}/{f}" for f in files], facts)


def publish(store: Store, name: str, recogniser: str = "a1") -> releases.Release:
    release = releases.Release(
        name, str(DAY), "run-1", recogniser, "f1", "d1", "toy", TAXONOMY.digest, OPEN, OPEN
    )
    publish_day(store, name, DAY, draw(7))
    store.commit_tables(layout.shares(recogniser, DAY, "of"), {"shares": share_rows()}, {})
    store.commit_tables(layout.retail(recogniser, DAY, "of"), {"retail": retail_rows()}, {})
    releases.publish(store, release)
    return release


def write_run(store: Store) -> None:
    run = ledger.start(
        store, ledger.Run("2026-11-23-x", DAY, NOW.isoformat(), {}, "0.1.0", "toy", "t", None)
    )
    rounds = (evaluated(colour=part) for part in (0.8, 0.9))
    closed, opened = (gates.decide_accuracy(r, AccuracyGateConfig()) for r in rounds)
    for number, verdict in enumerate((closed, opened), 1):
        entry = ledger.Entry(
            Step.TRAIN_ATTRNET, 1, number, NOW.isoformat(), 2.0, "m", TrainAttrnetFacts(), verdict
        )
        run = ledger.record(store, run, entry)
    facts = IngestFacts(withheld=(WithheldDay("shop-a", DAY, "blocked"),))
    ledger.record(store, run, ledger.Entry(Step.INGEST, 1, 1, NOW.isoformat(), 1.0, "c", facts))


@pytest.fixture(scope="session")
def released(tmp_path_factory) -> Store:
    """A store with one release; tests that write take `store` and `publish`."""
    from fashiontrend.config import StoreConfig
    from fashiontrend.storage.object_store import open_store

    folder = tmp_path_factory.mktemp("released")
    store = open_store(StoreConfig(url=str(folder / "store")))
    save_recogniser(store, folder / "a1", "a1")
    save_forecaster(store, "f1")
    publish(store, "r1")
    write_run(store)
    return store


@pytest.fixture
def cfg() -> ServeConfig:
    return ServeConfig(batch_wait_s=0.0)


async def no_fetch(url: str) -> bytes:
    raise Problem(422, "fetch_failed", "The picture was not fetched: there is no network here.")


class Server:
    """The application, called in the same process."""

    def __init__(self, store: Store, cfg: ServeConfig, fetch=no_fetch) -> None:
        self.metrics, self.store = Metrics(), store
        self.model = served_model.load(
            store, served_model.current_release(store), cfg, on_batch=self.metrics.batches.observe
        )
        self.tables = tables.load(store, tables.find(store))
        self.forecaster = adhoc_forecast.load(store, self.tables.release)
        self.parts = {"tables": "ready", "recognise": "ready"}

        async def ready() -> dict[str, str]:
            return self.parts

        models = Versions(
            lambda: self.model,
            lambda v: served_model.load(store, versions.find_release(store, v), cfg),
            cfg.max_models,
        )
        recognition = RecognitionService(models, cfg, self.metrics, fetch, store.read)
        table_services = TableServices(
            store,
            lambda: self.tables,
            lambda: self.forecaster,
            RunHistory(store),
            CatalogueJobs(store, cfg, lambda: NOW),
            lambda: None,
        )
        guard = tokens.make_guard(cfg)
        self.admission = Admission(cfg, cfg.recogniser.max_ongoing_requests)
        self.app = create_app(
            Services(cfg, guard, self.metrics, ready, self.admission, recognition, table_services)
        )

    def __call__(self, method: str, address: str, **sent) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, address, **sent)

        return asyncio.run(ask())


@pytest.fixture
def serve(released, cfg):
    """serve(method, address, **sent) -> answer."""
    return Server(released, cfg)


@pytest.fixture
def make_server(released):
    """make_server(fetch=..., **settings) -> Server."""

    def make(fetch=no_fetch, **settings) -> Server:
        return Server(released, ServeConfig(batch_wait_s=0.0, **settings), fetch)

    return make
