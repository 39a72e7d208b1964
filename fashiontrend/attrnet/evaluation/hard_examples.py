"""Hard examples: the pictures that the recogniser predicts most confidently wrong, for a person to look at.

N pictures, A attributes with V values; index V means "not visible", -1 not labelled.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fashiontrend.attrnet.network.boxes import measure_iou
from fashiontrend.taxonomy import Taxonomy

Floats: TypeAlias = NDArray[np.floating[Any]]
Ints: TypeAlias = NDArray[np.integer[Any]]

#: Most examples of one pair of predicted value and label; navy for black would fill a gallery alone.
SAME_PAIR = 2


@dataclass(frozen=True)
class HardExample:
    """One wrongly predicted attribute.

    Attributes:
        row: of the picture.
        attribute: its id.
        predicted: index of the predicted value.
        confidence: probability of the predicted value.
        labelled: index of the label.
        labelled_confidence: probability of the label.
    """

    row: int
    attribute: str
    predicted: int
    confidence: float
    labelled: int
    labelled_confidence: float


@dataclass(frozen=True)
class HardBox:
    """A box that the recogniser predicted wrongly.

    Attributes:
        row: of the picture.
        certainty: probability of a garment.
        iou: intersection over union with the true box; 0 if no box was found or there is no garment.
        found: whether the certainty reaches the threshold, so that there is a box.
    """

    row: int
    certainty: float
    iou: float
    found: bool


def find_hard_examples(
    probs: Mapping[str, Floats], labels: Ints, taxonomy: Taxonomy, count: int
) -> dict[str, list[HardExample]]:
    """Find the most confidently wrong predictions of each attribute, at most `SAME_PAIR` of a pair.

    Args:
        probs: (N, V + 1) per attribute; NaN rows are left out.
        labels: (N, A).
        taxonomy: order of the A axis.
        count: number of examples of each attribute.
    """
    return {
        a: _of_attribute(a, np.asarray(probs[a], dtype=np.float64), labels[:, n], count)
        for n, a in enumerate(taxonomy.ids)
    }


def find_hardest(
    probs: Mapping[str, Floats], labels: Ints, taxonomy: Taxonomy, count: int
) -> list[HardExample]:
    """Find the most confidently wrong predictions over all attributes, which take turns; each picture once.

    Args:
        probs: as for `find_hard_examples`.
        labels: (N, A).
        taxonomy: order of the A axis.
        count: number of examples together.
    """
    found = find_hard_examples(probs, labels, taxonomy, count)
    chosen: dict[int, HardExample] = {}
    for turn in range(count):
        ranked = [of[turn] for of in found.values() if turn < len(of)]
        for one in sorted(ranked, key=lambda m: -m.confidence):
            if len(chosen) < count:
                chosen.setdefault(one.row, one)
    return list(chosen.values())


def find_hard_boxes(
    box: Floats, certainty: Floats, true: Floats, threshold: float, count: int
) -> list[HardBox]:
    """Find the garments whose box overlaps the true one least; the surest first among equals.

    Args:
        box: (N, 4) in fractions.
        certainty: (N,) probability of a garment.
        true: (N, 4) in fractions; a box of no size if there is no garment, NaN if none was drawn.
        threshold: a picture with less certainty has no box.
        count: number of boxes.
    """
    found = certainty >= threshold
    iou = np.where(found, measure_iou(box, np.nan_to_num(true)), 0.0)
    rows = np.flatnonzero(true[:, 2] > true[:, 0])
    order = rows[np.lexsort((-certainty[rows], iou[rows]))][:count]
    return [HardBox(int(n), float(certainty[n]), float(iou[n]), bool(found[n])) for n in order]


def find_false_boxes(
    certainty: Floats, true: Floats, threshold: float, count: int
) -> list[HardBox]:
    """Find the pictures without a garment that got a box, the surest first; arguments as `find_hard_boxes`."""
    rows = np.flatnonzero((true[:, 2] <= true[:, 0]) & (certainty >= threshold))
    order = rows[np.argsort(-certainty[rows], kind="stable")][:count]
    return [HardBox(int(n), float(certainty[n]), 0.0, True) for n in order]


def _of_attribute(attribute: str, probs: Floats, labels: Ints, count: int) -> list[HardExample]:
    known = np.flatnonzero((labels >= 0) & ~np.isnan(probs).any(1))
    predicted = probs[known].argmax(1)
    wrong = known[predicted != labels[known]]
    ranked = wrong[np.argsort(-probs[wrong].max(1), kind="stable")]
    pairs: Counter[tuple[int, int]] = Counter()
    found: list[HardExample] = []
    for row in ranked.tolist():
        value, label = int(probs[row].argmax()), int(labels[row])
        pairs[value, label] += 1
        if pairs[value, label] <= SAME_PAIR and len(found) < count:
            sure, left = float(probs[row, value]), float(probs[row, label])
            found.append(HardExample(row, attribute, value, sure, label, left))
    return found
