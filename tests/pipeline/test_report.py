"""What the report of a run gathers from the store. Needs no Ray."""

import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from fashiontrend.attrnet.inference.predict import to_table
from fashiontrend.config import StoreConfig
from fashiontrend.pipeline.report import HARDEST, hardest_pictures
from fashiontrend.storage import layout, schemas
from fashiontrend.storage.object_store import open_store, parquet_bytes
from fashiontrend.taxonomy import Attribute, Taxonomy, Value

WORDS = Taxonomy(
    version="t",
    attributes=(
        Attribute(
            id="colour", en="Colour", zh="颜色",
            values=(Value(id="red", en="red", zh="红"), Value(id="blue", en="blue", zh="蓝")),
        ),
    ),
)  # fmt: skip
PICTURES = 30


def draw(shade):
    sink = io.BytesIO()
    Image.new("RGB", (20, 30), (shade, 0, 0)).save(sink, "PNG")
    return sink.getvalue()


@pytest.fixture
def store(tmp_path):
    """A dataset whose pictures are red or blue by turns, and a model that says red to all."""
    store = open_store(StoreConfig(url=str(tmp_path)))
    rows = [
        {
            "picture_id": f"p{n}", "product_key": f"p{n}", "split": "val", "annotated": True,
            "labels": [n % 2], "confidences": [1.0], "box": None, "repeat": 1, "image": draw(n),
        }
        for n in range(PICTURES)
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, schemas.EXAMPLE)
    store.commit_tables(layout.dataset("d"), {"val": table}, {})
    return store


def predict(store, order=range(PICTURES)):
    red = np.array([0.5 + n / 100 for n in order])
    predictions = {
        "picture_id": np.array([f"p{n}" for n in order], dtype=object),
        "box": np.tile(np.float32([0.1, 0.1, 0.9, 0.9]), (PICTURES, 1)),
        "box_score": np.ones(PICTURES, np.float32),
        "probs_colour": np.stack([red, 1 - red, 0 * red], 1).astype(np.float32),
    }
    partition = layout.model("attrnet", "a")
    store.write(
        f"{partition}/{layout.VAL_ANSWERS}", parquet_bytes(to_table(predictions, WORDS.num_values))
    )
    store.commit(partition, [f"{partition}/{layout.VAL_ANSWERS}"], {"dataset": layout.dataset("d")})
    return partition


def test_the_most_confident_mistakes_come_with_their_own_pictures(store):
    shown = hardest_pictures(store, predict(store, list(reversed(range(PICTURES)))), WORDS)
    assert [e.picture_id for e in shown] == ["p29", "p27"]  # at most two of a mix-up
    assert len(shown) <= HARDEST
    assert shown[0].image == draw(29)
    assert shown[0].mistake.labelled == 1
    assert shown[0].box == pytest.approx((0.1, 0.1, 0.9, 0.9))


def test_a_run_without_a_model_or_a_model_without_its_predictions_shows_none(store):
    assert hardest_pictures(store, None, WORDS) == []
    store.write("models/attrnet/old/card.json", b"{}")
    store.commit("models/attrnet/old", ["models/attrnet/old/card.json"], {})
    assert hardest_pictures(store, "models/attrnet/old", WORDS) == []


def test_predictions_of_another_taxonomy_are_not_shown(store):
    other = WORDS.attributes[0].model_copy(update={"id": "shade"})
    assert hardest_pictures(store, predict(store), Taxonomy(version="t", attributes=(other,))) == []
