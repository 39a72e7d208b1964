"""A small simulated world with known truth: products that live 20 days, curves, a noisy recogniser."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from fashiontrend import taxonomy
from fashiontrend.series import Validation
from fashiontrend.storage import schemas

START = date(2026, 1, 1)
PLATFORMS = {"shop-a": 0, "shop-b": 7, "shop-c": 12}  # lag behind the leader, in days
VALUES = {"neckline": 4, "pattern": 5, "colour": 6, "sleeve": 3}
SEPARATION = 2.9  # about 93 % right under a balanced prior
LIFE, NEW_A_DAY = 20, 8


@dataclass(frozen=True)
class World:
    taxonomy: taxonomy.Taxonomy
    listings: pd.DataFrame
    predictions: pa.Table
    validation: Validation
    truth: pd.DataFrame  # platform, product_id and the index of each attribute's value


def make_taxonomy():
    attributes = [
        {
            "id": a,
            "en": a,
            "zh": a,
            "values": [{"id": f"{a}_{i}", "en": f"{a} {i}", "zh": f"{a}{i}"} for i in range(k)],
        }
        for a, k in VALUES.items()
    ]
    return taxonomy.Taxonomy.model_validate({"version": "test", "attributes": attributes})


def chance(attribute: str, t: float, strength: float = 1.0) -> np.ndarray:
    """Chances of the values among products that are new on day t."""
    k = VALUES[attribute]
    logits = -0.45 * np.arange(k, dtype=float)
    if attribute == "neckline":
        logits[2] += strength * (0.035 * t - 1.2)  # rising
    if attribute == "pattern":
        logits[1] -= strength * (0.035 * t - 1.8)  # falling
    if attribute == "colour":
        logits[1] += strength * 0.9 * np.sin(2 * np.pi * t / 60)  # seasonal
    return np.exp(logits) / np.exp(logits).sum()


def recognise(
    rng, truth: np.ndarray, k: int, skill: float = SEPARATION, hidden: float = 0.08
) -> np.ndarray:
    """(n, k + 1) calibrated probabilities under a balanced prior; the last is "not visible"."""
    x = rng.normal(size=(len(truth), k))
    x[np.arange(len(truth)), truth] += skill
    probs = np.exp(skill * x - (skill * x).max(axis=1, keepdims=True))
    unseen = np.where(rng.random(len(truth)) < hidden, 0.95, 0.03)[:, None]
    return np.hstack([probs / probs.sum(axis=1, keepdims=True) * (1 - unseen), unseen])


def simulate_world(seed: int, days: int = 90, skill: float = SEPARATION) -> World:
    rng = np.random.default_rng(seed)
    tax = make_taxonomy()
    products = []
    for platform, lag in PLATFORMS.items():
        for born in range(-LIFE, days):
            for i in range(NEW_A_DAY):
                values = {a: rng.choice(k, p=chance(a, born - lag)) for a, k in VALUES.items()}
                products.append(
                    {
                        "platform": platform,
                        "product_id": f"p{born + LIFE:03d}-{i}",
                        "born": born,
                        **values,
                    }
                )
    truth = pd.DataFrame(products)
    truth["picture_id"] = truth["platform"] + truth["product_id"]
    rows = [
        (
            r.platform,
            START + timedelta(days=d),
            r.product_id,
            r.picture_id,
            START + timedelta(days=max(r.born, 0)),
        )
        for r in truth.itertuples()
        for d in range(max(r.born, 0), min(r.born + LIFE, days))
    ]
    listings = pd.DataFrame(
        rows, columns=["platform", "day", "product_id", "picture_id", "first_seen"]
    )
    probs = {a: recognise(rng, truth[a].to_numpy(), k, skill) for a, k in VALUES.items()}
    sample = truth.sample(300, random_state=seed)
    shown = {
        a: recognise(rng, sample[a].to_numpy(), k, skill, 0.0)[:, :-1] for a, k in VALUES.items()
    }
    validation = Validation(
        {a: p / p.sum(axis=1, keepdims=True) for a, p in shown.items()},
        {a: sample[a].to_numpy() for a in VALUES},
        {a: np.full(k, 1 / k) for a, k in VALUES.items()},
    )
    return World(tax, listings, predictions_table(truth["picture_id"], probs), validation, truth)


def predictions_table(picture_ids, probs) -> pa.Table:
    schema = schemas.prediction_schema({a: p.shape[1] - 1 for a, p in probs.items()})
    columns = {"picture_id": list(picture_ids)}
    columns["box"] = [[0.1, 0.1, 0.9, 0.9]] * len(picture_ids)
    columns["box_score"] = np.ones(len(picture_ids), dtype=np.float32)
    for a, p in probs.items():
        columns[f"probs_{a}"] = [row.tolist() for row in p]
    return pa.table(columns, schema=schema)


def true_shares(
    world: World, platform: str, attribute: str, day: int, window: int = 7
) -> np.ndarray:
    """Shares among the products that were live in the window."""
    t = world.truth[world.truth["platform"] == platform]
    live = (t["born"] <= day) & (t["born"] + LIFE > max(day - window + 1, 0))
    return np.bincount(t[attribute][live], minlength=VALUES[attribute]) / live.sum()


@pytest.fixture(scope="session")
def simulate():
    return simulate_world


@pytest.fixture(scope="session")
def truth_of():
    return true_shares


@pytest.fixture(scope="session")
def table_of():
    return predictions_table
