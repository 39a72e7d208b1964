"""A store with drawn pictures as a labelled dataset, and the context that a training step gets."""

from datetime import date
from pathlib import Path

import pyarrow as pa

from fashiontrend import ledger, records, taxonomy
from fashiontrend.config import Config
from fashiontrend.demo import curves
from fashiontrend.demo.world import World
from fashiontrend.loop import Move, Step
from fashiontrend.store import open_store
from fashiontrend.taxonomy import Taxonomy
from ray_jobs.runtime import Context

DATASET = "datasets/bench"
DAY = date(2026, 11, 23)
#: Rows of a file: several files, so that Ray Data has something to hand out.
FILE_ROWS = 512
VAL_ROWS = 64


def labelled(pictures: int) -> tuple[pa.Table, Taxonomy]:
    """Rows of the EXAMPLE schema, drawn by the demo's garments; always the same."""
    words = curves.restrict(taxonomy.load())
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
    return pa.Table.from_pylist(rows, schema=records.EXAMPLE), words


def fill(folder: Path, pictures: int, config: Config) -> Context:
    """Commit the dataset, once, and return the context of a training step over it."""
    store = open_store(config.store.model_copy(update={"url": str(folder / "store")}))
    table, words = labelled(pictures)
    if store.manifest(DATASET) is None:
        parts = {
            f"train-{n:03d}": table.slice(start, FILE_ROWS)
            for n, start in enumerate(range(0, table.num_rows, FILE_ROWS))
        }
        store.commit_tables(DATASET, {**parts, "val": table.slice(0, VAL_ROWS)}, {})
    run = ledger.Run("bench", DAY, "", config.model_dump(mode="json"), "", "", "", None)
    return Context(config, store, words, run, Move(Step.TRAIN_ATTRNET, 1, 1))
