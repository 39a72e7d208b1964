"""Drawn pictures as labelled rows and as a PyTorch dataset, and an untrained recogniser."""

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


def labelled(pictures: int, taxonomy: Taxonomy) -> pa.Table:
    """Return EXAMPLE rows with garments that the demo draws, always the same."""
    world = World(0, DAY)
    rows = []
    for number in range(pictures):
        product = world.products[number % len(world.products)]
        drawing = world.draw(product)
        indices = [
            a.not_visible if product.values[a.id] == "not_visible"
            else a.value_ids.index(product.values[a.id])
            for a in taxonomy.attributes
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


def save_untrained(folder: Path, cfg: AttrNetConfig, taxonomy: Taxonomy) -> None:
    """Write a recogniser with random weights, always the same."""
    net = model.build(cfg, list(taxonomy.num_values.values()), (128.0,) * 3, 0).eval()
    counts = {a: np.ones(n + 1) for a, n in taxonomy.num_values.items()}
    card = artifact.make_card(taxonomy, net, counts, dict.fromkeys(counts, 1.0))
    artifact.save(folder, net, card)


class Decoded(torch.utils.data.Dataset[Any]):
    """EXAMPLE rows that a DataLoader decodes; rows repeat up to `count`."""

    def __init__(self, table: pa.Table, cfg: AttrNetConfig, count: int | None = None) -> None:
        self.table, self.cfg = table, cfg
        self.count = table.num_rows if count is None else count

    def __len__(self) -> int:
        """Return the number of pictures of an epoch."""
        return self.count

    def __getitems__(self, rows: list[int]) -> Any:
        """Return a batch as `dataset.decode_rows` does."""
        taken = [row % self.table.num_rows for row in rows]
        return dataset.decode_rows(self.table.take(taken), self.cfg)
