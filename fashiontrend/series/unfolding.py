"""Choose the number of expectation-maximisation steps on annotated pictures.

The first step from the natural proportions is the mean of the calibrated predictions
(probabilistic classify and count, Bella et al. 2010): it has little variance, but is biased
towards those proportions. The last step is the maximum of the likelihood: it is unbiased, but
amplifies noise. Stopping in between is iterative unfolding (D'Agostini 1995). The stop with the
least error depends on the recogniser, on the number of products and on how far shares have moved.
It is therefore found by trial: annotated pictures are drawn in the proportions of the measured
windows (the artificial-prevalence protocol of the quantification literature, with the prevalences
that occur here). Numbers are in docs/adr/0008.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashiontrend.series import quantification

Array = NDArray[np.float64]

#: Numbers of steps that are tried; the last one has practically converged.
STOPS = (1, 2, 4, 60)
#: With fewer annotated pictures, the first stop is taken without a trial.
MIN_PICTURES = 40
#: Groups of products have a likelihood of their own from each of these steps on, the mean at the
#: shares that are reached after `REFERENCE_STEPS`: see `counts`.
STAGES = (0, 1, 2, 3, 4, 16)
REFERENCE_STEPS = (1, 2, 3, 8, 60)
_SPLITS = 3
_MAX_TARGETS = 32


def unfold(
    likelihood: Array,
    prior: Array,
    smoothing: float,
    stops: tuple[int, ...] = STOPS,
    counts: Array | None = None,
) -> Array:
    """Return the shares of n products after given numbers of expectation-maximisation steps.

    Args:
        likelihood: (n, K) likelihoods under the best calibration; or (len(STAGES), n, K), those
            that hold from each of the `STAGES` on.
        prior: (K,) shares to start from, those of the annotated pictures.
        smoothing: pseudo-count of a value, in products (Jeffreys: 0.5).
        stops: numbers of steps, ascending.
        counts: (n,) products that each row stands for; 1 each if not given.

    Returns:
        (len(stops), K) shares that sum to 1.
    """
    shares, found = prior, []
    stages = likelihood if likelihood.ndim == 3 else likelihood[None]
    times = np.ones(stages.shape[1]) if counts is None else counts
    for step in range(1, stops[-1] + 1):
        stage = int(np.searchsorted(STAGES, step - 1, side="right")) - 1
        joint = stages[min(stage, len(stages) - 1)] * shares
        mass = (times / np.maximum(joint.sum(axis=1), 1e-300)) @ joint
        shares = (mass + smoothing) / max(float(mass.sum()) + smoothing * len(prior), 1e-12)
        if step in stops:
            found.append(shares)
    return np.array(found)


@dataclass(frozen=True)
class AnnotatedPredictions:
    """The recogniser's predictions of one attribute for m annotated pictures."""

    probs: Array  # (m, K), rows sum to 1
    labels: NDArray[np.int64]  # (m,) indices of the true values
    prior: Array  # (K,) proportions that the recogniser was trained with

    def select(self, rows: NDArray[np.int64]) -> "AnnotatedPredictions":
        """Return the predictions for some of the pictures."""
        return AnnotatedPredictions(self.probs[rows], self.labels[rows], self.prior)


def choose_stop(
    annotated: AnnotatedPredictions, targets: Array, products: int, rng: np.random.Generator
) -> int:
    """Return the index in `STOPS` of the stop with the least mean absolute error.

    Args:
        annotated: predictions for annotated pictures; each half of them calibrates the
            predictions for the other half.
        targets: (J, K) shares that occur, estimated at the maximum of the likelihood.
        products: number of products of a window, and of each trial.
        rng: draws the halves and the trials.
    """
    count = len(annotated.labels)
    if count < MIN_PICTURES or not len(targets) or not products:
        return 0
    chosen = targets[:: -(-len(targets) // _MAX_TARGETS)]
    error = np.zeros(len(STOPS))
    for _ in range(_SPLITS):
        order = rng.permutation(count)
        for left, right in ((order[::2], order[1::2]), (order[1::2], order[::2])):
            halves = annotated.select(left), annotated.select(right)
            error += _measure_errors(*halves, chosen, products, rng)
    return int(error.argmin())


def _measure_errors(
    calibrating: AnnotatedPredictions,
    tested: AnnotatedPredictions,
    targets: Array,
    products: int,
    rng: np.random.Generator,
) -> Array:
    """Return the (len(STOPS),) summed errors for pictures of one half, calibrated on the other."""
    size = tested.probs.shape[1]
    ones = np.ones((1, len(calibrating.labels)))
    calibration = quantification.fit_calibration(
        calibrating.probs, calibrating.labels, calibrating.prior, ones
    )
    likelihood = quantification.likelihoods(tested.probs, calibration)[0]
    counts = np.bincount(tested.labels, minlength=size)
    natural = np.bincount(calibrating.labels, minlength=size) + 0.5
    error = np.zeros(len(STOPS))
    for target in targets:
        # These weights give each value the frequency that the target has.
        weight = (target / np.maximum(counts, 1))[tested.labels]
        drawn = rng.choice(len(tested.labels), products, p=weight / weight.sum())
        truth = np.bincount(tested.labels[drawn], minlength=size) / products
        shares = unfold(likelihood[drawn], natural / natural.sum(), 0.0)
        error += np.abs(shares - truth).mean(axis=1)
    return error
