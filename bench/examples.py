"""Drawn pictures as labelled rows, and decoded for a DataLoader, and an untrained recogniser; neither a store nor Ray."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from fashiontrend.attrnet.inference import artifact
from fashiontrend.attrnet.network import model
from fashiontrend.attrnet.training import dataset
from fashiontrend.config import AttrNetConfig
from fashiontrend.demo.world import World
from fashiontrend.storage import schemas
from fashiontrend.taxonomy import Taxonomy

DAY = date(2026, 11, 23)


def labelled(pictures: int, words: Taxonomy) -> pa.Table:
    """Rows of the EXAMPLE schema, drawn by the demo's garments; always the same."""
    world = World(0, DAY)
    rows = []
    for number in range(pictures):
        product = world.products[number % len(world.products)]
        drawing = world.draw(product)
        indices = [
            a.not_visible if product.values[a.id] == "not_visible"
            else a.value_ids.index(product.values[a.id])
            for a in words.attributes
        ]  # fmt: skip
        rows.append(
            {
                "picture_id": f"picture-{number}",
                "product_key": f"product-{number}",
                "split": "train",
                "annotated": True,
                "labels": indices,
                "confidences": [1.0] * len(indices),
                "box": list(drawing.box),
                "repeat": 1,
                "image": drawing.image,
            }
        )
    return pa.Table.from_pylist(rows, schema=schemas.EXAMPLE)


def save_untrained(folder: Path, cfg: AttrNetConfig, words: Taxonomy) -> None:
    """Write a recogniser with random weights, always the same."""
    net = model.build(cfg, list(words.num_values.values()), (128.0,) * 3, 0).eval()
    counts = {a: np.ones(n + 1) for a, n in words.num_values.items()}
    card = artifact.make_card(words, net, counts, dict.fromkeys(counts, 1.0))
    artifact.save(folder, net, card)


class Decoded(torch.utils.data.Dataset[Any]):
    """Rows of the EXAMPLE schema, decoded when a DataLoader asks; `count` of them by going round."""

    def __init__(self, table: pa.Table, cfg: AttrNetConfig, count: int | None = None) -> None:
        self.table, self.cfg = table, cfg
        self.count = table.num_rows if count is None else count

    def __len__(self) -> int:
        """Pictures of an epoch."""
        return self.count

    def __getitems__(self, rows: list[int]) -> Any:
        """A batch as `dataset.decode_rows` returns it."""
        taken = [row % self.table.num_rows for row in rows]
        return dataset.decode_rows(self.table.take(taken), self.cfg)
