"""A training through Ray Train whose worker is killed, beside the same one left alone: what the kill cost.

Two DDP workers, drawn pictures. Prints one JSON document: epochs that were finished twice, and the mean
accuracy on the validation pictures of both.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ray import cloudpickle

from bench import drawn
from fashiontrend import ledger, taxonomy
from fashiontrend.config import Config
from fashiontrend.demo import curves
from fashiontrend.loop import Move, Step
from fashiontrend.store import Manifest, open_store
from ray_jobs import train_attrnet, training
from ray_jobs.runtime import Context, disconnect

DATASET = "datasets/resume"


@dataclass(frozen=True)
class World:
    """A dataset in a store, and how it is trained."""

    context: Context
    train: int
    val: int
    epochs: int


def build(folder: Path, train: int, val: int, epochs: int, input_px: int = 48) -> World:
    """Draw the pictures and commit them."""
    config = Config.model_validate(
        {
            "store": {"url": str(folder / "store")},
            "attrnet": {"batch_size": 32, "input_px": input_px},
            "ray": {"num_cpus": 2, "train_workers": 2, "cpus_per_worker": 0.5},
        }
    )
    words, store = curves.restrict(taxonomy.load()), open_store(config.store)
    table = drawn.labelled(train + val, words)
    parts = {"train": table.slice(0, train), "val": table.slice(train)}
    store.commit_tables(DATASET, parts, {})
    run = ledger.Run("r", date(2026, 11, 23), "", config.model_dump(mode="json"), "", "", "", None)
    context = Context(config, store, words, run, Move(Step.TRAIN_ATTRNET, 1, 1))
    return World(context, train, val, epochs)


def mortal(settings: dict[str, Any]) -> None:
    """The real worker; notes each finished epoch, and dies once, with an epoch done but not kept.

    Ray's controller asks the workers every two seconds what they have reported. Epochs that end
    faster may be lost two at a time, so the worker dies when the one before is known there.
    """
    import os
    import signal

    import ray.train

    from ray_jobs import train_attrnet, training

    report, grave = training.report, Path(settings["log"] + ".dead")

    def noted(metrics: dict[str, Any], name: str, save: Any) -> None:
        if ray.train.get_context().get_world_rank() == 0:
            with Path(settings["log"]).open("a") as file:
                file.write(f"{name}\n")
            if name == settings["killed"] and not grave.exists():
                grave.touch()
                ray.train.get_all_reported_checkpoints()  # returns when the controller has them
                os.kill(os.getpid(), signal.SIGKILL)
        report(metrics, name, save)

    training.report = noted
    train_attrnet.worker(settings)


def train(world: World, log: Path, killed: str = "") -> tuple[Manifest, Counter[str]]:
    """One training under the name of its log, and how often each epoch was finished."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers need no bench
    context = world.context
    manifest = training.train_once(
        context.config, context.store, "attrnet", log.name, mortal,
        {
            "attrnet": context.config.attrnet.model_dump(), "epochs": world.epochs, "seed": 0,
            "steps_per_epoch": world.train // context.config.attrnet.batch_size,
            "dataset": DATASET, "taxonomy": context.taxonomy.model_dump(mode="json"),
            "priors": {a: [1.0] * (n + 1) for a, n in context.taxonomy.num_values.items()},
            "log": str(log), "killed": killed,
        },
        lambda: {"train": train_attrnet.stream(context, DATASET, world.epochs)},
    )  # fmt: skip
    return manifest, Counter(log.read_text().split())


def main() -> None:
    """Train twice, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=2048)
    parser.add_argument("--val", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=8)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        world = build(Path(name), told.pictures, told.val, told.epochs)
        found: dict[str, Any] = {}
        for kind, killed in (("alone", ""), ("killed", f"epoch-{told.epochs // 2:03d}")):
            manifest, epochs = train(world, Path(name) / kind, killed)
            found[kind] = {
                "mean_accuracy": round(manifest.facts["report"]["mean_accuracy"], 4),
                "finished_twice": [e for e, n in epochs.items() if n > 1],
            }
        disconnect()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
