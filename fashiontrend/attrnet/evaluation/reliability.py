"""How far a recogniser's confidence can be trusted: what it covers, and how often it is right there.

N pictures; the top of V + 1 probabilities is the confidence.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating[Any]]
Ints: TypeAlias = NDArray[np.integer[Any]]

#: Parts of the pictures, the surest first, at which a coverage curve is told.
COVERAGES = tuple(n / 20 for n in range(1, 21))
BINS = 10


def cover(probs: Floats, labels: Ints) -> list[list[float]]:
    """Accuracy against coverage: how right the surest answers are.

    Args:
        probs: (N, V + 1) without NaN.
        labels: (N,) all labelled.

    Returns:
        Rows of coverage, the least confidence in it, and the accuracy there, for each of
        `COVERAGES`; none without a picture.
    """
    if not len(labels):
        return []
    top = probs.max(1)
    order = np.argsort(-top, kind="stable")
    right = np.cumsum((probs.argmax(1) == labels)[order])
    taken = np.unique([max(round(c * len(labels)), 1) for c in COVERAGES])
    return [
        [float(n / len(labels)), float(top[order[n - 1]]), float(right[n - 1] / n)] for n in taken
    ]


def bin_confidence(probs: Floats, labels: Ints, bins: int = BINS) -> list[list[float]]:
    """Rows of mean confidence, accuracy and pictures, of the equal bins that hold any.

    Args:
        probs: (N, V + 1) without NaN.
        labels: (N,) all labelled.
        bins: of the confidence.
    """
    top, right = probs.max(1), probs.argmax(1) == labels
    place = np.minimum((top * bins).astype(int), bins - 1)
    return [
        [float(top[place == b].mean()), float(right[place == b].mean()), int((place == b).sum())]
        for b in np.unique(place)
    ]
