"""Compare AttrNet's training in the loop (Ray Train, Ray Data, DDP) with as many bare processes.

Both sides train the recipe that comes with the package, on the file that `label` writes. The bare
processes do what `fit-attrnet` does: each decodes its part of the pictures once, and trains on it
without a word to the others. The first epoch is not counted. Sides alternate, and the ratio is that of the
medians. Ray is started once, as on a cluster; each training has new worker processes. Besides
pictures per second it reports the core-seconds of the training processes, and those that the rest
of Ray's processes took meanwhile.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import torch

from bench import drawn
from fashiontrend import standalone, taxonomy
from fashiontrend.config import AttrNetConfig, Config, RayConfig
from fashiontrend.demo import curves
from ray_jobs.runtime import connect, disconnect
from ray_jobs.train_attrnet import AttrNetTraining

#: Processes of each side.
WORKERS = 2


def recipe() -> AttrNetConfig:
    """Return the recipe that comes with the package, for drawn pictures, which have no titles."""
    attributes = curves.restrict(taxonomy.load()).ids
    return standalone.recipe(attributes).model_copy(update={"words": 0})


def config(workers: int) -> Config:
    """Return the configuration of a training: the recipe, and the resources of Ray as they come."""
    return Config(attrnet=recipe(), ray=RayConfig(train_workers=workers))


class Mark(NamedTuple):
    """The end of an epoch: its time, and the core-seconds until then.

    Attributes:
        time: in seconds since 1970.
        core_seconds: of the training processes.
        others: core-seconds of Ray's other processes; 0 for the bare side.
    """

    time: float
    core_seconds: float
    others: float = 0.0


def mark() -> Mark:
    """Return the current mark of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Mark(time.time(), used.ru_utime + used.ru_stime)


def bare(folder: Path, pictures: int, epochs: int, workers: int) -> list[Mark]:
    """Run plain loops side by side, each over its part of the pictures, and return the marks of all."""
    command = [
        sys.executable, "-m", "bench.training", "--bare", str(folder), "--workers", str(workers),
        "--pictures", str(pictures), "--epochs", str(epochs),
    ]  # fmt: skip
    running = [
        subprocess.Popen([*command, "--rank", str(rank)], stdout=subprocess.PIPE, text=True)
        for rank in range(workers)
    ]
    printed = [process.communicate()[0] for process in running]
    return together([[Mark(*pair) for pair in json.loads(p.splitlines()[-1])] for p in printed])


def together(ranks: list[list[Mark]]) -> list[Mark]:
    """Return for each epoch when the last process ended it, and what all spent until then."""
    return [
        Mark(max(m.time for m in at), sum(m.core_seconds for m in at), sum(m.others for m in at))
        for at in zip(*ranks, strict=True)
    ]


def plain_loop(folder: Path, pictures: int, epochs: int, workers: int, rank: int) -> list[Mark]:
    """Run the loop of `fit-attrnet` in this process, over one part of the pictures."""
    from fashiontrend.attrnet.network import model
    from fashiontrend.attrnet.training import dataset, train

    os.nice(drawn.RAY_NICENESS)
    cfg = recipe()
    context = drawn.fill(folder, pictures, config(workers))
    torch.set_num_threads(cfg.threads)
    table = context.store.read_partition(drawn.DATASET, "train")
    rows = dataset.decode_rows(table.take(np.arange(rank, table.num_rows, workers)), cfg)
    net = model.build(cfg, list(context.taxonomy.num_values.values()), (128.0,) * 3, 0)
    size = cfg.batch_size // workers
    marks: list[Mark] = []
    train.fit(
        net, lambda epoch: dataset.epoch_batches(rows, size, np.random.default_rng([0, epoch])),
        cfg, epochs=epochs, steps_per_epoch=pictures // cfg.batch_size, seed=0,
        on_epoch_end=lambda state: marks.append(mark()), attributes=context.taxonomy.ids,
    )  # fmt: skip
    return marks


