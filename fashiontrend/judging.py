"""Judge a recogniser on a labelled set and on scenes, beside what it must beat."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import rich.table

from fashiontrend import pictures, telemetry
from fashiontrend.attrnet import artefact, baseline, scorecard
from fashiontrend.attrnet.predict import Recogniser
from fashiontrend.attrnet.probabilities import fit_temperature
from fashiontrend.labelled import Sets

BATCH = 64
BASELINE_PX = 64


def judge(sets: Sets, folder: Path, *, baselines: bool = True, threads: int = 1) -> dict[str, Any]:
    """Answer the pictures that were kept apart, score the answers, and note them on the card.

    Args:
        sets: as the model was fitted on.
        folder: the model; its card gets temperatures and the report.
        baselines: fit and score the majority value and the colour histogram too.
        threads: of the network.

    Returns:
        `val` and `scenes` of the scorecard, `baselines` with paired differences, and the card's
        core-seconds; plain values.
    """
    model, card = artefact.load(folder)
    card = card.model_copy(update={"temperatures": {}})
    artefact.save(folder, model, card)
    recogniser = Recogniser(folder, threads)
    ids, truth = sets.taxonomy.ids, _labels(sets.val)
    found = _answer(recogniser, sets.val, "judge val")
    probs = {a: found[f"probs_{a}"] for a in ids}
    report: dict[str, Any] = {
        "val": scorecard.score(probs, truth, sets.taxonomy),
        "core_seconds": card.core_seconds,
        "seed": card.seed,
        "fitted_on": sets.train.num_rows,
    }
    if sets.scenes.num_rows:
        report["scenes"] = _judge_scenes(recogniser, sets)
    if baselines:
        right = scorecard.find_right(probs, truth, sets.taxonomy)
        report["baselines"] = _judge_baselines(sets, truth, right)
    temperatures = {a: fit_temperature(probs[a], truth[:, n]) for n, a in enumerate(ids)}
    artefact.save(
        folder,
        model,
        card.model_copy(update={"temperatures": temperatures, "metrics": _strip(report)}),
    )
    return report


def show(report: Mapping[str, Any]) -> None:
    """Print the report as tables."""
    val = report["val"]
    table = rich.table.Table(
        "attribute", "accuracy", "wilson", "macro-F1", "ECE", "coverage", "there right",
        *report.get("baselines", {}), title=f"{val['pictures']} pictures kept apart",
    )  # fmt: skip
    others = [b["score"] for b in report.get("baselines", {}).values()]
    for name, one in val["attributes"].items():
        low, high = one["macro_f1_interval"]
        table.add_row(
            name, _number(one["accuracy"]), _number(one["wilson_low"]),
            f"{one['macro_f1']:.3f} ({low:.3f}..{high:.3f})", _number(one["ece_tempered"]),
            _number(one["coverage"]), _number(one["accuracy_covered"]),
            *(_number(o["attributes"][name]["accuracy"]) for o in others),
        )  # fmt: skip
    low, high = val["mean_accuracy_interval"]
    table.add_row(
        "mean", f"{val['mean_accuracy']:.3f} ({low:.3f}..{high:.3f})", "",
        _number(val["mean_macro_f1"]), "", "", "", *(_number(o["mean_accuracy"]) for o in others),
    )  # fmt: skip
    table.add_row("all right", _number(val["all_right"]), *[""] * 5,
                  *(_number(o["all_right"]) for o in others))  # fmt: skip
    telemetry.console.print(table)
    for name, other in report.get("baselines", {}).items():
        low, high = other["against"]["interval"]
        telemetry.console.print(
            f"  better than {name} by {other['against']['difference']:.3f} ({low:.3f}..{high:.3f})"
        )
    for name, value in report.get("scenes", {}).items():
        if not isinstance(value, dict):
            telemetry.console.print(f"  scenes {name} {_number(value)}")
    telemetry.console.print(f"  core-seconds of the fit {report['core_seconds']}")


def _judge_scenes(recogniser: Recogniser, sets: Sets) -> dict[str, Any]:
    found = _answer(recogniser, sets.scenes, "judge scenes")
    true = np.array(sets.scenes["box"].to_pylist(), dtype=np.float64)
    labels = _labels(sets.scenes)
    shown = true[:, 2] > true[:, 0]
    probs = {a: found[f"probs_{a}"][shown] for a in sets.taxonomy.ids}
    score = scorecard.score(probs, labels[shown], sets.taxonomy)
    boxes = scorecard.score_boxes(
        found["box"], found["box_score"], true, recogniser.card.box_threshold
    )
    return boxes | {"mean_accuracy": score["mean_accuracy"], "recognised": score}


def _judge_baselines(sets: Sets, truth: Any, right: Any) -> dict[str, Any]:
    plain = sets.train.filter(
        pa.array(
            [
                i == s
                for i, s in zip(
                    sets.train["picture_id"].to_pylist(), sets.train["source"].to_pylist(),
                    strict=True,
                )
            ]
        )
    )  # fmt: skip
    labels, taxonomy = _labels(plain), sets.taxonomy
    fitted = {
        "majority": baseline.majority(labels, taxonomy, len(truth)),
        "histogram": baseline.regress(_histogram(plain), labels, _histogram(sets.val), taxonomy),
    }
    return {
        name: {
            "score": scorecard.score(probs, truth, taxonomy),
            "against": scorecard.compare(right, scorecard.find_right(probs, truth, taxonomy)),
        }
        for name, probs in fitted.items()
    }


def _histogram(table: pa.Table) -> Any:
    return baseline.histogram([pictures.decode(i.as_py(), BASELINE_PX) for i in table["image"]])


def _answer(recogniser: Recogniser, table: pa.Table, text: str) -> dict[str, Any]:
    parts = []
    with telemetry.bar(text, table.num_rows) as advance:
        for batch in table.select(["picture_id", "image"]).to_batches(BATCH):
            parts.append(
                recogniser({k: _objects(batch[k].to_pylist()) for k in batch.schema.names})
            )
            advance(batch.num_rows, "")
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def _objects(values: list[Any]) -> Any:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _labels(table: pa.Table) -> Any:
    return np.array(table["labels"].to_pylist(), dtype=np.int64)


def _strip(value: Any) -> Any:
    """A report without its confusion tables, for the card."""
    if isinstance(value, Mapping):
        return {k: _strip(v) for k, v in value.items() if k != "confusion"}
    return value


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
