"""A store with drawn pictures as a labelled dataset, and the context that a training step gets."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import torch

from fashiontrend import ledger, records, taxonomy
from fashiontrend.attrnet import dataset
from fashiontrend.config import AttrNetConfig, Config
from fashiontrend.demo import curves
from fashiontrend.demo.world import World
from fashiontrend.loop import Move, Step
from fashiontrend.store import open_store
from fashiontrend.taxonomy import Taxonomy

if TYPE_CHECKING:  # a machine that only measures a device has no Ray
    from ray_jobs.runtime import Context

DATASET = "datasets/bench"
DAY = date(2026, 11, 23)
#: Rows of a file: several files, so that Ray Data has something to hand out.
FILE_ROWS = 512
VAL_ROWS = 64
#: Ray's workers run at this niceness; plain processes too, so that other work hurts both alike.
RAY_NICENESS = 15


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
    return pa.Table.from_pylist(rows, schema=records.EXAMPLE)


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


def fill(folder: Path, pictures: int, config: Config, times: int = 1, unseen: int = 0) -> "Context":
    """Commit the dataset, once, and return the context of a training step over it.

    Args:
        folder: holds the store.
        pictures: to draw.
        config: of the step.
        times: each drawn picture stands in the dataset so often; see `name`.
        unseen: further pictures to validate with; if none, some of the training pictures.
    """
    from ray_jobs.runtime import Context

    store = open_store(config.store.model_copy(update={"url": str(folder / "store")}))
    words = curves.restrict(taxonomy.load())
    if store.manifest(name(times)) is None:
        drawn = store.manifest(DATASET) is not None
        table = (
            store.read_partition(DATASET, "train") if drawn else labelled(pictures + unseen, words)
        )
        train = table.slice(0, pictures)
        parts = {
            f"train-{turn:03d}-{n:03d}": train.slice(start, FILE_ROWS)
            for turn in range(times)
            for n, start in enumerate(range(0, train.num_rows, FILE_ROWS))
        }
        val = table.slice(pictures) if unseen else table.slice(0, VAL_ROWS)
        store.commit_tables(name(times), {**parts, "val": val}, {})
    run = ledger.Run("bench", DAY, "", config.model_dump(mode="json"), "", "", "", None)
    return Context(config, store, words, run, Move(Step.TRAIN_ATTRNET, 1, 1))


def name(times: int = 1) -> str:
    """The dataset in which each picture stands so often."""
    return DATASET if times == 1 else f"{DATASET}-{times}"


def settings(
    context: "Context", dataset: str, pictures: int, epochs: int, log: Path
) -> dict[str, Any]:
    """What the workers of a training over so many pictures are told; `log` is where they note epochs."""
    cfg = context.config.attrnet
    return {
        "attrnet": cfg.model_dump(),
        "epochs": epochs,
        "seed": 0,
        "steps_per_epoch": pictures // cfg.batch_size,
        "dataset": dataset,
        "taxonomy": context.taxonomy.model_dump(mode="json"),
        "priors": {a: [1.0] * (n + 1) for a, n in context.taxonomy.num_values.items()},
        "log": str(log),
    }


def train_files(context: "Context", times: int = 1) -> list[str]:
    """Keys of the dataset's training files."""
    manifest = context.store.manifest(name(times))
    return [f for f in (manifest.files if manifest else ()) if "/train" in f]
