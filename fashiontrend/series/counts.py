"""Counts of kinds of predictions in windows: what the estimate of shares needs to know of products.

Shapes: N products, n of them with the attribute, K values, Q kinds of predictions, T days, S spans.

Two products with the same prediction contribute the same to a share. Products are therefore
grouped into at most `MAX_KINDS` kinds, and a window is a vector of Q counts. Counts of disjoint
sets of products that use the same kinds add up. Memory grows with T x Q + N + S, never with T x N.

If there are at most `MAX_KINDS` distinct predictions, then each is a kind, and nothing is lost.
Otherwise k-means groups them. A kind is represented by the mean of its members' likelihoods, each
scaled so that its mean over reference shares is 1. A reference is what a sample of all products
gives after some steps; each stage of the search has its own. Let l be a member's scaled likelihood,
L = l - d its kind's, s the shares that a step of expectation maximisation starts from, and
f_k = s_k L_k / (s . L). Terms that are linear in d cancel in the mean over the members, so that

    |error of share k| <= mean over products of |s . d| |s_k d_k - f_k (s . d)| / ((s . l) (s . L))

remains. It is quadratic in the width of the kinds, and 0 if s is the reference: only the distance
of a window's shares from it makes an error. A window holds only some members of a kind: for it the
linear terms have mean 0 and a variance that falls with the number of products. `bound_step_error` computes it.
"""

import warnings
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2, vq

from fashiontrend.series import quantification, unfolding
from fashiontrend.series.quantification import RecogniserCalibration

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Kinds of predictions of an attribute at most.
MAX_KINDS = 512
#: Predictions that k-means sees. More of them do not narrow the kinds noticeably.
_SAMPLE = 8_192
_KMEANS_STEPS = 8
#: Rows that are assigned at a time, which bounds the memory of the distances.
_CHUNK = 16_384


@dataclass(frozen=True)
class Kinds:
    """The kinds of predictions of n products, and what represents each."""

    code: Ints  # (n,) kind of each product
    likelihood: Array  # (stages, Q, K) mean scaled likelihood under the best calibration
    logs: Array  # (Q, K) mean of the logarithms of the probabilities, for other calibrations


@dataclass(frozen=True)
class Spans:
    """The windows that hold each product: day `first` to before `end`, without overlap."""

    product: Ints  # (S,) index of the product
    first: Ints  # (S,) index of the window's last day
    end: Ints  # (S,) exclusive

    def select(self, rows: NDArray[np.bool_]) -> Self:
        """Return some of the spans."""
        return type(self)(self.product[rows], self.first[rows], self.end[rows])


def find_spans(product: Ints, day: Ints, window: int, days: int) -> Spans:
    """Find the windows of `window` days that hold each product.

    A product that is listed on a day belongs to the windows that end on it and on the next
    `window` - 1 days; those that its next listing opens are left to that listing, so that no
    window counts it twice.

    Args:
        product: (L,) index of the product of each listing.
        day: (L,) index of its day.
        window: length in days.
        days: number of days T.
    """
    # A key of one integer sorts faster than two columns, and drops repeated listings.
    key = np.unique(product * days + day)
    product, first = np.divmod(key, days)
    following = np.full(len(key), days, dtype=np.int64)
    same = product[1:] == product[:-1]
    following[:-1][same] = first[1:][same]
    return Spans(product, first, np.minimum(first + window, following))


def limit_spans(spans: Spans, first_day: Ints, window: int) -> Spans:
    """Keep of each span the windows that hold the day on which the product was first listed.

    Args:
        spans: as `find_spans` gives them.
        first_day: (N,) index of that day; negative if it is not among the days.
        window: length in days.
    """
    begun = first_day[spans.product]
    first = np.maximum(spans.first, begun)
    end = np.minimum(spans.end, begun + window)
    kept = (begun >= 0) & (first < end)
    return Spans(spans.product, first, end).select(kept)


def count_windows(spans: Spans, code: Ints, kinds: int, days: int) -> Ints:
    """Return (T, Q) products of each kind in each window.

    Args:
        spans: the windows that hold each product.
        code: (N,) kind of each product; negative for a product that is not counted.
        kinds: number of kinds Q.
        days: number of days T.
    """
    own = code[spans.product]
    counted = own >= 0
    own, size = own[counted], (days + 1) * kinds
    opened = np.bincount(spans.first[counted] * kinds + own, minlength=size)
    closed = np.bincount(spans.end[counted] * kinds + own, minlength=size)
    change = (opened - closed).reshape(days + 1, kinds)
    return np.asarray(np.cumsum(change, axis=0)[:days], dtype=np.int64)


