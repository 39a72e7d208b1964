"""How accurate the recogniser is on annotated pictures of the natural distribution (A6, gate G1).

N pictures, A attributes with V values; index V means "not visible", -1 not labelled. A number
that nothing supports is NaN, and a gate stays closed on NaN.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from fashiontrend.attrnet.network.boxes import IOU_THRESHOLD, measure_iou
from fashiontrend.errors import DataError
from fashiontrend.taxonomy import Taxonomy

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

ECE_BINS = 15
WILSON_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Answers:
    """What the recogniser says: probs (N, V + 1) per attribute, box (N, 4), box_score (N,)."""

    probs: Mapping[str, Floats]
    box: Floats
    box_score: Floats


@dataclass(frozen=True)
class Truth:
    """What people annotated: labels (N, A), box (N, 4) with NaN rows where none was drawn."""

    labels: Ints
    box: Floats


@dataclass(frozen=True)
class AttributeReport:
    """One attribute.

    Attributes:
        accuracy: top-1 over all V + 1 classes, of pictures whose true status is present.
        wilson_low: one-sided 95 % lower bound of it (Wilson score interval).
        macro_f1: mean F1 of the values that occur in the truth.
        visibility_f1: mean F1 of "visible" and "not visible", of those that occur in the truth.
        support: pictures whose true status is present.
        not_visible: pictures annotated as not visible.
        ece: expected calibration error, 15 equal bins of the top probability.
        majority_accuracy: of always answering the commonest present value.
        confusion: (V + 1) rows of truth, V + 1 columns of answers, counts.
    """

    accuracy: float
    wilson_low: float
    macro_f1: float
    visibility_f1: float
    support: int
    not_visible: int
    ece: float
    majority_accuracy: float
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class BoxReport:
    """The location: mean IoU and average precision at IoU 0.5, over `support` drawn boxes."""

    mean_iou: float
    ap50: float
    support: int


@dataclass(frozen=True)
class AccuracyReport:
    """What the accuracy gate reads.

    Attributes:
        mean_accuracy: mean over all attributes; NaN if one has no support.
        worst_attribute: the one with the lowest `wilson_low`, or one without support.
        worst_wilson_low: its bound.
        majority_accuracy: mean over attributes of the majority baseline.
        attributes: per attribute.
        box: the location.
        pictures: N.
        undecided: pictures without an answer (they count as wrong).
    """

    mean_accuracy: float
    worst_attribute: str
    worst_wilson_low: float
    majority_accuracy: float
    attributes: Mapping[str, AttributeReport]
    box: BoxReport
    pictures: int
    undecided: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; NaN becomes None."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def evaluate(answers: Answers, truth: Truth, taxonomy: Taxonomy) -> AccuracyReport:
    """Judge answers against annotations.

    Args:
        answers: of the recogniser; a row of NaN is a picture without an answer.
        truth: of annotators, of pictures that resampling never touched.
        taxonomy: gives the order of the A axis.

    Raises:
        DataError: the shapes contradict each other.
    """
    labels = np.asarray(truth.labels).reshape(-1, len(taxonomy.ids))
    _check_shapes(answers, labels, taxonomy)
    reports = {
        a: judge_attribute(answers.probs[a], labels[:, n]) for n, a in enumerate(taxonomy.ids)
    }
    lows = {a: r.wilson_low if r.support else -math.inf for a, r in reports.items()}
    worst = min(lows, key=lambda a: lows[a])
    silent = np.isnan(np.asarray(answers.box)).any(1)
    return AccuracyReport(
        mean_accuracy=float(np.mean([r.accuracy for r in reports.values()])),
        worst_attribute=worst,
        worst_wilson_low=reports[worst].wilson_low,
        majority_accuracy=float(np.mean([r.majority_accuracy for r in reports.values()])),
        attributes=reports,
        box=judge_boxes(*(np.asarray(x) for x in (answers.box, answers.box_score, truth.box))),
        pictures=len(labels),
        undecided=int(silent.sum()),
    )


def judge_attribute(probs: Floats, labels: Ints) -> AttributeReport:
    """Judge one attribute: probs (N, V + 1), labels (N,)."""
    known = labels >= 0
    hidden = probs.shape[1] - 1
    true, given = labels[known], np.asarray(probs, dtype=np.float64)[known]
    silent = np.isnan(given).any(1)
    # Without an answer: wrong by a class of its own, which no truth holds.
    said = np.where(silent, hidden + 1, np.where(np.isnan(given), -1.0, given).argmax(1))
    present = true < hidden
    support, right = int(present.sum()), int((said == true)[present].sum())
    answered = said <= hidden
    table = np.zeros((hidden + 1, hidden + 1), np.int64)
    np.add.at(table, (true[answered], said[answered]), 1)
    counts = np.bincount(true[present], minlength=1)
    return AttributeReport(
        accuracy=right / support if support else math.nan,
        wilson_low=_wilson_low(right, support),
        macro_f1=_macro_f1(true, said, np.unique(true[present])),
        visibility_f1=_macro_f1(present, said < hidden, np.unique(present)),
        support=support,
        not_visible=int((~present).sum()),
        ece=measure_ece(given[~silent], true[~silent]),
        majority_accuracy=float(counts.max() / support) if support else math.nan,
        confusion=tuple(tuple(int(c) for c in row) for row in table),
    )


def judge_boxes(found: Floats, score: Floats, true: Floats) -> BoxReport:
    """Judge one found box per picture against the drawn one, (N, 4) each; NaN rows are left out."""
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


def _wilson_low(right: int, support: int) -> float:
    if not support:
        return math.nan
    test = binomtest(right, support, alternative="greater")
    return float(test.proportion_ci(WILSON_CONFIDENCE, method="wilson").low)


def _macro_f1(true: Any, said: Any, classes: Any) -> float:
    if not len(classes):
        return math.nan
    return float(f1_score(true, said, labels=classes, average="macro", zero_division=0))


def _average_precision(hit: NDArray[np.bool_], score: Floats) -> float:
    """Area under the envelope of precision over recall, at every recall level."""
    order = np.argsort(-np.nan_to_num(score, nan=-1.0), kind="stable")
    found = np.cumsum(hit[order])
    precision = found / np.arange(1, len(hit) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[hit[order]].sum() / len(hit))


def _check_shapes(answers: Answers, labels: Ints, taxonomy: Taxonomy) -> None:
    for attribute, values in taxonomy.num_values.items():
        seen = np.shape(answers.probs[attribute]) if attribute in answers.probs else None
        if seen != (len(labels), values + 1):
            raise DataError(
                f"evaluation: probabilities of {attribute!r} have shape {seen}, expected "
                f"{(len(labels), values + 1)}. Predict the validation pictures again."
            )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and math.isnan(value) else value
