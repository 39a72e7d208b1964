"""A store with 430 days of three platforms."""

import hashlib
import io
import json
import os
import shutil
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
import yaml
from PIL import Image

from fashiontrend.config import Config, ForecasterConfig, StoreConfig
from fashiontrend.crawl.memory import PAGES_SCHEMA
from fashiontrend.forecaster import artifact
from fashiontrend.forecaster.shares.model import TrendModel
from fashiontrend.forecaster.shares.predict import IntervalCalibration
from fashiontrend.outcomes import Verdict
from fashiontrend.storage import layout, releases, schemas
from fashiontrend.storage.manifest import MANIFEST
from fashiontrend.storage.object_store import open_store, parquet_bytes

PLATFORMS = ("north", "east", "south")
DAYS = 430
LAST = date(2026, 11, 22)
RECOGNISER, FORECASTER, DATASET = "attrnet-1", "forecaster-1", "datasets/first"
COLOURS = ("red", "blue")
TAXONOMY = {
    "version": "long",
    "attributes": [
        {"id": "colour", "en": "Colour", "zh": "C",
         "values": [{"id": c, "en": c, "zh": c} for c in COLOURS]}
    ],
}  # fmt: skip
PREDICTION = schemas.prediction_schema({"colour": 2})


class LongStore:
    """430 days that ended yesterday, as the loop leaves them, written straight to the disk.

    On each day each platform shows four products: one that has been there since the first day,
    and three that live for three days each; so a day has one new picture.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = open_store(StoreConfig(url=str(folder)))
        self.first = LAST - timedelta(days=DAYS - 1)
        self.products: dict[str, int] = {}  # of each picture

    def fill(self) -> None:
        for number in range(DAYS):
            for platform in PLATFORMS:
                self._add_day(number, platform)
        self._add_models()
        self._add_published()

    def day(self, number: int) -> date:
        return self.first + timedelta(days=number)

    def listings(self, number: int, platform: str) -> list[dict]:
        shown = [n for n in (0, number - 1, number, number + 1) if n >= 0]
        return [self._listing(number, platform, product) for product in dict.fromkeys(shown)]

    def new_products(self, number: int) -> list[int]:
        return [0, 1] if number == 0 else [number + 1]

    def _listing(self, number: int, platform: str, product: int) -> dict:
        image = {
            "url": f"http://{platform}/{product}.jpg",
            "picture_id": picture_id(platform, product),
            "position": 0,
        }
        colour = COLOURS[(product // 3) % 2]
        return {
            "platform": platform, "day": self.day(number), "product_id": str(product),
            "url": f"http://{platform}/{product}", "title": f"{colour} shirt {product}",
            "price": 10.0, "currency": "EUR", "gender": "women", "images": [image],
            "first_seen": self.day(max(product - 1, 0)), "source": "replay", "available": True,
        }  # fmt: skip

    def _add_day(self, number: int, platform: str) -> None:
        day, rows = self.day(number), self.listings(number, platform)
        listed = _bytes(rows, schemas.LISTING)
        self.put_raw(number, platform, listed)
        pictures = [
            {"picture_id": picture_id(platform, n), "platform": platform, "product_id": str(n),
             "day": day, "position": 0, "width": 64, "height": 64, "format": "JPEG",
             "image": picture(platform, n)}
            for n in self.new_products(number)
        ]  # fmt: skip
        health = {"products": len(rows), "pictures": len(pictures)}
        self.put(
            layout.catalogue_day(day, platform),
            {
                "listings-0": listed,
                "rejects-0": EMPTY_REJECTS,
                "pictures-00000-0-000": _bytes(pictures, schemas.PICTURE),
            },
            {"health": health, "verdict": {"passed": True, "reasons": []}, "rejected": 0},
        )
        seen = [predict(p["picture_id"], int(p["product_id"])) for p in pictures]
        files = {"predictions-0": _bytes(seen, PREDICTION)}
        self.put(layout.predictions_day(RECOGNISER, day, platform), files, {})

    def put_raw(self, number: int, platform: str, listed: bytes | None = None) -> None:
        """Commit what the crawler found on a day."""
        listed = listed or _bytes(self.listings(number, platform), schemas.LISTING)
        tables = {"listings-0": listed, "pages-0": EMPTY_PAGES, "rejects-0": EMPTY_REJECTS}
        for product in self.new_products(number):
            data = picture(platform, product)
            identity = hashlib.sha256(data).hexdigest()
            self.products[identity] = product
            self._write(layout.raw_image(identity), data)
        self.put(layout.raw_day(self.day(number), platform), tables, {"requests": 3})

    def _add_models(self) -> None:
        ids = [f"v{n}" for n in range(20)]
        labels = [{"picture_id": i, "product_key": i, "split": "val", "annotated": True,
                   "labels": [n % 2], "confidences": [1.0], "repeat": 1}
                  for n, i in enumerate(ids)]  # fmt: skip
        val = pa.Table.from_pylist(labels, schemas.EXAMPLE)
        files = {"train-0": parquet_bytes(val.slice(0, 0)), "val-0": parquet_bytes(val)}
        self.put(DATASET, files, {})
        self.put_recogniser(RECOGNISER)
        self.put_forecaster(FORECASTER)
        opened = Verdict(passed=True)
        digest = _taxonomy_digest(self.folder)
        releases.publish(
            self.store,
            releases.Release(
                "2026-11-21-first", str(LAST - timedelta(days=1)), "r0", RECOGNISER, FORECASTER, "first",
                "long", digest, opened, opened,
            ),
        )  # fmt: skip

    def predictions(self, ids: list[str]) -> pa.Table:
        """What the recogniser predicts for some pictures."""
        return pa.Table.from_pylist([predict(i, self.products[i]) for i in ids], PREDICTION)

    def put_recogniser(self, version: str) -> None:
        seen = [predict(f"v{n}", 3 * n) for n in range(20)]
        facts = {"dataset": DATASET, "priors": {"colour": [0.5, 0.5, 0.0]}, "report": {}}
        self.put(
            layout.model("attrnet", version), {"val_predictions": _bytes(seen, PREDICTION)}, facts
        )

    def put_forecaster(self, version: str) -> None:
        cfg = ForecasterConfig(context_length=14, prediction_length=14, hidden_size=4)
        torch.manual_seed(0)
        halves = IntervalCalibration((1.0,) * 14, (2.0,) * 14)
        made = artifact.Artifact(TrendModel(cfg), cfg, halves, {"colour": COLOURS}, "t", {})
        files = artifact.dump(made)
        for name, data in files.items():
            self._write(f"{layout.model('forecaster', version)}/{name}", data)
        self._commit(layout.model("forecaster", version), list(files), {})

    def _add_published(self) -> None:
        """The scorecard and the keywords of every day but the first ones."""
        for number in range(100, DAYS):
            day = self.day(number)
            partition = layout.keywords("2026-11-21-first", day)
            self._write(f"{partition}/keywords.json", json.dumps({"keywords": []}).encode())
            self._commit(partition, ["keywords.json"], {"horizon_days": 14})
            due = [layout.keywords("2026-11-21-first", self.day(number - 14))]
            facts = {"summary": {"new": 0}, "complete": due if number >= 114 else []}
            self.put(layout.scorecard(day), {"scores-0": EMPTY_SCORES}, facts)

    def put(self, partition: str, files: dict[str, bytes], facts: dict) -> None:
        for name, data in files.items():
            self._write(f"{partition}/{name}.parquet", data)
        self._commit(partition, [f"{name}.parquet" for name in files], facts)

    def _commit(self, partition: str, files: list[str], facts: dict) -> None:
        body = json.dumps({"files": files, "facts": facts}).encode()
        self._write(f"{partition}/{MANIFEST}", body)

    def _write(self, key: str, data: bytes) -> None:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _bytes(rows: list[dict], schema: pa.Schema) -> bytes:
    return parquet_bytes(pa.Table.from_pylist(rows, schema))


EMPTY_REJECTS = _bytes([], schemas.REJECT)
EMPTY_PAGES = _bytes([], PAGES_SCHEMA)
EMPTY_SCORES = _bytes([], schemas.SCORE)


@cache
def picture(platform: str, product: int) -> bytes:
    """A JPEG of its own for each product."""
    seed = PLATFORMS.index(platform) * 10_000 + product
    noise = np.random.default_rng(seed).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG")
    return out.getvalue()


@cache
def picture_id(platform: str, product: int) -> str:
    return hashlib.sha256(picture(platform, product)).hexdigest()


def predict(identity: str, product: int) -> dict:
    """A prediction that is sure of the colour that the title names."""
    red = 0.9 if (product // 3) % 2 == 0 else 0.1
    return {
        "picture_id": identity,
        "box": [0.0, 0.0, 1.0, 1.0],
        "box_score": 1.0,
        "probs_colour": [red, 1.0 - red, 0.0],
    }


def _taxonomy_digest(folder: Path) -> str:
    from fashiontrend import taxonomy

    return taxonomy.load(_taxonomy_file(folder)).digest


def _taxonomy_file(folder: Path) -> Path:
    file = folder.parent / "taxonomy.yaml"
    file.write_text(yaml.safe_dump(TAXONOMY), "utf-8")
    return file


@pytest.fixture(scope="session")
def filled(tmp_path_factory) -> LongStore:
    """The store as a version without roll-ups leaves it; tests get links to its files."""
    found = LongStore(tmp_path_factory.mktemp("long") / "store")
    found.fill()
    return found


@pytest.fixture
def old_store(filled, tmp_path) -> LongStore:
    """430 days that ended yesterday, without roll-ups."""
    folder = tmp_path / "store"
    # Committed files are never written to, so links to them are as good as copies.
    shutil.copytree(filled.folder, folder, copy_function=os.link)
    found = LongStore(folder)
    found.products = dict(filled.products)
    return found


@pytest.fixture
def long_config(old_store) -> Config:
    """A run over all the days of the long store."""
    return Config.model_validate(
        {
            "store": {"url": str(old_store.folder)},
            "taxonomy": str(_taxonomy_file(old_store.folder)),
            "loop": {"history_days": DAYS},
            "crawl": {
                "platforms": [
                    {"name": "north", "kind": "shopify", "base_url": "http://north"},
                    {"name": "east", "kind": "shopify", "base_url": "http://east"},
                    {"name": "south", "kind": "shopify", "base_url": "http://south/{day}"},
                ]
            },
            "series": {"bootstrap": 2},
            "forecaster": {"context_length": 14, "prediction_length": 14, "hidden_size": 4},
        }
    )