def find_kinds(probs: Array, likelihood: Array, natural: Array, rng: np.random.Generator) -> Kinds:
    """Group predictions into at most `MAX_KINDS` kinds.

    Args:
        probs: (n, K) predicted probabilities, rows sum to 1.
        likelihood: (n, K) calibrated likelihoods of the same products, up to a factor each.
        natural: (K,) proportions from which the reference is searched.
        rng: draws the sample and the start of k-means.
    """
    references = find_references(likelihood, natural, rng)
    code = _distinct(probs, rng)
    if code is None:
        code = _cluster(np.sqrt(_scale(likelihood, references[-1]) * references[-1]), rng)
    present, dense = np.unique(code, return_inverse=True)
    code, size = np.asarray(dense, dtype=np.int64), len(present)
    logs = quantification.log_probs(probs)
    stages = np.stack([_mean(_scale(likelihood, r), code, size) for r in references])
    return Kinds(code, stages, _mean(logs, code, size))


def find_references(likelihood: Array, natural: Array, rng: np.random.Generator) -> Array:
    """Return the (stages, K) shares at which the kinds make no error: those of a sample."""
    chosen = rng.permutation(len(likelihood))[:_SAMPLE]
    later = unfolding.unfold(likelihood[chosen], natural, 0.5, unfolding.REFERENCE_STEPS)
    return np.concatenate([natural[None], later])


def _scale(likelihood: Array, reference: Array) -> Array:
    return np.asarray(likelihood / np.maximum(likelihood @ reference, 1e-300)[:, None])


def redraw_likelihoods(
    kinds: Kinds, point: RecogniserCalibration, drawn: RecogniserCalibration
) -> Array:
    """Return the (D, Q, K) likelihoods of the kinds under D calibrations, up to a factor.

    Another calibration multiplies the likelihood of a prediction by a power of its probabilities,
    which the kind's mean logarithm stands for; under the best calibration nothing changes.
    """
    slope = (drawn.slope - point.slope)[:, None, None]
    bias = (drawn.bias - point.bias)[:, None, :]
    logs = np.log(np.maximum(kinds.likelihood[-1], 1e-300)) + slope * kinds.logs + bias
    return np.asarray(np.exp(logs - logs.max(axis=2, keepdims=True)))


def bound_step_error(kinds: Kinds, likelihood: Array, reference: Array, shares: Array) -> Array:
    """Return the (K,) bound of the error that kinds make in one step, see the module.

    Args:
        kinds: the kinds of n products.
        likelihood: (n, K) calibrated likelihoods of the same products.
        reference: (K,) shares at which the last stage of the kinds is exact.
        shares: (K,) from which the step starts.
    """
    own = _scale(likelihood, reference)
    mean = kinds.likelihood[-1][kinds.code]
    difference = own - mean
    total, own_total = mean @ shares, own @ shares
    moved = difference @ shares
    linear = shares * difference - shares * mean * (moved / total)[:, None]
    error = np.abs(moved / (own_total * total))[:, None] * np.abs(linear)
    return np.asarray(error.mean(axis=0))


def _distinct(probs: Array, rng: np.random.Generator) -> Ints | None:
    """The codes of distinct predictions, or None if there are too many."""
    # A sample shows cheaply that there are too many; sorting a million rows is not cheap.
    if len(probs) > _SAMPLE:
        sample = probs[rng.choice(len(probs), _SAMPLE, replace=False)]
        if len(np.unique(sample, axis=0)) > MAX_KINDS:
            return None
    found, code = np.unique(probs, axis=0, return_inverse=True)
    return np.asarray(code.ravel(), dtype=np.int64) if len(found) <= MAX_KINDS else None


def _cluster(features: Array, rng: np.random.Generator) -> Ints:
    sample = features
    if len(features) > _SAMPLE:
        sample = features[rng.choice(len(features), _SAMPLE, replace=False)]
    start = np.unique(sample, axis=0)
    start = start[rng.permutation(len(start))[:MAX_KINDS]]
    with warnings.catch_warnings():  # an empty cluster keeps its centre and gets no product
        warnings.filterwarnings("ignore", "One of the clusters is empty", UserWarning)
        centres, _ = kmeans2(sample, start, iter=_KMEANS_STEPS, minit="matrix")
    chunks = range(0, len(features), _CHUNK)
    return np.concatenate([vq(features[i : i + _CHUNK], centres)[0] for i in chunks]).astype(
        np.int64
    )


def _mean(values: Array, code: Ints, size: int) -> Array:
    sums = [np.bincount(code, weights=column, minlength=size) for column in values.T]
    count = np.bincount(code, minlength=size)[:, None]
    return np.asarray(np.stack(sums, axis=1) / np.maximum(count, 1))
