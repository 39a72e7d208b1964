"""Make a store with a labelled dataset of drawn pictures, and the context of a training step."""

from pathlib import Path

from bench.examples import DAY, labelled
from fashiontrend import taxonomy
from fashiontrend.config import Config
from fashiontrend.demo import curves
from fashiontrend.loop import Move, Step
from fashiontrend.pipeline.catalogue import Catalogue
from fashiontrend.pipeline.context import Context
from fashiontrend.storage import ledger
from fashiontrend.storage.object_store import open_store
from ray_jobs.train_attrnet import AttrNetTraining

DATASET = "datasets/bench"
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
        parts = {"train" if times == 1 else f"train-{turn:03d}": train for turn in range(times)}
        val = table.slice(pictures) if unseen else table.slice(0, VAL_ROWS)
        store.commit_tables(name(times), {**parts, "val": val}, {})
    run = ledger.Run("bench", DAY, "", config.model_dump(mode="json"), "", "", "", None)
    catalogue = Catalogue.of_run(store, config, DAY)
    return Context(config, catalogue, demo_taxonomy, run, Move(Step.TRAIN_ATTRNET, 1, 1))


def name(times: int = 1) -> str:
    """Return the name of the dataset with each picture repeated a given number of times."""
    return DATASET if times == 1 else f"{DATASET}-{times}"


def settings(context: Context, dataset: str, pictures: int, epochs: int) -> AttrNetTraining:
    """Settings for the workers of a training over so many pictures of a partition."""
    cfg = context.config.attrnet
    priors = {a: [1.0] * (n + 1) for a, n in context.taxonomy.num_values.items()}
    return AttrNetTraining(
        context.store, dataset, context.taxonomy, cfg, epochs, pictures // cfg.batch_size,
        seed=0, priors=priors,
    )  # fmt: skip


def train_files(context: Context, times: int = 1) -> list[str]:
    """Return the keys of the dataset's training files."""
    manifest = context.store.manifest(name(times))
    return [f for f in (manifest.files if manifest else ()) if "/train" in f]
