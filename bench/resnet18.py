"""Train a plain torchvision ResNet-18 with five heads as a baseline.

    python -m bench.resnet18 labelled-*.parquet --core-seconds 3600 --seed 0 --answers resnet.npz

It starts from random weights and trains on `train` with flips and small shifts. One cosine schedule
runs over the epochs that fit the budget, which is measured on the first fifty steps. The score on
`val` compares with that of `fashiontrend judge-attrnet`.
"""

import argparse
import json
import math
import resource
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import nn
from torch.nn import functional

from fashiontrend import images, standalone
from fashiontrend.attrnet.evaluation import labelled_set

HEIGHT, WIDTH, BATCH, RATE, WARM = 80, 60, 64, 1e-3, 50


def main() -> None:
    """Fit, score, and print JSON."""
    options = _options()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    sets = standalone.read_sets(options.data, None)
    values = list(sets.taxonomy.num_values.values())
    begun = _spent()
    image, labels = _read(sets.train)
    read = _spent()
    net = torchvision.models.resnet18(weights=None)
    net.fc = nn.Linear(net.fc.in_features, sum(values))
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.05)
    rng = np.random.default_rng(options.seed)
    steps, step, total = len(image) // BATCH, 0, math.inf
    while step < total:
        order = torch.from_numpy(rng.permutation(len(image)))
        for rows in order.split(BATCH)[:steps]:
            if step == WARM:
                left = options.core_seconds - (_spent() - begun)
                total = WARM + round(left / ((_spent() - read) / WARM))
            if step >= total:
                break
            warm = min((step + 1) / WARM, 1.0)
            rate = RATE * warm * (1 + math.cos(math.pi * min(step / total, 1))) / 2
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = _loss(net(_vary(image[rows])), labels[rows], values)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
    spent = _spent() - begun
    unseen, truth = _read(sets.val)
    net.eval()
    with torch.inference_mode():
        logits = torch.cat([net(_scale(part)) for part in unseen.split(BATCH)])
    parts = zip(sets.taxonomy.ids, logits.split(values, 1), strict=True)
    probs = {a: functional.pad(x.softmax(1), (0, 1)).numpy() for a, x in parts}
    report = labelled_set.score(probs, truth.numpy(), sets.taxonomy)
    if options.answers:
        np.savez(options.answers, **probs)
    results = {a: round(one["accuracy"], 4) for a, one in report["attributes"].items()}
    print(
        json.dumps(
            {
                "core_seconds": round(spent), "epochs": round(step / steps, 1), **results,
                "mean": report["mean_accuracy"], "all_right": report["all_right"],
                "macro_f1": report["mean_macro_f1"],
            }
        )
    )  # fmt: skip


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--core-seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--answers", type=Path)
    return parser.parse_args()


def _read(table):
    squares = [
        np.asarray(images.read(i.as_py(), HEIGHT).resize((WIDTH, HEIGHT))) for i in table["image"]
    ]
    image = torch.from_numpy(np.array(squares).transpose(0, 3, 1, 2).copy())
    return image, torch.tensor(table["labels"].to_pylist())


def _scale(image):
    return (image.float() - 200) / 58


def _vary(image):
    """Mirror random pictures, and shift the batch by up to four pixels."""
    flipped = torch.where(torch.rand(len(image), 1, 1, 1) < 0.5, image.flip(3), image)
    padded = functional.pad(_scale(flipped), (4, 4, 4, 4), mode="replicate")
    x, y = torch.randint(0, 9, (2,)).tolist()
    return padded[..., y : y + HEIGHT, x : x + WIDTH]


def _loss(logits, labels, values):
    parts = enumerate(logits.split(values, 1))
    return sum(
        functional.cross_entropy(x, labels[:, n], ignore_index=-1, label_smoothing=0.1)
        for n, x in parts
    ) / len(values)


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
