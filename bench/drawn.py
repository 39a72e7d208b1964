"""Make a store with a labelled dataset of drawn pictures, and the context of a training step."""

from pathlib import Path
from typing import Any

from bench.examples import DAY, labelled
from fashiontrend import taxonomy
from fashiontrend.config import Config
from fashiontrend.demo import curves
from fashiontrend.loop import Move, Step
from fashiontrend.pipeline.catalogue import Catalogue
from fashiontrend.pipeline.context import Context
from fashiontrend.storage import ledger
from fashiontrend.storage.object_store import open_store

DATASET = "datasets/bench"
#: Rows of a file: several files, so that Ray Data has something to hand out.
FILE_ROWS = 512
VAL_ROWS = 64
#: Ray's workers run at this niceness; plain processes too, so that other work hurts both alike.
RAY_NICENESS = 15


def fill(folder: Path, pictures: int, config: Config, times: int = 1, unseen: int = 0) -> Context:
    """Commit the dataset if it is missing, and return the context of a training step over it.

    Args:
        folder: holds the store.
        pictures: to draw.
        config: of the step.
        times: each drawn picture stands in the dataset so often; see `name`.
        unseen: further pictures to validate with; if none, some of the training pictures.
    """
    store = open_store(config.store.model_copy(update={"url": str(folder / "store")}))
    demo_taxonomy = curves.restrict(taxonomy.load())
    if store.manifest(name(times)) is None:
        drawn = store.manifest(DATASET) is not None
        table = (
            store.read_partition(DATASET, "train")
            if drawn
            else labelled(pictures + unseen, demo_taxonomy)
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
    catalogue = Catalogue.of_run(store, config, DAY)
    return Context(config, catalogue, demo_taxonomy, run, Move(Step.TRAIN_ATTRNET, 1, 1))


def name(times: int = 1) -> str:
    """Return the name of the dataset with each picture repeated a given number of times."""
    return DATASET if times == 1 else f"{DATASET}-{times}"


def settings(
    context: Context, dataset: str, pictures: int, epochs: int, log: Path
) -> dict[str, Any]:
    """Return the configuration of a training's workers, which log their epochs to `log`."""
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


def train_files(context: Context, times: int = 1) -> list[str]:
    """Return the keys of the dataset's training files."""
    manifest = context.store.manifest(name(times))
    return [f for f in (manifest.files if manifest else ()) if "/train" in f]
