"""From a recogniser's answers to shares: quantification under prior-probability shift.

Shapes: n products, K values, m validation pictures, D bootstrap draws.

Counting top answers is biased twice: the recogniser was trained on a resampled prior, and it
errs. Here the answers are calibrated on the annotated validation pictures (bias-corrected
temperature scaling) and expectation maximisation looks for the shares that make the answers
most likely (Saerens, Latinne and Decaestecker 2002; the pair is recommended by Alexandari,
Kundaje and Shrikumar, ICML 2020). The share that is told stops early, see `unfolding`; the
interval's draws go to the end from random starts, so that a recogniser that knows nothing shows.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fashiontrend.series.votes import VISIBLE_FROM, read_probs, split_visible
from fashiontrend.taxonomy import Taxonomy

Array = NDArray[np.float64]

#: Precision (1 / variance) of the prior on the temperature and on the values' biases: without
#: annotated pictures the recogniser's own probabilities are believed about this much.
SLOPE_PRECISION = 4.0
BIAS_PRECISION = 40.0
_SMALLEST = 1e-4
_NEWTON_STEPS = 12
_EM_STEPS = 100
_TOLERANCE = 2e-4


@dataclass(frozen=True)
class Calibration:
    """D calibrations of one attribute: log-likelihood of value k = slope * log p_k + bias_k."""

    slope: Array  # (D,)
    bias: Array  # (D, K), with the prior of the validation pictures already taken out


@dataclass(frozen=True)
class Validation:
    """What the annotated validation pictures tell of the recogniser, for each attribute.

    Only pictures that show the attribute, by their annotation and by the recogniser, are held.
    """

    probs: dict[str, Array]  # attribute -> (m, K) over its values
    labels: dict[str, NDArray[np.int64]]  # attribute -> (m,) index of the true value
    prior: dict[str, Array]  # attribute -> (K,) prior that the recogniser was trained under

    def natural(self, attribute: str) -> Array:
        """The (K,) proportions of the values among the pictures, with pseudo-counts of 0.5."""
        size = len(self.prior[attribute])
        counts = np.bincount(self.labels[attribute], minlength=size) + 0.5
        return np.asarray(counts / counts.sum())


def collect_validation(
    predictions: pa.Table,
    examples: pa.Table,
    prior: dict[str, list[float]],
    taxonomy: Taxonomy,
) -> Validation:
    """Join the recogniser's answers for validation pictures with what people said of them.

    Args:
        predictions: rows of `records.prediction_schema` for the validation pictures.
        examples: rows of `records.EXAMPLE`; those of split "val" that are annotated are used.
        prior: attribute -> K or K + 1 proportions in the resampled training set (an entry for
            "not visible" is left out and the rest made to sum to 1).
        taxonomy: order of the label arrays, and the values.
    """
    table = examples.select(["picture_id", "split", "annotated", "labels"]).to_pandas()
    table = table[(table["split"] == "val") & table["annotated"]].drop_duplicates("picture_id")
    where = {p: i for i, p in enumerate(predictions["picture_id"].to_pylist())}
    table = table[table["picture_id"].isin(where)]
    rows = np.array([where[p] for p in table["picture_id"]], dtype=np.int64)
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
    """Shares of the top answers of (n, K) probabilities; (K,)."""
    counts = np.bincount(probs.argmax(axis=1), minlength=probs.shape[1])
    return counts / max(len(probs), 1)


def fit_calibration(
    probs: Array,
    labels: NDArray[np.int64],
    prior: Array,
    weights: Array,
    noise: Array | None = None,
) -> Calibration:
    """Fit D temperature scalings with a bias for each value to annotated pictures.

    Args:
        probs: (m, K) answers for validation pictures, under the training prior.
        labels: (m,) true values.
        prior: (K,) prior that the recogniser was trained under.
        weights: (D, m) bootstrap weights of the pictures.
        noise: (D, 1 + K) standard normal draws; where given, each draw leans on another draw
            from the prior, so that few pictures mean wide intervals (perturb and maximise).

    Returns:
        D calibrations, the maxima of weighted log-likelihood plus log prior (Newton's method).
    """
    draws, values = weights.shape[0], probs.shape[1]
    x = _logs(probs)
    onehot = np.eye(values)[labels] if len(labels) else np.zeros((0, values))
    counts = weights @ onehot + 0.5
    seen = counts / counts.sum(axis=1, keepdims=True)
    precision = np.concatenate([[SLOPE_PRECISION], np.full(values, BIAS_PRECISION)])
    lean = np.concatenate([np.ones((draws, 1)), np.log(seen) - np.log(prior)], axis=1)
    if noise is not None:
        lean = lean + noise / np.sqrt(precision)
        lean[:, 0] = np.abs(lean[:, 0])
    theta = lean.copy()
    for _ in range(_NEWTON_STEPS):
        theta = theta - _newton_step(theta, x, onehot, weights, (lean, precision))
        theta[:, 0] = np.maximum(theta[:, 0], 0.0)
    answers = _softmax(theta[:, :1, None] * x + theta[:, None, 1:])
    held = np.einsum("dm,dmk->dk", weights, answers) + 0.5 * seen
    held = held / held.sum(axis=1, keepdims=True)
    return Calibration(theta[:, 0], theta[:, 1:] - np.log(held))


def _newton_step(
    theta: Array, x: Array, onehot: Array, weights: Array, lean: tuple[Array, Array]
) -> Array:
    answers = _softmax(theta[:, :1, None] * x + theta[:, None, 1:])  # (D, m, K)
    error = answers - onehot
    weighted = weights[:, :, None] * answers
    centred = x - (answers * x).sum(axis=2, keepdims=True)
    gradient = lean[1] * (theta - lean[0])
    gradient[:, 0] += np.einsum("dm,dmk,mk->d", weights, error, x, optimize=True)
    gradient[:, 1:] += np.einsum("dm,dmk->dk", weights, error)
    size = theta.shape[1]
    hessian = np.zeros((len(theta), size, size))
    hessian[:, np.arange(size), np.arange(size)] = lean[1] + 1e-6
    hessian[:, 0, 0] += (weighted * centred**2).sum(axis=(1, 2))
    cross = (weighted * centred).sum(axis=1)
    hessian[:, 0, 1:] += cross
    hessian[:, 1:, 0] += cross
    index = np.arange(1, size)
    hessian[:, index, index] += weighted.sum(axis=1)
    hessian[:, 1:, 1:] -= np.matmul(weighted.transpose(0, 2, 1), answers)
    return np.asarray(np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0], dtype=np.float64)


def likelihoods(probs: Array, calibration: Calibration) -> Array:
    """Calibrated likelihoods p(answer | value) of (n, K) answers, up to a factor; (D, n, K)."""
    logits = calibration.slope[:, None, None] * _logs(probs) + calibration.bias[:, None, :]
    return np.asarray(np.exp(logits - logits.max(axis=2, keepdims=True)))


def maximise_shares(like: Array, weights: Array, lean: Array, smoothing: float) -> Array:
    """Expectation maximisation of shares, with pseudo-counts.

    Args:
        like: (C, n, K) likelihoods under C calibrations.
        weights: (C, R, n) weights of the products in R draws of each calibration.
        lean: (C, R, K) shares that the pseudo-counts have and that the search starts from. An
            answer that tells nothing leaves the shares there: draws of `lean` from a flat prior
            are what makes the interval of an ignorant recogniser wide.
        smoothing: pseudo-count of a value (Jeffreys 0.5), in products.

    Returns:
        (C, R, K) shares that sum to 1.
    """
    extra = smoothing * lean.shape[2] * lean
    total = weights.sum(axis=2)[:, :, None] + extra.sum(axis=2, keepdims=True) + 1e-12
    shares = lean
    turned = like.transpose(0, 2, 1)
    for _ in range(_EM_STEPS):
        mixed = np.matmul(shares, turned) + 1e-300  # (C, R, n)
        new = (shares * np.matmul(weights / mixed, like) + extra) / total
        change = np.abs(new - shares).max()
        shares = new / new.sum(axis=2, keepdims=True)
        if change < _TOLERANCE:
            break
    return shares


def _logs(probs: Array) -> Array:
    clipped = np.maximum(probs, _SMALLEST)
    return np.asarray(np.log(clipped / clipped.sum(axis=1, keepdims=True)))


def _softmax(logits: Array) -> Array:
    scaled = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(scaled / scaled.sum(axis=-1, keepdims=True))
