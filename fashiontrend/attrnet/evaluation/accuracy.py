"""How accurate the recogniser is on annotated pictures of the natural distribution (A6, gate G1).

N pictures, A attributes with V values; index V means "not visible", -1 not labelled. A number
without data is NaN, and a gate stays closed on NaN.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from fashiontrend.attrnet.network.boxes import IOU_THRESHOLD, measure_iou
from fashiontrend.errors import DataError
from fashiontrend.outcomes import AttributeReport, BoxReport, EvalReport
from fashiontrend.series.metrics import wilson_low
from fashiontrend.taxonomy import Taxonomy

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

ECE_BINS = 15


@dataclass(frozen=True)
class Predictions:
    """What the recogniser predicts: probs (N, V + 1) per attribute, box (N, 4), box_score (N,)."""

    probs: Mapping[str, Floats]
    box: Floats
    box_score: Floats


@dataclass(frozen=True)
class Truth:
    """What people annotated: labels (N, A), box (N, 4) with NaN rows if none was drawn."""

    labels: Ints
    box: Floats


def evaluate(predictions: Predictions, truth: Truth, taxonomy: Taxonomy) -> EvalReport:
    """Compare predictions with annotations.

    Args:
        predictions: of the recogniser; a row of NaN is a picture without a prediction.
        truth: of annotators, for pictures that resampling never touched.
        taxonomy: gives the order of the A axis.

    Raises:
        DataError: the shapes contradict each other.
    """
    labels = np.asarray(truth.labels).reshape(-1, len(taxonomy.ids))
    _check_shapes(predictions, labels, taxonomy)
    reports = {
        a: evaluate_attribute(predictions.probs[a], labels[:, n])
        for n, a in enumerate(taxonomy.ids)
    }
    lows = {a: r.wilson_low if r.support else -math.inf for a, r in reports.items()}
    lowest = min(lows, key=lambda a: lows[a])
    missing = np.isnan(np.asarray(predictions.box)).any(1)
    return EvalReport(
        mean_accuracy=float(np.mean([r.accuracy for r in reports.values()])),
        worst_attribute=lowest,
        worst_wilson_low=reports[lowest].wilson_low,
        majority_accuracy=float(np.mean([r.majority_accuracy for r in reports.values()])),
        attributes=reports,
        box=evaluate_boxes(
            *(np.asarray(x) for x in (predictions.box, predictions.box_score, truth.box))
        ),
        pictures=len(labels),
        undecided=int(missing.sum()),
    )


def evaluate_attribute(probs: Floats, labels: Ints) -> AttributeReport:
    """Evaluate one attribute: probs (N, V + 1), labels (N,)."""
    known = labels >= 0
    hidden = probs.shape[1] - 1
    true, given = labels[known], np.asarray(probs, dtype=np.float64)[known]
    missing = np.isnan(given).any(1)
    # Without a prediction: wrong by a class of its own, which no truth holds.
    predicted = np.where(missing, hidden + 1, np.where(np.isnan(given), -1.0, given).argmax(1))
    present = true < hidden
    support, right = int(present.sum()), int((predicted == true)[present].sum())
    decided = predicted <= hidden
    table = np.zeros((hidden + 1, hidden + 1), np.int64)
    np.add.at(table, (true[decided], predicted[decided]), 1)
    counts = np.bincount(true[present], minlength=1)
    return AttributeReport(
        accuracy=right / support if support else math.nan,
        wilson_low=wilson_low(right, support),
        macro_f1=_macro_f1(true, predicted, np.unique(true[present])),
        visibility_f1=_macro_f1(present, predicted < hidden, np.unique(present)),
        support=support,
        not_visible=int((~present).sum()),
        ece=measure_ece(given[~missing], true[~missing]),
        majority_accuracy=float(counts.max() / support) if support else math.nan,
        confusion=tuple(tuple(int(c) for c in row) for row in table),
    )


def evaluate_boxes(found: Floats, score: Floats, true: Floats) -> BoxReport:
    """Compare one found box per picture with the drawn one, (N, 4) each; NaN rows are left out."""
    drawn = ~np.isnan(true).any(1)
    support = int(drawn.sum())
    if not support:
        return BoxReport(math.nan, math.nan, 0)
    iou = np.nan_to_num(measure_iou(found[drawn], true[drawn]))
    precision = _average_precision(iou >= IOU_THRESHOLD, score[drawn])
    return BoxReport(float(iou.mean()), precision, support)


def measure_ece(probs: Floats, labels: Ints, bins: int = ECE_BINS) -> float:
    """Expected calibration error (Naeini et al. 2015), over equal bins of confidence.

    Args:
        probs: (N, V + 1) without NaN.
        labels: (N,) all labelled.
        bins: of the top probability.
    """
    if not len(labels):
        return math.nan
    top = probs.max(1)
    right = probs.argmax(1) == labels
    place = np.minimum((top * bins).astype(int), bins - 1)
    gap = np.bincount(place, weights=top - right, minlength=bins)
    return float(np.abs(gap).sum() / len(labels))


def _macro_f1(true: Any, predicted: Any, classes: Any) -> float:
    if not len(classes):
        return math.nan
    return float(f1_score(true, predicted, labels=classes, average="macro", zero_division=0))


def _average_precision(hit: NDArray[np.bool_], score: Floats) -> float:
    """Area under the envelope of precision over recall, at every recall level."""
    order = np.argsort(-np.nan_to_num(score, nan=-1.0), kind="stable")
    found = np.cumsum(hit[order])
    precision = found / np.arange(1, len(hit) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[hit[order]].sum() / len(hit))


def _check_shapes(predictions: Predictions, labels: Ints, taxonomy: Taxonomy) -> None:
    for attribute, values in taxonomy.num_values.items():
        seen = np.shape(predictions.probs[attribute]) if attribute in predictions.probs else None
        if seen != (len(labels), values + 1):
            raise DataError(
                f"evaluation: probabilities of {attribute!r} have shape {seen}, expected "
                f"{(len(labels), values + 1)}. Predict the validation pictures again."
            )
