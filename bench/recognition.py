"""Compare the marginal rate of batch recognition with Ray Data and with two plain processes.

The marginal rate is the number of additional pictures of a longer job divided by its additional
seconds. The start of workers, which is the same for any catalogue, is thus not counted.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from bench import drawn
from fashiontrend.config import AttrNetConfig, Config, RayConfig, SeriesConfig
from fashiontrend.pipeline.context import Context
from fashiontrend.storage import layout
from ray_jobs.recognise import answers
from ray_jobs.runtime import connect, disconnect

PROCESSES = 2
BATCH = 64
VERSION = "bench"
#: A run begins below this load of all cores over so many seconds, after so many seconds at the latest.
QUIET_PERCENT, QUIET_S, PATIENCE_S = 10.0, 1.0, 30
CONFIG = Config(
    attrnet=AttrNetConfig(),
    series=SeriesConfig(recognise_workers=PROCESSES, batch_size=BATCH),
    ray=RayConfig(num_cpus=PROCESSES + 1),
)


def save_model(folder: Path, context: Context) -> None:
    """Write an untrained recogniser to a folder and to the store."""
    from bench import examples

    examples.save_untrained(folder / "model", CONFIG.attrnet, context.taxonomy)
    if context.store.manifest(layout.model("attrnet", VERSION)) is None:
        context.store.upload(layout.model("attrnet", VERSION), folder / "model", {})


def plain(folder: Path, files: list[str]) -> float:
    """Return the seconds of two processes with half of the files each, with their start."""
    began = time.monotonic()
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_answer, args=(folder, files[n::PROCESSES]))
        for n in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return time.monotonic() - began


def _answer(folder: Path, files: list[str]) -> None:
    import pyarrow.parquet as pq

    from fashiontrend.attrnet.inference.predict import Recogniser

    os.nice(drawn.RAY_NICENESS)
    recogniser = Recogniser(folder / "model")
    for file in files:
        for batch in pq.ParquetFile(file).iter_batches(BATCH, columns=["picture_id", "image"]):
            recogniser({n: batch.column(n).to_pylist() for n in ("picture_id", "image")})


def through_ray(context: Context, files: list[str]) -> float:
    """Return the seconds of the recognition job's actor pool, with the start of its actors."""
    began = time.monotonic()
    if not sum(table.num_rows for table in answers(context, VERSION, files)):
        raise SystemExit("no picture was recognised")
    return time.monotonic() - began


def quietly(run: Callable[[int], float], times: int) -> float:
    """Return the result of a run that begins on a quiet machine.

    Ray's actors end some seconds after their last task, which would slow down the next run.
    """
    for _ in range(round(PATIENCE_S / QUIET_S)):
        if psutil.cpu_percent(QUIET_S) < QUIET_PERCENT:
            break
    else:
        print(f"not quiet within {PATIENCE_S} s: the rates hold other work", file=sys.stderr)
    return run(times)


def main() -> None:
    """Alternate between both sides and print the ratio of the marginal rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=2048, help="of the short job")
    parser.add_argument("--times", type=int, default=8, help="the long job is so often the short")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        context = drawn.fill(folder, arguments.pictures, CONFIG)
        save_model(folder, context)
        connect(CONFIG)
        print(json.dumps(compare(folder, context, arguments), indent=1))
        disconnect()


def compare(folder: Path, context: Context, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the marginal pictures per second of both sides, measured in turn."""
    keys = drawn.train_files(context)
    layout = [str(folder / "store" / key) for key in keys]
    further = arguments.pictures * (arguments.times - 1)
    seen: dict[str, list[float]] = {"plain": [], "ray": []}
    sides = {
        "plain": lambda n: plain(folder, layout * n),
        "ray": lambda n: through_ray(context, keys * n),
    }
    for run in sides.values():  # file caches and a started Ray are not what is compared
        run(1)
    for number in range(arguments.rounds):
        for side, run in sides.items():
            short, long = quietly(run, 1), quietly(run, arguments.times)
            seen[side].append(further / (long - short))
            print(f"round {number + 1} {side}: {seen[side][-1]:.0f} pictures/s", file=sys.stderr)
    median = {side: statistics.median(rates) for side, rates in seen.items()}
    return {
        "pictures_per_s": {s: round(m, 1) for s, m in median.items()},
        "ray_to_plain": round(median["ray"] / median["plain"], 3),
        "rounds": seen,
    }


if __name__ == "__main__":
    main()