def through_ray(
    folder: Path, pictures: int, epochs: int, workers: int, times: int = 1
) -> list[Mark]:
    """Train with Ray and return the marks of all workers together."""
    from ray_jobs import train_attrnet, training

    dataset = drawn.name(times)
    context = drawn.fill(folder, pictures, config(workers), times)
    log = folder / f"epochs-{time.time_ns()}"
    log.mkdir()
    training.train_once(
        context.config, context.store, "attrnet", log.name, timed_worker,
        TimedTraining(drawn.settings(context, dataset, times * pictures, epochs), log, os.getpid()),
        epochs=epochs,
        datasets=lambda: {"train": train_attrnet.compressed_examples(context, dataset)},
        shares=train_attrnet.WholeBlocks(),
    )  # fmt: skip
    return together(
        [
            [Mark(*json.loads(line)) for line in (log / str(rank)).read_text().splitlines()]
            for rank in range(workers)
        ]
    )


class TimedTraining(NamedTuple):
    """Settings of the real worker, where each worker writes how its epochs ended, and the process that started Ray."""

    training: AttrNetTraining
    log: Path
    driver: int


def timed_worker(settings: TimedTraining) -> None:
    """Run the real worker, and write how each epoch ended."""
    import ray.train

    from ray_jobs import train_attrnet, training

    report = training.report

    def noted(metrics: dict[str, Any], name: str, save: Any) -> None:
        report(metrics, name, save)
        if name.startswith("epoch"):
            rank = ray.train.get_context().get_world_rank()
            others = rest_of_ray(settings.driver) if rank == 0 else 0.0
            with (settings.log / str(rank)).open("a") as file:
                file.write(f"{json.dumps(mark()._replace(others=others))}\n")

    training.report = noted
    train_attrnet.worker(settings.training)


def rest_of_ray(driver: int) -> float:
    """Return the core-seconds of the driver's descendants and of itself, but for the training workers."""
    root = psutil.Process(driver)
    spent = 0.0
    for process in [root, *root.children(recursive=True)]:
        try:
            if "RayTrainWorker" not in " ".join(process.cmdline()):
                times = process.cpu_times()
                spent += times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return spent


def rates(marks: list[Mark], pictures: int) -> dict[str, float]:
    """Return pictures per second, core-seconds per thousand, and cores of the rest, without the first epoch."""
    seen = pictures * (len(marks) - 1)
    first, last = marks[0], marks[-1]
    seconds = last.time - first.time
    return {
        "pictures_per_s": seen / seconds,
        "core_s_per_1000": 1000 * (last.core_seconds - first.core_seconds) / seen,
        "cores_of_the_rest": (last.others - first.others) / seconds,
    }


def main() -> None:
    """Alternate between the sides and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=1536)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=WORKERS, help="processes of each side")
    parser.add_argument("--bare", type=Path, help="be one plain loop over this folder")
    parser.add_argument("--rank", type=int, default=0, help="which part the plain loop takes")
    arguments = parser.parse_args()
    size = arguments.pictures, arguments.epochs, arguments.workers
    if arguments.bare:
        print(json.dumps(plain_loop(arguments.bare, *size, arguments.rank)))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(turns(Path(folder), *size, rounds=arguments.rounds), indent=1))
    disconnect()


def turns(folder: Path, pictures: int, epochs: int, workers: int, *, rounds: int) -> dict[str, Any]:
    """Run the sides in turn, and return medians and ratios."""
    size = folder, pictures, epochs, workers
    drawn.fill(folder, pictures, config(workers))
    connect(config(workers))
    sides = {"bare": lambda: bare(*size), "ray": lambda: through_ray(*size)}
    seen: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for number in range(rounds):
        for side, run in sides.items():
            seen[side].append(rates(run(), pictures))
            print(f"round {number + 1} {side}: {seen[side][-1]}", file=sys.stderr)
    results = {
        name: {side: statistics.median(r[name] for r in runs) for side, runs in seen.items()}
        for name in ("pictures_per_s", "core_s_per_1000", "cores_of_the_rest")
    }
    speed = results["pictures_per_s"]
    return {**results, "ray_to_bare": speed["ray"] / speed["bare"], "rounds": seen}


if __name__ == "__main__":
    main()
