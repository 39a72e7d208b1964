"""How far to follow expectation maximisation, chosen on annotated pictures.

The first step from the natural proportions is the mean of the calibrated answers (probabilistic
classify and count, Bella et al. 2010): steady, but pulled towards those proportions. The last
one is the maximum of the likelihood: unbiased, but it amplifies noise. Stopping between them is
iterative unfolding (D'Agostini 1995). Which stop errs least depends on the recogniser, on the
number of products and on how far shares have moved, so it is tried out: annotated pictures are
drawn in the proportions of the measured windows (the artificial-prevalence protocol of the
quantification literature, with the prevalences that occur here). Numbers: docs/adr/0008.
"""

import numpy as np
from numpy.typing import NDArray

from fashiontrend.series import quantification

Array = NDArray[np.float64]

#: Steps that are tried; the last is as good as the maximum.
STOPS = (1, 2, 4, 60)
#: Below so many annotated pictures the first stop is taken untried.
MIN_PICTURES = 40
_SPLITS = 3
_MOST_TARGETS = 32


def unfold(like: Array, prior: Array, smoothing: float, stops: tuple[int, ...] = STOPS) -> Array:
    """Shares of n products after some steps of expectation maximisation.

    Args:
        like: (n, K) likelihoods under the best calibration.
        prior: (K,) shares to start from, those of the annotated pictures.
        smoothing: pseudo-count of a value (Jeffreys 0.5).
        stops: numbers of steps, ascending.

    Returns:
        (len(stops), K) shares that sum to 1.
    """
    shares, found = prior, []
    for step in range(1, stops[-1] + 1):
        joint = like * shares
        held = (joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-300)).sum(axis=0)
        shares = (held + smoothing) / max(float(held.sum()) + smoothing * len(prior), 1e-12)
        if step in stops:
            found.append(shares)
    return np.array(found)


def choose_stop(
    known: tuple[Array, NDArray[np.int64], Array],
    targets: Array,
    products: int,
    rng: np.random.Generator,
) -> int:
    """Index in `STOPS` of the one with the least mean absolute error.

    Args:
        known: probs (m, K), labels (m,) and training prior (K,) of annotated pictures; each half
            of them calibrates the answers of the other.
        targets: (J, K) shares that occur, as the maximum of the likelihood has them.
        products: how many stand in a window, the size of each try.
        rng: splits and draws.
    """
    probs, labels, prior = known
    if len(labels) < MIN_PICTURES or not len(targets) or not products:
        return 0
    chosen = targets[:: -(-len(targets) // _MOST_TARGETS)]
    error = np.zeros(len(STOPS))
    for _ in range(_SPLITS):
        order = rng.permutation(len(labels))
        for left, right in ((order[::2], order[1::2]), (order[1::2], order[::2])):
            error += _try_out((probs, labels, prior), (left, right), chosen, (products, rng))
    return int(error.argmin())


def _try_out(
    known: tuple[Array, NDArray[np.int64], Array],
    halves: tuple[NDArray[np.int64], NDArray[np.int64]],
    targets: Array,
    how: tuple[int, np.random.Generator],
) -> Array:
    """Errors (len(STOPS),) of pictures of the right half, calibrated on the left one."""
    (probs, labels, prior), (left, right), (products, rng) = known, halves, how
    size = probs.shape[1]
    ones = np.ones((1, len(left)))
    calibration = quantification.fit_calibration(probs[left], labels[left], prior, ones)
    like = quantification.likelihoods(probs[right], calibration)[0]
    counts = np.bincount(labels[right], minlength=size)
    natural = np.bincount(labels[left], minlength=size) + 0.5
    error = np.zeros(len(STOPS))
    for target in targets:
        # One picture's weight makes its value as frequent as the target has it.
        weight = (target / np.maximum(counts, 1))[labels[right]]
        drawn = rng.choice(len(right), products, p=weight / weight.sum())
        truth = np.bincount(labels[right][drawn], minlength=size) / products
        error += np.abs(unfold(like[drawn], natural / natural.sum(), 0.0) - truth).mean(axis=1)
    return error
