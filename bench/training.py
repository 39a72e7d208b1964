"""Training AttrNet through Ray Train and Ray Data beside a bare PyTorch loop, pictures a second.

Both decode the same JPEGs off the training process, both run the same network and the same
epoch; the bare side is a plain DataLoader with one worker process. The first epoch is left
out. Sides take turns; the ratio is that of the medians.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from bench import drawn
from fashiontrend.config import AttrNetConfig, Config, RayConfig

SIDES = ("bare", "ray-1", "ray-2")
THREADS = 1


def config(workers: int) -> Config:
    """A small recogniser on one thread for each worker."""
    return Config(
        attrnet=AttrNetConfig(batch_size=32, threads=THREADS),
        ray=RayConfig(num_cpus=2, train_workers=workers, cpus_per_worker=0.5),
    )


def bare(folder: Path, pictures: int, epochs: int) -> list[float]:
    """Times at which a plain loop ended its epochs."""
    from fashiontrend.attrnet import dataset, model, train

    settings = config(1)
    context = drawn.fill(folder, pictures, settings)
    torch.set_num_threads(THREADS)
    loader = torch.utils.data.DataLoader(
        _Rows(context.store.read_partition(drawn.DATASET, "train"), settings.attrnet),
        batch_size=settings.attrnet.batch_size, shuffle=True, drop_last=True, num_workers=1,
        persistent_workers=True, collate_fn=dataset.to_batch,
    )  # fmt: skip
    net = model.build(settings.attrnet, list(context.taxonomy.num_values.values()), (128.0,) * 3, 0)
    times: list[float] = []
    train.fit(
        net, lambda epoch: loader, settings.attrnet, epochs=epochs, steps_per_epoch=len(loader),
        seed=0, on_epoch_end=lambda state: times.append(time.time()),
    )  # fmt: skip
    return times


class _Rows(torch.utils.data.Dataset[Any]):
    def __init__(self, table: Any, cfg: AttrNetConfig) -> None:
        self.table, self.cfg = table, cfg

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __getitems__(self, rows: list[int]) -> Any:
        from fashiontrend.attrnet.dataset import decode_rows

        return decode_rows(self.table.take(rows), self.cfg)


def through_ray(folder: Path, pictures: int, epochs: int, workers: int) -> list[float]:
    """Times at which the first worker had reported its epochs."""
    from ray_jobs import train_attrnet, training

    settings = config(workers)
    context = drawn.fill(folder, pictures, settings)
    log = folder / f"epochs-{time.time_ns()}"
    training.train_once(
        context.config, context.store, "attrnet", log.name, timed_worker,
        {
            "attrnet": settings.attrnet.model_dump(), "epochs": epochs, "seed": 0,
            "steps_per_epoch": pictures // settings.attrnet.batch_size,
            "dataset": drawn.DATASET, "taxonomy": context.taxonomy.model_dump(mode="json"),
            "priors": {a: [1.0] * (n + 1) for a, n in context.taxonomy.num_values.items()},
            "log": str(log),
        },
        lambda: {"train": train_attrnet._stream(context, drawn.DATASET)},
    )  # fmt: skip
    return [float(line) for line in log.read_text().split()]


def timed_worker(settings: dict[str, Any]) -> None:
    """The real worker; its first rank writes down when each epoch was reported."""
    import ray.train

    from ray_jobs import train_attrnet, training

    report = training.report

    def noted(metrics: dict[str, Any], name: str, save: Any) -> None:
        report(metrics, name, save)
        if name.startswith("epoch") and ray.train.get_context().get_world_rank() == 0:
            with Path(settings["log"]).open("a") as file:
                file.write(f"{time.time()}\n")

    training.report = noted
    train_attrnet.worker(settings)


def rate(times: list[float], pictures: int) -> float:
    """Pictures a second over all epochs but the first."""
    return pictures * (len(times) - 1) / (times[-1] - times[0])


def main() -> None:
    """Take turns and print the ratios; with `--side`, be one side and print its rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=2048)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--side", choices=SIDES)
    arguments = parser.parse_args()
    if arguments.side:
        with tempfile.TemporaryDirectory() as folder:
            size = Path(folder), arguments.pictures, arguments.epochs
            kind, _, workers = arguments.side.partition("-")
            times = bare(*size) if kind == "bare" else through_ray(*size, int(workers))
        print(rate(times, arguments.pictures))
        return
    print(json.dumps(turns("bench.training", arguments), indent=1))


def turns(module: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the sides in turn, each in a fresh process; medians and ratios to the bare side."""
    seen: dict[str, list[float]] = {side: [] for side in SIDES}
    for number in range(arguments.rounds):
        for side in SIDES:
            command = [
                sys.executable, "-m", module, "--side", side,
                "--pictures", str(arguments.pictures), "--epochs", str(arguments.epochs),
            ]  # fmt: skip
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            seen[side].append(float(done.stdout.split()[-1]))
            print(f"round {number + 1} {side}: {seen[side][-1]:.0f} pictures/s", file=sys.stderr)
    median = {side: statistics.median(rates) for side, rates in seen.items()}
    return {
        "pictures_per_s": {s: round(m, 1) for s, m in median.items()},
        "ray_1_to_bare": round(median["ray-1"] / median["bare"], 3),
        "ray_2_to_ray_1": round(median["ray-2"] / median["ray-1"], 3),
        "rounds": seen,
    }


if __name__ == "__main__":
    main()
