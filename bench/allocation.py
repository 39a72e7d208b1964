"""Measure the effect of huge pages and kept blocks: core-milliseconds per picture with and without.

    python -m bench.allocation

The recipe's training step and its untrained recogniser run on drawn pictures. Each run has its own
process, because glibc reads its tunables when a process starts. The ratio is that of the medians.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import repeat
from pathlib import Path

import numpy as np
import torch

from bench import device, examples
from fashiontrend import malloc, standalone, taxonomy
from fashiontrend.attrnet.inference import predict
from fashiontrend.attrnet.network import model
from fashiontrend.attrnet.training import dataset, train
from fashiontrend.demo import curves

PICTURES, STEPS = 64, 8
#: Whether a process has huge pages, and whether it keeps what it frees.
WAYS = {"neither": (0, 0), "kept": (0, 1), "both": (1, 1)}


def main() -> None:
    """Alternate between both settings and print JSON; or measure in this process."""
    options = _options()
    if options.what:
        print(_measure(options.what, bool(options.kept)))
        return
    results = {}
    for what in ("train", "recognise"):
        taken = {way: [] for way in WAYS}
        for _ in range(options.rounds):
            for way, (huge, kept) in WAYS.items():
                taken[way].append(_apart(what, huge, kept))
        ms = {way: statistics.median(values) for way, values in taken.items()}
        results[what] = {"core_ms": ms, "ratio": {way: ms[way] / ms["neither"] for way in WAYS}}
    print(json.dumps(results, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--what", choices=("train", "recognise"), help=argparse.SUPPRESS)
    parser.add_argument("--kept", type=int, default=1, help=argparse.SUPPRESS)
    return parser.parse_args()


def _apart(what: str, huge: int, kept: int) -> float:
    command = [sys.executable, "-m", "bench.allocation", "--what", what, "--kept", str(kept)]
    environment = {**os.environ, malloc.TUNABLES: f"{malloc.HUGE_PAGES}={huge}"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def _measure(what: str, kept: bool) -> float:
    """Return core-milliseconds per picture, without the first round."""
    torch.set_num_threads(1)
    if not kept:
        malloc.keep_freed = lambda: None
    return {"train": _train, "recognise": _recognise}[what]()


def _train() -> float:
    demo_taxonomy = curves.restrict(taxonomy.load())
    cfg = standalone.recipe(demo_taxonomy.ids).model_copy(
        update={"early_fraction": 0.0, "words": 0}
    )
    rows = dataset.decode_rows(examples.labelled(PICTURES, demo_taxonomy), cfg)
    batch = next(dataset.epoch_batches(rows, PICTURES, np.random.default_rng(0)))
    net = model.build(cfg, list(demo_taxonomy.num_values.values()), (128.0,) * 3, 0)
    marks: list[float] = []
    train.fit(
        net, lambda epoch: repeat(batch), cfg, epochs=3, steps_per_epoch=STEPS, seed=0,
        on_epoch_end=lambda state: marks.append(time.process_time()), attributes=demo_taxonomy.ids,
    )  # fmt: skip
    return (marks[-1] - marks[0]) / (2 * STEPS * PICTURES) * 1000


def _recognise() -> float:
    demo_taxonomy = curves.restrict(taxonomy.load())
    cfg = standalone.recipe(demo_taxonomy.ids).model_copy(update={"words": 0})
    images = examples.labelled(PICTURES, demo_taxonomy)["image"].to_pylist()
    with tempfile.TemporaryDirectory() as folder:
        examples.save_untrained(Path(folder), cfg, demo_taxonomy)
        recogniser = predict.Recogniser(folder)

    def recognise() -> None:
        for _ in range(STEPS):
            recogniser({"picture_id": list(map(str, range(PICTURES))), "image": images})

    return device.spent(recognise) / (STEPS * PICTURES) * 1000


if __name__ == "__main__":
    main()
