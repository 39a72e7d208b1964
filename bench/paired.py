"""Compare fitted recognisers with another model's predictions for the same `val` pictures.

    python -m bench.paired labelled-*.parquet --answers resnet.npz --model s0 s1 s2

`bench.resnet18 --answers` writes the other model's predictions. The results of several seeds of a
recipe are averaged per picture. The interval is a bootstrap over pictures.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from fashiontrend import standalone
from fashiontrend.attrnet.evaluation import labelled_set
from fashiontrend.attrnet.inference.predict import Recogniser
from fashiontrend.standalone import evaluate


def main() -> None:
    """Predict, pair the results, and print JSON."""
    options = _options()
    sets = standalone.read_sets(options.data, None)
    truth = np.array(sets.val["labels"].to_pylist(), dtype=np.int64)
    with np.load(options.answers) as other:
        beside = labelled_set.find_right(dict(other), truth, sets.taxonomy)
    right = np.mean([_find_right(sets, folder, truth) for folder in options.model], 0)
    summary = {
        "models": len(options.model),
        "mean": np.nanmean(right, 0).mean(),
        "other": np.nanmean(beside, 0).mean(),
        **labelled_set.compare(right, beside),
    }
    print(json.dumps(summary, default=float))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--answers", type=Path, required=True)
    parser.add_argument("--model", type=Path, nargs="+", required=True)
    return parser.parse_args()


def _find_right(sets, folder, truth):
    found = evaluate.answer(Recogniser(folder), sets.val, folder.name)
    probs = {a: found[f"probs_{a}"] for a in sets.taxonomy.ids}
    return labelled_set.find_right(probs, truth, sets.taxonomy)


if __name__ == "__main__":
    main()
