"""Batch recognition through Ray Data beside the same model in two plain processes, marginal rate.

Marginal: the further pictures of a long job over the further seconds that it takes, so that the
start of workers, which is the same for any catalogue, is not counted.
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench import drawn
from fashiontrend.config import AttrNetConfig, Config, RayConfig

PROCESSES = 2
BATCH = 64
CONFIG = Config(attrnet=AttrNetConfig(), ray=RayConfig(num_cpus=PROCESSES + 1, cpus_per_worker=0.5))


def save_model(folder: Path, context: Any) -> None:
    """An untrained recogniser, in a folder and in the store."""
    from fashiontrend.attrnet import artefact, model

    net = model.build(
        CONFIG.attrnet, list(context.taxonomy.num_values.values()), (128.0,) * 3, 0
    ).eval()
    counts = {a: np.ones(n + 1) for a, n in context.taxonomy.num_values.items()}
    card = artefact.make_card(context.taxonomy, net, counts, dict.fromkeys(counts, 1.0))
    artefact.save(folder / "model", net, card)
    if context.store.manifest("models/attrnet/bench") is None:
        context.store.upload("models/attrnet/bench", folder / "model", {})


def plain(folder: Path, files: list[str]) -> float:
    """Seconds that two processes take, each with half of the files; start of workers included."""
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

    from fashiontrend.attrnet.predict import Recogniser

    recogniser = Recogniser(folder / "model")
    for file in files:
        for batch in pq.ParquetFile(file).iter_batches(BATCH, columns=["picture_id", "image"]):
            recogniser({n: batch.column(n).to_pylist() for n in ("picture_id", "image")})


def through_ray(store: Any, files: list[str]) -> float:
    """Seconds that the recognition job's actor pool takes."""
    from ray.data import ActorPoolStrategy

    from ray_jobs.recognise import Recognition
    from ray_jobs.runtime import connect, read_parquet

    connect(CONFIG)
    began = time.monotonic()
    answers = read_parquet(store, files, ["picture_id", "image"]).map_batches(
        Recognition, fn_constructor_args=(store, "bench"), batch_size=BATCH,
        compute=ActorPoolStrategy(size=PROCESSES), num_cpus=0.5,
    )  # fmt: skip
    rows = sum(b.num_rows for b in answers.iter_batches(batch_size=None, batch_format="pyarrow"))
    if not rows:
        raise SystemExit("no picture was answered")
    return time.monotonic() - began


def main() -> None:
    """Take turns and print the ratio of the marginal rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=2048, help="of the short job")
    parser.add_argument("--times", type=int, default=8, help="the long job is so often the short")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        context = drawn.fill(folder, arguments.pictures, CONFIG)
        save_model(folder, context)
        print(json.dumps(compare(folder, context.store, arguments), indent=1))


def compare(folder: Path, store: Any, arguments: argparse.Namespace) -> dict[str, Any]:
    """Marginal pictures a second of both sides, in turn."""
    manifest = store.manifest(drawn.DATASET)
    keys = [f for f in manifest.files if "/train" in f]
    paths = [str(folder / "store" / key) for key in keys]
    further = arguments.pictures * (arguments.times - 1)
    seen: dict[str, list[float]] = {"plain": [], "ray": []}
    sides = {
        "plain": lambda n: plain(folder, paths * n),
        "ray": lambda n: through_ray(store, keys * n),
    }
    for run in sides.values():  # file caches and a started Ray are not what is compared
        run(1)
    for number in range(arguments.rounds):
        for side, run in sides.items():
            short, long = run(1), run(arguments.times)
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
