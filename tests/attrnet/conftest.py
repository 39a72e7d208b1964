"""Toy pictures: a bright rectangle (red or blue, plain or striped) on dim noise."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from fashiontrend.attrnet.network import model
from fashiontrend.attrnet.training import dataset
from fashiontrend.attrnet.training.batches import Batch
from fashiontrend.config import AttrNetConfig
from fashiontrend.taxonomy import Taxonomy

COLOURS = ((220, 40, 40), (40, 60, 220))


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def taxonomy() -> Taxonomy:
    def named(name):
        return {"id": name, "en": name, "zh": name}

    def attribute(name, *values):
        return {**named(name), "values": [named(v) for v in values]}

    return Taxonomy.model_validate(
        {
            "version": "toy",
            "attributes": [
                attribute("colour", "red", "blue"),
                attribute("pattern", "plain", "stripe"),
            ],
        }
    )


@pytest.fixture
def cfg() -> AttrNetConfig:
    return AttrNetConfig(input_px=32, embedding_dim=64, batch_size=8, learning_rate=1e-3)


@pytest.fixture
def draw_rows():
    """draw_rows(count, seed, side=32) -> what decode_rows returns, with true boxes."""
    return _draw_rows


@pytest.fixture
def draw_batch():
    """draw_batch(count, seed, side=32) -> a Batch."""
    return lambda *args, **kwargs: dataset.to_batch(_draw_rows(*args, **kwargs))


@pytest.fixture
def build_net(cfg):
    """build_net(num_values=(2, 2), seed=0, **settings) -> AttrNet."""

    def build(num_values=(2, 2), seed=0, **settings):
        return model.build(cfg.model_copy(update=settings), num_values, (60.0, 60.0, 60.0), seed)

    return build


@pytest.fixture
def encode():
    """encode(pixels (3, S, S)) -> PNG bytes."""
    return _encode


@pytest.fixture
def without_boxes():
    return lambda batch: batch._replace(box=torch.full_like(batch.box, torch.nan))


@pytest.fixture
def without_labels():
    def strip(batch: Batch) -> Batch:
        return batch._replace(
            labels=torch.full_like(batch.labels, -1), weights=torch.zeros_like(batch.weights)
        )

    return strip


def _draw_rows(count: int, seed: int, side: int = 32) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 70, (count, 3, side, side)).astype(np.uint8)
    labels = rng.integers(0, 2, (count, 2))
    box = np.zeros((count, 4), np.float32)
    for n in range(count):
        w, h = rng.integers(side * 3 // 8, side * 3 // 4, 2)
        x, y = rng.integers(0, side - w + 1), rng.integers(0, side - h + 1)
        image[n, :, y : y + h, x : x + w] = np.array(COLOURS[labels[n, 0]])[:, None, None]
        if labels[n, 1]:
            image[n, :, y : y + h : 4, x : x + w] = 240
        box[n] = np.array([x, y, x + w, y + h]) / side
    return {
        "image": image,
        "labels": labels,
        "weights": np.ones((count, 2), np.float32),
        "box": box,
    }


def _encode(pixels: np.ndarray) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(sink, "PNG")
    return sink.getvalue()
