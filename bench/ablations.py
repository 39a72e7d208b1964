"""Measure the effect of the recogniser's parts: train the recipe without one part at a time.

    python -m bench.ablations labelled-*.parquet --scenes scenes --out build/ablations --epochs 8

All variants have the same seed and number of epochs. They are trained on four fifths of `train`
and of the scenes, and scored once on the other fifth of `train`, so that `val` influences no
choice. Interrupted trainings resume.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fashiontrend import standalone
from fashiontrend.config import AttrNetConfig, ResampleConfig
from fashiontrend.labels import resample
from fashiontrend.standalone import evaluate

#: What each leaves out of the recipe; resampling is no part of it and is added.
LEFT_OUT: dict[str, dict[str, Any]] = {
    "recipe": {},
    "without location": {
        "locate": False,
        "box_loss_weight": 0.0,
        "second_look": False,
        "presence": False,
    },
    "without several sizes": {"box_scales": (1.1,)},
    "average instead of max pooling": {"pooling": "average"},
    "without the colour histogram": {"colour_channels": 0},
    "without the listing's words": {"words": 0},
    "without presence": {"presence": False},
    "without plain shots as a whole": {"plain_share": 0.0},
    "with resampling": {},
}
FIFTHS = 5


def main() -> None:
    """Fit and score each variant, and print a JSON line for it."""
    options = _options()
    sets = _part(standalone.read_sets(options.data, options.scenes), options.seed)
    for name, change in LEFT_OUT.items():
        if options.only and name not in options.only:
            continue
        cfg = AttrNetConfig.model_validate(
            {**standalone.recipe(sets.taxonomy.ids).model_dump(), **change, "epochs": options.epochs,
             "warmup_fraction": 1 / options.epochs}
        )  # fmt: skip
        chosen = _resample(sets, options.seed) if name == "with resampling" else sets
        folder = options.out / name.replace(" ", "-")
        if not (folder / "card.json").exists():
            standalone.fit(chosen, cfg, folder, options.seed)
        print(
            json.dumps(
                {"what": name, **_tell(evaluate.judge(sets, folder, baselines=False).report)}
            )
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--scenes", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=list(LEFT_OUT))
    return parser.parse_args()


def _part(sets: standalone.Sets, seed: int) -> standalone.Sets:
    """Replace `val` by a fifth of the plain pictures; scenes made of those are left out."""
    names, sources = sets.train["picture_id"].to_pylist(), sets.train["source"].to_pylist()
    plain = sorted(n for n, s in zip(names, sources, strict=True) if n == s)
    order = np.random.default_rng(seed).permutation(len(plain))
    held = {plain[n] for n in order[: len(plain) // FIFTHS]}
    fit = sets.train.filter(pa.array([s not in held for s in sources]))
    val = sets.train.filter(pa.array([n in held for n in names]))
    return replace(sets, train=fit, val=val)


def _resample(sets: standalone.Sets, seed: int) -> standalone.Sets:
    """Return the repeat factors of the default method, at most 4."""
    labels = np.array(sets.train["labels"].to_pylist(), dtype=np.int16)
    factors = resample.repeat_factors(labels, sets.taxonomy, ResampleConfig(cap=4.0))
    repeats = resample.draw_repeats(factors, np.random.default_rng(seed))
    place = sets.train.column_names.index("repeat")
    train = sets.train.set_column(place, "repeat", pa.array(repeats.tolist()))
    return replace(sets, train=train)


def _tell(report: dict[str, Any]) -> dict[str, Any]:
    val, scenes = report["val"], report["scenes"]
    results = {
        "core_seconds": report["core_seconds"], "mean": val["mean_accuracy"],
        **{a: one["accuracy"] for a, one in val["attributes"].items()},
        "all_right": val["all_right"], "macro_f1": val["mean_macro_f1"],
        "scenes_iou": scenes["mean_iou"], "scenes_mean": scenes["mean_accuracy"],
    }  # fmt: skip
    return {k: round(v, 4) for k, v in results.items()}


if __name__ == "__main__":
    main()
