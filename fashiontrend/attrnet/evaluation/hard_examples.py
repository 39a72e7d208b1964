"""The worst answers: what a person should look at first, most confidently wrong on top.

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

#: A mix-up that is as frequent as navy for black would fill the gallery alone.
SAME_PAIR = 2


@dataclass(frozen=True)
class Mistake:
    """One wrong answer.

    Attributes:
        row: of the picture.
        attribute: its id.
        said: index of the answer.
        confidence: of the answer.
        labelled: index of the label.
        labelled_confidence: what was left for the label.
    """

    row: int
    attribute: str
    said: int
    confidence: float
    labelled: int
    labelled_confidence: float


@dataclass(frozen=True)
class BoxMistake:
    """One wrong place: the picture's row, the garment's probability, the IoU (0 without a box)."""

    row: int
    certainty: float
    iou: float
    told: bool


def find_mistakes(
    probs: Mapping[str, Floats], labels: Ints, taxonomy: Taxonomy, count: int
) -> dict[str, list[Mistake]]:
    """The most confidently wrong answers of each attribute, at most `SAME_PAIR` of a mix-up.

    Args:
        probs: (N, V + 1) per attribute; NaN rows are left out.
        labels: (N, A).
        taxonomy: order of the A axis.
        count: how many of an attribute.
    """
    return {
        a: _of_attribute(a, np.asarray(probs[a], dtype=np.float64), labels[:, n], count)
        for n, a in enumerate(taxonomy.ids)
    }


def find_worst(
    probs: Mapping[str, Floats], labels: Ints, taxonomy: Taxonomy, count: int
) -> list[Mistake]:
    """The most confidently wrong answers over all attributes, which take turns; each picture once.

    Args:
        probs: as `find_mistakes`.
        labels: (N, A).
        taxonomy: order of the A axis.
        count: how many together.
    """
    found = find_mistakes(probs, labels, taxonomy, count)
    chosen: dict[int, Mistake] = {}
    for turn in range(count):
        ranked = [of[turn] for of in found.values() if turn < len(of)]
        for one in sorted(ranked, key=lambda m: -m.confidence):
            if len(chosen) < count:
                chosen.setdefault(one.row, one)
    return list(chosen.values())


def find_worst_boxes(
    box: Floats, certainty: Floats, true: Floats, threshold: float, count: int
) -> list[BoxMistake]:
    """Garments whose box overlaps the true one least; the surest first among equals.

    Args:
        box: (N, 4) in fractions.
        certainty: (N,) probability of a garment.
        true: (N, 4); a box of no size where there is no garment, NaN where none was drawn.
        threshold: below it no box is told.
        count: how many.
    """
    told = certainty >= threshold
    iou = np.where(told, measure_iou(box, np.nan_to_num(true)), 0.0)
    rows = np.flatnonzero(true[:, 2] > true[:, 0])
    order = rows[np.lexsort((-certainty[rows], iou[rows]))][:count]
    return [BoxMistake(int(n), float(certainty[n]), float(iou[n]), bool(told[n])) for n in order]


def find_false_boxes(
    certainty: Floats, true: Floats, threshold: float, count: int
) -> list[BoxMistake]:
    """Pictures without a garment that got a box, the surest first; arguments as before."""
    rows = np.flatnonzero((true[:, 2] <= true[:, 0]) & (certainty >= threshold))
    order = rows[np.argsort(-certainty[rows], kind="stable")][:count]
    return [BoxMistake(int(n), float(certainty[n]), 0.0, True) for n in order]


def _of_attribute(attribute: str, probs: Floats, labels: Ints, count: int) -> list[Mistake]:
    known = np.flatnonzero((labels >= 0) & ~np.isnan(probs).any(1))
    said = probs[known].argmax(1)
    wrong = known[said != labels[known]]
    ranked = wrong[np.argsort(-probs[wrong].max(1), kind="stable")]
    pairs: Counter[tuple[int, int]] = Counter()
    found: list[Mistake] = []
    for row in ranked.tolist():
        answer, label = int(probs[row].argmax()), int(labels[row])
        pairs[answer, label] += 1
        if pairs[answer, label] <= SAME_PAIR and len(found) < count:
            sure, left = float(probs[row, answer]), float(probs[row, label])
            found.append(Mistake(row, attribute, answer, sure, label, left))
    return found
