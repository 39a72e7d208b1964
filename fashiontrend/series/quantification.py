"""Estimate shares from a recogniser's predictions: quantification under prior-probability shift.

Shapes: n products, K values, m validation pictures, D bootstrap draws.

Counting the most probable values is biased for two reasons: the recogniser was trained on a
resampled prior, and it makes errors. Here the predictions are calibrated on the annotated
validation pictures (bias-corrected temperature scaling), and expectation maximisation finds the
shares that make the predictions most likely (Saerens, Latinne and Decaestecker 2002; Alexandari,
Kundaje and Shrikumar, ICML 2020, recommend the combination). The published share stops early, see
`unfolding`. The draws of the interval run to convergence from random starts, so that a recogniser
without knowledge gets a wide interval.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import softmax

from fashiontrend.series.votes import VISIBLE_FROM, read_probs, split_visible
from fashiontrend.taxonomy import Taxonomy

Array = NDArray[np.float64]

#: Precision (1 / variance) of the prior on the temperature and on the values' biases: without
#: annotated pictures, the prior alone decides how far the recogniser's probabilities are trusted.
SLOPE_PRECISION = 4.0
BIAS_PRECISION = 40.0
_SMALLEST = 1e-4
_NEWTON_STEPS = 12
_EM_STEPS = 100
_TOLERANCE = 2e-4


@dataclass(frozen=True)
class RecogniserCalibration:
    """D calibrations of one attribute: log-likelihood of value k = slope * log p_k + bias_k."""

    slope: Array  # (D,)
    bias: Array  # (D, K), with the prior of the validation pictures already subtracted


@dataclass(frozen=True)
class Validation:
    """The recogniser's predictions and the annotations of validation pictures, by attribute.

    It holds only pictures that show the attribute both by annotation and by prediction.
    """

    probs: dict[str, Array]  # attribute -> (m, K) over its values
    labels: dict[str, NDArray[np.int64]]  # attribute -> (m,) index of the true value
    prior: dict[str, Array]  # attribute -> (K,) proportions in the resampled training set

    def natural(self, attribute: str) -> Array:
        """Return the (K,) proportions of the values in the pictures, with pseudo-counts of 0.5."""
        size = len(self.prior[attribute])
        counts = np.bincount(self.labels[attribute], minlength=size) + 0.5
        return np.asarray(counts / counts.sum())


def collect_validation(
    predictions: pa.Table,
    examples: pa.Table,
    prior: dict[str, list[float]],
    taxonomy: Taxonomy,
) -> Validation:
    """Join the recogniser's predictions for validation pictures with their annotations.

    Args:
        predictions: rows of `schemas.prediction_schema` for the validation pictures.
        examples: rows of `schemas.EXAMPLE`; those of split "val" that are annotated are used.
        prior: attribute -> K or K + 1 proportions in the resampled training set; the entry for
            "not visible" is dropped and the others are scaled to sum to 1.
        taxonomy: the values, and the order of the label arrays.
    """
    table = examples.select(["picture_id", "split", "annotated", "labels"]).to_pandas()
    table = table[(table["split"] == "val") & table["annotated"]].drop_duplicates("picture_id")
    row_of = {p: i for i, p in enumerate(predictions["picture_id"].to_pylist())}
    table = table[table["picture_id"].isin(row_of)]
    rows = np.array([row_of[p] for p in table["picture_id"]], dtype=np.int64)
    truth = np.stack(table["labels"].to_list()) if len(table) else np.zeros((0, len(taxonomy.ids)))
    probs, labels, priors = {}, {}, {}
    for column, attribute in enumerate(taxonomy.attributes):
        size = len(attribute.values)
        values, visible = split_visible(read_probs(predictions, attribute.id, size)[rows])
        label = truth[:, column].astype(np.int64)
        used = (label >= 0) & (label < size) & (visible >= VISIBLE_FROM)
        probs[attribute.id], labels[attribute.id] = values[used], label[used]
        given = np.maximum(np.asarray(prior[attribute.id], dtype=np.float64)[:size], 1e-6)
        priors[attribute.id] = given / given.sum()
    return Validation(probs, labels, priors)


def count_raw(probs: Array) -> Array:
    """Return the (K,) shares of the most probable values of (n, K) probabilities."""
    counts = np.bincount(probs.argmax(axis=1), minlength=probs.shape[1])
    return counts / max(len(probs), 1)


def fit_calibration(
    probs: Array,
    labels: NDArray[np.int64],
    prior: Array,
    weights: Array,
    noise: Array | None = None,
) -> RecogniserCalibration:
    """Fit D temperature scalings with a bias for each value to annotated pictures.

    Args:
        probs: (m, K) predicted probabilities of validation pictures, under the training prior.
        labels: (m,) indices of the true values.
        prior: (K,) proportions that the recogniser was trained with.
        weights: (D, m) bootstrap weights of the pictures.
        noise: (D, 1 + K) standard normal draws. If given, the mean of the parameters' prior is
            perturbed in each draw, so that few pictures give wide intervals (perturb and
            maximise).

    Returns:
        D calibrations that maximise weighted log-likelihood plus log prior, by Newton's method.
    """
    draws, values = weights.shape[0], probs.shape[1]
    x = log_probs(probs)
    onehot = np.eye(values)[labels] if len(labels) else np.zeros((0, values))
    counts = weights @ onehot + 0.5
    proportions = counts / counts.sum(axis=1, keepdims=True)
    precision = np.concatenate([[SLOPE_PRECISION], np.full(values, BIAS_PRECISION)])
    prior_mean = np.concatenate([np.ones((draws, 1)), np.log(proportions) - np.log(prior)], axis=1)
    if noise is not None:
        prior_mean = prior_mean + noise / np.sqrt(precision)
        prior_mean[:, 0] = np.abs(prior_mean[:, 0])
    theta = prior_mean.copy()
    for _ in range(_NEWTON_STEPS):
        theta = theta - _newton_step(theta, x, onehot, weights, prior_mean, precision)
        theta[:, 0] = np.maximum(theta[:, 0], 0.0)
    calibrated = softmax(theta[:, :1, None] * x + theta[:, None, 1:], axis=-1)
    mass = np.einsum("dm,dmk->dk", weights, calibrated) + 0.5 * proportions
    mass = mass / mass.sum(axis=1, keepdims=True)
    return RecogniserCalibration(theta[:, 0], theta[:, 1:] - np.log(mass))


def _newton_step(
    theta: Array, x: Array, onehot: Array, weights: Array, prior_mean: Array, precision: Array
) -> Array:
    """Return the Newton step of the (D, 1 + K) parameters theta."""
    probs = softmax(theta[:, :1, None] * x + theta[:, None, 1:], axis=-1)  # (D, m, K)
    error = probs - onehot
    weighted = weights[:, :, None] * probs
    centred = x - (probs * x).sum(axis=2, keepdims=True)
    gradient = precision * (theta - prior_mean)
    gradient[:, 0] += np.einsum("dm,dmk,mk->d", weights, error, x, optimize=True)
    gradient[:, 1:] += np.einsum("dm,dmk->dk", weights, error)
    size = theta.shape[1]
    hessian = np.zeros((len(theta), size, size))
    hessian[:, np.arange(size), np.arange(size)] = precision + 1e-6
    hessian[:, 0, 0] += (weighted * centred**2).sum(axis=(1, 2))
    cross = (weighted * centred).sum(axis=1)
    hessian[:, 0, 1:] += cross
    hessian[:, 1:, 0] += cross
    index = np.arange(1, size)
    hessian[:, index, index] += weighted.sum(axis=1)
    hessian[:, 1:, 1:] -= np.matmul(weighted.transpose(0, 2, 1), probs)
    return np.asarray(np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0], dtype=np.float64)


def likelihoods(probs: Array, calibration: RecogniserCalibration) -> Array:
    """Return the (D, n, K) calibrated likelihoods p(prediction | value), up to a factor.

    Args:
        probs: (n, K) predicted probabilities.
        calibration: D calibrations.
    """
    logits = calibration.slope[:, None, None] * log_probs(probs) + calibration.bias[:, None, :]
    return np.asarray(np.exp(logits - logits.max(axis=2, keepdims=True)))


def maximise_shares(
    likelihood: Array, weights: Array, prior_mean: Array, smoothing: float
) -> Array:
    """Estimate shares by expectation maximisation, with pseudo-counts.

    Args:
        likelihood: (C, n, K) likelihoods under C calibrations.
        weights: (C, R, n) bootstrap weights of the products in R draws of each calibration.
        prior_mean: (C, R, K) mean of the Dirichlet prior, and the start of the search. A
            prediction without information leaves the shares there: if the means are drawn from a
            flat prior, a recogniser without knowledge gets a wide interval.
        smoothing: pseudo-count of a value, in products (Jeffreys: 0.5).

    Returns:
        (C, R, K) shares that sum to 1.
    """
    extra = smoothing * prior_mean.shape[2] * prior_mean
    total = weights.sum(axis=2)[:, :, None] + extra.sum(axis=2, keepdims=True) + 1e-12
    shares = prior_mean
    turned = likelihood.transpose(0, 2, 1)
    for _ in range(_EM_STEPS):
        mixed = np.matmul(shares, turned) + 1e-300  # (C, R, n)
        new = (shares * np.matmul(weights / mixed, likelihood) + extra) / total
        change = np.abs(new - shares).max()
        shares = new / new.sum(axis=2, keepdims=True)
        if change < _TOLERANCE:
            break
    return shares


def log_probs(probs: Array) -> Array:
    """Return the (n, K) finite logarithms of (n, K) probabilities."""
    clipped = np.maximum(probs, _SMALLEST)
    return np.asarray(np.log(clipped / clipped.sum(axis=1, keepdims=True)))
