"""Judge a recogniser on a labelled set and on scenes, beside what it must beat."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import rich.console
import rich.table

from fashiontrend import console, images
from fashiontrend.attrnet.evaluation import baselines as baseline
from fashiontrend.attrnet.evaluation import hard_examples, labelled_set
from fashiontrend.attrnet.inference import artifact
from fashiontrend.attrnet.inference.predict import Recogniser
from fashiontrend.attrnet.inference.probabilities import fit_temperature, temper
from fashiontrend.errors import DataError
from fashiontrend.report import EvaluationInput, Exhibit, build_evaluation
from fashiontrend.standalone import Sets, digest_pictures

BATCH = 64
#: Part of the empty scenes that may get a box.
FALSE_BOXES = 0.05
BASELINE_PX = 64
TABLE_WIDTH = 120
#: What a card does not need of a report.
BULKY = frozenset(
    {
        *("confusion", "coverage_curve", "reliability", "reliability_tempered"),
        *("iou_counts", "small_iou_counts"),
    }
)
#: Pictures of the galleries: of each attribute, of worst boxes, of boxes on empty scenes.
MISTAKES, WORST_BOXES, FALSE_BOXES_SHOWN = 12, 18, 12


@dataclass(frozen=True)
class Judgement:
    """A report of plain values, and the same as an HTML page with the worst pictures."""

    report: dict[str, Any]
    page: str


def judge(sets: Sets, folder: Path, *, baselines: bool = True, threads: int = 1) -> Judgement:
    """Answer the pictures that were kept apart, score the answers, and note them on the card.

    Args:
        sets: as the model was fitted on.
        folder: the model; its card gets temperatures, a threshold for boxes and the report once all
            is judged. What it says of scenes stays where none are judged.
        baselines: fit and score the majority value and the colour histogram too.
        threads: of the network.

    Returns:
        `val` and `scenes` of the scorecard, `baselines` with paired differences, the card's
        core-seconds, and a `doubt` in words if the model was fitted on other pictures than
        `sets.train`; and the page.

    Raises:
        DataError: the model is of other classes than the set, or no picture kept apart is labelled.
    """
    recogniser = Recogniser(folder, threads)
    card = recogniser.card
    _check(card, sets)
    doubt = _doubt(card, sets, baselines)
    threshold = _choose_threshold(recogniser, sets.vacant, trusted=not doubt)
    # In memory: a judgement that stops on its way leaves the model as it was.
    recogniser.card = card.model_copy(update={"temperatures": {}, "box_threshold": threshold})
    ids, truth = sets.taxonomy.ids, _labels(sets.val)
    found = answer(recogniser, sets.val, "judge val")
    probs = {a: found[f"probs_{a}"] for a in ids}
    report: dict[str, Any] = {
        "val": labelled_set.score(probs, truth, sets.taxonomy),
        "core_seconds": card.core_seconds,
        "seed": card.seed,
        "fitted_on": card.pictures or sets.train.num_rows,
        **({"doubt": doubt} if doubt else {}),
    }
    seen = answer(recogniser, sets.scenes, "judge scenes") if sets.scenes.num_rows else {}
    if seen:
        report["scenes"] = _judge_scenes(seen, sets, threshold)
    if baselines:
        right = labelled_set.find_right(probs, truth, sets.taxonomy)
        report["baselines"] = _judge_baselines(sets, truth, right)
    temperatures = {a: fit_temperature(probs[a], truth[:, n]) for n, a in enumerate(ids)}
    told = {
        "temperatures": temperatures,
        "box_threshold": threshold,
        "metrics": _keep_scenes(card) | _strip(report) if not seen else _strip(report),
    }
    artifact.save(folder, recogniser.model, card.model_copy(update=told))
    calibrated = found | {f"probs_{a}": temper(probs[a], temperatures[a]) for a in ids}
    page = build_evaluation(
        EvaluationInput(
            folder.resolve().name,
            sets.taxonomy,
            report,
            _mistakes(calibrated, sets),
            *_places(seen, sets.scenes, threshold),
        )
    )
    return Judgement(report, page)


def show(report: Mapping[str, Any]) -> None:
    """Print the report as tables."""
    val = report["val"]
    table = rich.table.Table(
        "attribute", "accuracy", "wilson", "macro-F1", "ECE", "coverage", "there right",
        *report.get("baselines", {}), title=f"{val['pictures']} pictures kept apart",
    )  # fmt: skip
    others = [b["score"] for b in report.get("baselines", {}).values()]
    for name, one in val["attributes"].items():
        table.add_row(
            name, _number(one["accuracy"]), _number(one["wilson_low"]),
            _within(one["macro_f1"], one["macro_f1_interval"]), _number(one["ece_tempered"]),
            _number(one["coverage"]), _number(one["accuracy_covered"]),
            *(_number(o["attributes"][name]["accuracy"]) for o in others),
        )  # fmt: skip
    table.add_row(
        "mean", _within(val["mean_accuracy"], val["mean_accuracy_interval"]), "",
        _number(val["mean_macro_f1"]), "", "", "", *(_number(o["mean_accuracy"]) for o in others),
    )  # fmt: skip
    table.add_row("all right", _number(val["all_right"]), *[""] * 5,
                  *(_number(o["all_right"]) for o in others))  # fmt: skip
    # In a log, or a narrow window, lines may break; numbers must not.
    wide = max(console.stderr.width, TABLE_WIDTH)
    rich.console.Console(file=console.stderr.file, width=wide).print(table)
    for name, other in report.get("baselines", {}).items():
        against = other["against"]
        told = _within(against["difference"], against["interval"])
        console.stderr.print(f"  better than {name} by {told}")
    for name, value in report.get("scenes", {}).items():
        if not isinstance(value, dict | list):
            console.stderr.print(f"  scenes {name} {_number(value)}")
    console.stderr.print(f"  core-seconds of the fit {report['core_seconds']}")
    if "doubt" in report:
        console.stderr.print(f"  [bold]{report['doubt']}[/bold]")


def _check(card: artifact.Card, sets: Sets) -> None:
    """Names of files make a set's taxonomy another one; other values make other classes."""
    own, other = (
        [(a.id, a.value_ids) for a in t.attributes] for t in (card.read_taxonomy(), sets.taxonomy)
    )
    if own != other:
        artifact.check_taxonomy(card, sets.taxonomy)
    if not labelled_set.find_shown(_labels(sets.val), sets.taxonomy).any():
        raise DataError(
            f"none of the {sets.val.num_rows} pictures kept apart (split val) has a value of "
            f"{', '.join(sets.taxonomy.ids)}. Label some, or name other --attributes."
        )


