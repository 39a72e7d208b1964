"""Baselines that a recogniser must beat: the commonest value, and a regression on colour histograms.

N pictures, A attributes with V values; a label of -1 is none.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from fashiontrend.taxonomy import Taxonomy

Ints: TypeAlias = NDArray[np.integer[Any]]
Floats: TypeAlias = NDArray[np.floating[Any]]

#: Bins of each channel; the joint histogram has LEVELS ** 3 bins.
LEVELS = 8
#: Twice the iterations that five attributes of real pictures needed to converge.
MAX_ITERATIONS = 500


def majority(labels: Ints, taxonomy: Taxonomy, count: int) -> dict[str, Floats]:
    """Predict the proportions of the training labels (N, A) for each of `count` pictures: (count, V + 1)."""
    return {
        a: np.tile(_shares(labels[:, n], v), (count, 1))
        for n, (a, v) in enumerate(taxonomy.num_values.items())
    }


def histogram(pictures: Sequence[NDArray[np.uint8]]) -> Floats:
    """Compute joint colour histograms of pictures (H, W, 3): square roots of shares, (N, LEVELS ** 3)."""
    rows = []
    for pixels in pictures:
        bins = pixels.reshape(-1, 3).astype(np.int64) * LEVELS // 256
        index = (bins * (LEVELS**2, LEVELS, 1)).sum(1)
        rows.append(np.bincount(index, minlength=LEVELS**3) / len(index))
    return np.sqrt(np.array(rows).reshape(-1, LEVELS**3))


def regress(
    features: Floats, labels: Ints, unseen: Floats, taxonomy: Taxonomy
) -> Mapping[str, Floats]:
    """Fit a logistic regression per attribute, and predict probabilities (M, V + 1) for unseen features.

    Args:
        features: (N, F).
        labels: (N, A).
        unseen: (M, F).
        taxonomy: order of the A axis.
    """
    probs = {}
    for n, (attribute, values) in enumerate(taxonomy.num_values.items()):
        known = labels[:, n] >= 0
        model = LogisticRegression(C=10.0, max_iter=MAX_ITERATIONS)
        # With such small products, threads mostly wait for each other: 15 times the CPU time was measured.
        with threadpool_limits(1, "blas"):
            model.fit(features[known], labels[known, n])
        predicted = np.zeros((len(unseen), values + 1))
        predicted[:, model.classes_] = model.predict_proba(unseen)
        probs[attribute] = predicted
    return probs


def _shares(labels: Ints, values: int) -> Floats:
    counts = np.bincount(labels[labels >= 0], minlength=values + 1)
    return np.asarray(counts / max(counts.sum(), 1))
