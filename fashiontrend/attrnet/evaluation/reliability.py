"""Reliability of a recogniser's confidence: coverage curves and calibration bins.

N pictures; the top of V + 1 probabilities is the confidence.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating[Any]]
Ints: TypeAlias = NDArray[np.integer[Any]]

#: Points of a coverage curve: parts of the pictures, the surest first.
COVERAGES = tuple(n / 20 for n in range(1, 21))
BINS = 10


def cover(probs: Floats, labels: Ints) -> list[list[float]]:
    """Compute accuracy against coverage, the surest predictions first.

    Args:
        probs: (N, V + 1) without NaN.
        labels: (N,) all labelled.

    Returns:
        Rows of coverage, the least confidence within it, and the accuracy within it, for each of
        `COVERAGES`; no row without a picture.
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
    """Compute mean confidence, accuracy and number of pictures for each equal bin that has pictures.

    Args:
        probs: (N, V + 1) without NaN.
        labels: (N,) all labelled.
        bins: number of bins of the confidence.
    """
    top, right = probs.max(1), probs.argmax(1) == labels
    place = np.minimum((top * bins).astype(int), bins - 1)
    return [
        [float(top[place == b].mean()), float(right[place == b].mean()), int((place == b).sum())]
        for b in np.unique(place)
    ]