def _doubt(card: artifact.Card, sets: Sets, baselines: bool) -> str:
    """What is not as it was when the model was fitted; nothing where its card does not say."""
    if card.pictures_digest in ("", digest_pictures(sets.train)):
        return ""
    told = (
        f"The model was fitted on {card.pictures} pictures, and not on the {sets.train.num_rows} "
        "that these files and options leave to fit on."
    )
    if sets.scenes.num_rows or sets.vacant.num_rows:
        return (
            f"{told} Scenes that are judged here may be among those it has learnt, so its threshold "
            "for boxes stays. Give the files, --scenes, --hold-out, --hold-out-seed and --splits "
            "of the fit."
        )
    return f"{told} The baselines are fitted on the latter." if baselines else told


def _choose_threshold(recogniser: Recogniser, vacant: pa.Table, *, trusted: bool) -> float:
    """From empty scenes that were neither fitted on nor are judged on; else the card's own stays."""
    if vacant.num_rows < labelled_set.LEAST_EMPTY or not trusted:
        own = recogniser.card.box_threshold
        why = (
            f"{vacant.num_rows} scenes without a garment were kept out to choose one by, "
            f"{labelled_set.LEAST_EMPTY} are needed"
            if trusted
            else "the model was fitted on other pictures"
        )
        console.stderr.print(f"  the threshold for boxes stays at {own:.3f}: {why}")
        return own
    found = answer(recogniser, vacant, "choose a threshold")
    return labelled_set.choose_threshold(np.array(found["box_score"]), FALSE_BOXES)


