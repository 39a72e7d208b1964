"""Measure the cost of killing a worker of a Ray Train training.

Two DDP workers train on drawn pictures, once undisturbed and once with a killed worker. It prints
one JSON document with the epochs that were run twice, and the mean validation accuracy of both.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from ray import cloudpickle

from bench import drawn
from fashiontrend.config import AttrNetConfig, Config, RayConfig
from fashiontrend.pipeline.context import Context
from fashiontrend.storage.manifest import Manifest
from ray_jobs import train_attrnet, training
from ray_jobs.runtime import disconnect
from ray_jobs.train_attrnet import AttrNetTraining

#: Small pictures and batches: epochs of a second.
CONFIG = Config(
    attrnet=AttrNetConfig(batch_size=32, input_px=48),
    ray=RayConfig(num_cpus=2, train_workers=2, cpus_per_worker=0.5),
)


class MortalTraining(NamedTuple):
    """Settings of the real worker, the file that lists finished epochs, and the epoch of the kill, if any."""

    training: AttrNetTraining
    log: Path
    killed: str


def mortal(settings: MortalTraining) -> None:
    """The real worker; notes each finished epoch, and dies once, with an epoch done but not kept.

    Ray's controller polls the workers every two seconds. Of epochs that end faster, two may be lost at
    once, so the worker dies only when the controller knows the epoch before.
    """
    import os
    import signal

    import ray.train

    from ray_jobs import train_attrnet, training

    report, grave = training.report, Path(f"{settings.log}.dead")

    def noted(metrics: dict[str, Any], name: str, save: Any) -> None:
        if ray.train.get_context().get_world_rank() == 0:
            with settings.log.open("a") as file:
                file.write(f"{name}\n")
            if name == settings.killed and not grave.exists():
                grave.touch()
                ray.train.get_all_reported_checkpoints()  # returns when the controller has them
                os.kill(os.getpid(), signal.SIGKILL)
        report(metrics, name, save)

    training.report = noted
    train_attrnet.worker(settings.training)


def train(
    context: Context, pictures: int, epochs: int, log: Path, killed: str = ""
) -> tuple[Manifest, Counter[str]]:
    """Run one training, and return how often each epoch was finished."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers need no bench
    settings = drawn.settings(context, drawn.DATASET, pictures, epochs)
    manifest = training.train_once(
        context.config, context.store, "attrnet", log.name, mortal,
        MortalTraining(settings, log, killed), epochs=epochs,
        datasets=lambda: {"train": train_attrnet.compressed_examples(context, drawn.DATASET)},
        shares=train_attrnet.WholeBlocks(),
    )  # fmt: skip
    return manifest, Counter(log.read_text().split())


def main() -> None:
    """Train twice and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=2048)
    parser.add_argument("--val", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        context = drawn.fill(Path(name), options.pictures, CONFIG, unseen=options.val)
        found: dict[str, Any] = {}
        for kind, killed in (("alone", ""), ("killed", f"epoch-{options.epochs // 2:03d}")):
            manifest, epochs = train(
                context, options.pictures, options.epochs, Path(name) / kind, killed
            )
            found[kind] = {
                "mean_accuracy": round(manifest.facts["report"]["mean_accuracy"], 4),
                "finished_twice": [e for e, n in epochs.items() if n > 1],
            }
        disconnect()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
