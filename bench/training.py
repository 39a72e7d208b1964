"""Compare AttrNet's training with Ray Train and Ray Data with a bare PyTorch loop.

Both decode the same JPEGs outside the training process, and run the same network and the same
epoch. The bare side is a DataLoader with one worker process. The first epoch is not counted. Sides
alternate, and the ratio is that of the medians. Ray is started once, as on a cluster; each training
has new worker processes. Besides pictures per second it reports the core-seconds of the training
processes, on which other work on the machine has little influence.
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

import torch

from bench import drawn, examples
from fashiontrend.config import AttrNetConfig, Config, RayConfig
from ray_jobs.runtime import connect, disconnect

THREADS = 1
#: Pictures of a step, all workers together.
BATCH = 64


def config(workers: int, batch: int = BATCH) -> Config:
    """Return a small configuration with one thread per worker and `batch` pictures per step."""
    return Config(
        attrnet=AttrNetConfig(batch_size=batch, threads=THREADS),
        ray=RayConfig(num_cpus=2, train_workers=workers, cpus_per_worker=0.5),
    )


class Mark(NamedTuple):
    """The end of an epoch: its time, and the core-seconds of the training processes until then."""

    time: float
    core_seconds: float


def mark() -> Mark:
    """Return the current mark of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Mark(time.time(), used.ru_utime + used.ru_stime)


def bare(folder: Path, pictures: int, epochs: int, batch: int) -> list[Mark]:
    """Run the plain loop in a separate process, and return the marks of its epochs."""
    command = [
        sys.executable, "-m", "bench.training", "--bare", str(folder),
        "--pictures", str(pictures), "--epochs", str(epochs), "--batch", str(batch),
    ]  # fmt: skip
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return [Mark(*pair) for pair in json.loads(done.stdout.splitlines()[-1])]


def plain_loop(folder: Path, pictures: int, epochs: int, batch: int) -> list[Mark]:
    """Run the plain loop in this process."""
    from fashiontrend.attrnet.network import model
    from fashiontrend.attrnet.training import dataset, train

    os.nice(drawn.RAY_NICENESS)
    settings = config(1, batch)
    context = drawn.fill(folder, pictures, settings)
    torch.set_num_threads(THREADS)
    loader = torch.utils.data.DataLoader(
        examples.Decoded(context.store.read_partition(drawn.DATASET, "train"), settings.attrnet),
        batch_size=settings.attrnet.batch_size, shuffle=True, drop_last=True, num_workers=1,
        persistent_workers=True, collate_fn=dataset.to_batch,
    )  # fmt: skip
    net = model.build(settings.attrnet, list(context.taxonomy.num_values.values()), (128.0,) * 3, 0)
    marks: list[Mark] = []
    train.fit(
        net, lambda epoch: loader, settings.attrnet, epochs=epochs, steps_per_epoch=len(loader),
        seed=0, on_epoch_end=lambda state: marks.append(mark()),
    )  # fmt: skip
    return marks


def through_ray(
    folder: Path, pictures: int, epochs: int, batch: int, workers: int, times: int = 1
) -> list[Mark]:
    """Train with Ray and return the marks of the first worker, with all workers' core-seconds."""
    from ray_jobs import train_attrnet, training

    dataset = drawn.name(times)
    context = drawn.fill(folder, pictures, config(workers, batch), times)
    log = folder / f"epochs-{time.time_ns()}"
    log.mkdir()
    training.train_once(
        context.config, context.store, "attrnet", log.name, timed_worker,
        drawn.settings(context, dataset, times * pictures, epochs, log),
        lambda: {"train": train_attrnet.stream(context, dataset, epochs)},
    )  # fmt: skip
    ranks = [
        [Mark(*json.loads(line)) for line in (log / str(rank)).read_text().splitlines()]
        for rank in range(workers)
    ]
    return [Mark(at[0].time, sum(m.core_seconds for m in at)) for at in zip(*ranks, strict=True)]


def timed_worker(settings: dict[str, Any]) -> None:
    """Run the real worker, and log the mark of each epoch."""
    import ray.train

    from ray_jobs import train_attrnet, training

    report = training.report

    def noted(metrics: dict[str, Any], name: str, save: Any) -> None:
        report(metrics, name, save)
        if name.startswith("epoch"):
            rank = ray.train.get_context().get_world_rank()
            with (Path(settings["log"]) / str(rank)).open("a") as file:
                file.write(f"{json.dumps(mark())}\n")

    training.report = noted
    train_attrnet.worker(settings)


def rates(marks: list[Mark], pictures: int) -> dict[str, float]:
    """Return pictures per second and core-seconds per thousand, without the first epoch."""
    seen = pictures * (len(marks) - 1)
    return {
        "pictures_per_s": seen / (marks[-1].time - marks[0].time),
        "core_s_per_1000": 1000 * (marks[-1].core_seconds - marks[0].core_seconds) / seen,
    }


def main() -> None:
    """Alternate between the sides and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=1536)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument(
        "--batch", type=int, default=BATCH, help="pictures of a step, all workers together"
    )
    parser.add_argument("--bare", type=Path, help="be the plain loop over this folder")
    arguments = parser.parse_args()
    if arguments.bare:
        size = arguments.pictures, arguments.epochs, arguments.batch
        print(json.dumps(plain_loop(arguments.bare, *size)))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(turns(Path(folder), arguments), indent=1))
    disconnect()


def turns(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the sides in turn, and return medians and ratios."""
    size = folder, arguments.pictures, arguments.epochs, arguments.batch
    drawn.fill(folder, arguments.pictures, config(1, arguments.batch))
    connect(config(1, arguments.batch))
    sides = {
        "bare": lambda: bare(*size),
        "ray-1": lambda: through_ray(*size, 1),
        "ray-2": lambda: through_ray(*size, 2),
    }
    seen: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for number in range(arguments.rounds):
        for side, run in sides.items():
            seen[side].append(rates(run(), arguments.pictures))
            print(f"round {number + 1} {side}: {seen[side][-1]}", file=sys.stderr)
    results = {
        name: {side: statistics.median(r[name] for r in runs) for side, runs in seen.items()}
        for name in ("pictures_per_s", "core_s_per_1000")
    }
    speed = results["pictures_per_s"]
    return {
        **results,
        "ray_1_to_bare": speed["ray-1"] / speed["bare"],
        "ray_2_to_ray_1": speed["ray-2"] / speed["ray-1"],
        "rounds": seen,
    }


if __name__ == "__main__":
    main()