def _keep_scenes(card: artifact.Card) -> dict[str, Any]:
    """What the card says of scenes, where none are judged now."""
    kept = {k: v for k, v in card.metrics.items() if k == "scenes"}
    if kept:
        console.stderr.print("  No scenes were judged: what the card says of them stays")
    return kept


def _judge_scenes(found: Mapping[str, Any], sets: Sets, threshold: float) -> dict[str, Any]:
    true = _true_boxes(sets.scenes)
    labels = _labels(sets.scenes)
    shown = true[:, 2] > true[:, 0]
    probs = {a: found[f"probs_{a}"][shown] for a in sets.taxonomy.ids}
    score = labelled_set.score(probs, labels[shown], sets.taxonomy)
    boxes = labelled_set.score_boxes(found["box"], found["box_score"], true, threshold)
    boxes["threshold"] = threshold
    return boxes | {"mean_accuracy": score["mean_accuracy"], "recognised": score}


def _mistakes(found: Mapping[str, Any], sets: Sets) -> dict[str, list[Exhibit]]:
    probs = {a: found[f"probs_{a}"] for a in sets.taxonomy.ids}
    chosen = hard_examples.find_mistakes(probs, _labels(sets.val), sets.taxonomy, MISTAKES)
    return {a: _exhibits(sets.val, found["box"], of) for a, of in chosen.items()}


def _places(
    found: Mapping[str, Any], scenes: pa.Table, threshold: float
) -> tuple[list[Exhibit], list[Exhibit]]:
    """The worst boxes, and boxes on empty scenes."""
    if not scenes.num_rows:
        return [], []
    box, certainty, true = found["box"], found["box_score"], _true_boxes(scenes)
    missed = hard_examples.find_worst_boxes(box, certainty, true, threshold, WORST_BOXES)
    false = hard_examples.find_false_boxes(certainty, true, threshold, FALSE_BOXES_SHOWN)
    return _exhibits(scenes, box, missed, true), _exhibits(scenes, box, false)


def _exhibits(
    table: pa.Table,
    box: Any,
    mistakes: Sequence[hard_examples.Mistake | hard_examples.BoxMistake],
    true: Any = None,
) -> list[Exhibit]:
    return [
        Exhibit(
            table["picture_id"][m.row].as_py(),
            table["image"][m.row].as_py(),
            box[m.row].tolist() if getattr(m, "told", True) else None,
            m,
            None if true is None else true[m.row].tolist(),
        )
        for m in mistakes
    ]


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
            "score": labelled_set.score(probs, truth, taxonomy),
            "against": labelled_set.compare(right, labelled_set.find_right(probs, truth, taxonomy)),
        }
        for name, probs in fitted.items()
    }


def _histogram(table: pa.Table) -> Any:
    return baseline.histogram([images.decode(i.as_py(), BASELINE_PX) for i in table["image"]])


def answer(recogniser: Recogniser, table: pa.Table, text: str) -> dict[str, Any]:
    """A recogniser's columns for every picture of a table, and `probs_*` of the natural priors.

    Args:
        recogniser: any that was fitted on this set's attributes.
        table: picture_id and image are read.
        text: beside the progress bar.
    """
    parts = []
    with console.bar(text, table.num_rows) as advance:
        for batch in table.select(["picture_id", "image"]).to_batches(BATCH):
            parts.append(
                recogniser({k: _objects(batch[k].to_pylist()) for k in batch.schema.names})
            )
            advance(batch.num_rows, "")
    found = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    return found | {f"probs_{a}": p for a, p in recogniser.natural(found).items()}


def _objects(values: list[Any]) -> Any:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _true_boxes(table: pa.Table) -> Any:
    return np.array(table["box"].to_pylist(), dtype=np.float64)


def _labels(table: pa.Table) -> Any:
    return np.array(table["labels"].to_pylist(), dtype=np.int64)


def _strip(value: Any) -> Any:
    """A report without its tables and curves, for the card."""
    if isinstance(value, Mapping):
        return {k: _strip(v) for k, v in value.items() if k not in BULKY}
    return value


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _within(value: float | None, interval: Sequence[float] | None) -> str:
    around = f" ({interval[0]:.3f}..{interval[1]:.3f})" if interval else ""
    return f"{_number(value)}{around}"
