"""From logits to calibrated probabilities, and to probabilities under another prior. N pictures, V values."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from fashiontrend.attrnet.network.model import AttrNetOutput

Floats = NDArray[np.float64]

#: Bounds of a temperature; a fit that ends on one of them had too little to fit.
LOWEST, HIGHEST = 0.1, 10.0
TINY = 1e-12


def calibrate(
    output: AttrNetOutput, attributes: Sequence[str], temperatures: Mapping[str, float]
) -> dict[str, NDArray[np.float32]]:
    """Compute softmax(logits / temperature), (N, V + 1) per attribute; a missing temperature is 1.

    Args:
        output: of the network, for N pictures.
        attributes: their ids, in the order of the logits.
        temperatures: per attribute id.
    """
    with torch.no_grad():
        return {
            a: (scores.float() / temperatures.get(a, 1.0)).softmax(1).cpu().numpy()
            for a, scores in zip(attributes, output.logits, strict=True)
        }


def fit_temperature(probs: ArrayLike, labels: ArrayLike) -> float:
    """Fit the temperature that makes the labels likeliest (Guo et al. 2017, arXiv:1706.04599).

    Args:
        probs: (N, V + 1) at temperature 1; NaN rows are left out.
        labels: (N,) indices; -1 is left out.

    Returns:
        A number between 0.1 and 10; 1 if nothing is labelled.
    """
    logits = np.log(np.asarray(probs, dtype=np.float64).clip(TINY))
    targets = np.asarray(labels)
    known = (targets >= 0) & ~np.isnan(logits).any(1)
    if not known.any():
        return 1.0
    logits, targets = logits[known], targets[known]

    def surprise(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        top = scaled.max(1, keepdims=True)
        total = np.log(np.exp(scaled - top).sum(1)) + top[:, 0]
        return float((total - scaled[np.arange(len(targets)), targets]).mean())

    found = minimize_scalar(surprise, bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded")
    return float(np.exp(found.x))


def temper(probs: ArrayLike, temperature: float) -> Floats:
    """Change probabilities (N, V + 1) from temperature 1 to another."""
    scaled = np.log(np.asarray(probs, dtype=np.float64).clip(TINY)) / temperature
    raised = np.exp(scaled - scaled.max(1, keepdims=True))
    return np.asarray(raised / raised.sum(1, keepdims=True))


def undo_prior(probs: ArrayLike, train_prior: ArrayLike, natural_prior: ArrayLike) -> Floats:
    """Change the prior of probabilities to the natural one: p * natural / train, normalised.

    Resampling the training set shifts the prior; this is logit adjustment (Saerens et al. 2002,
    eq. 2.4; Menon et al. 2021, arXiv:2007.07314), for decisions on single pictures.

    Args:
        probs: (N, V + 1) calibrated, under the training prior.
        train_prior: (V + 1,) counts or proportions of the resampled training set.
        natural_prior: (V + 1,) those of the natural distribution.

    Returns:
        (N, V + 1). A value without training pictures keeps its probability unweighted.
    """
    train, natural = (_proportions(p) for p in (train_prior, natural_prior))
    ratio = np.where(train > 0, natural / np.where(train > 0, train, 1), 1.0)
    weighted = np.asarray(probs, dtype=np.float64) * ratio
    total = weighted.sum(1, keepdims=True)
    # A row without any natural probability keeps its own, which is better than none.
    return np.where(total == 0, probs, weighted / np.where(total == 0, 1, total))


def estimate_prior(labels: ArrayLike, num_values: int, pseudo_count: float = 0.5) -> Floats:
    """Estimate the proportions of the values and of "not visible" among labelled pictures, (V + 1,).

    Args:
        labels: (N,) indices; -1 is left out.
        num_values: V.
        pseudo_count: added to each count, so that a value without a label stays possible; 0.5 is
            Jeffreys' prior.
    """
    known = np.asarray(labels, dtype=np.int64)
    counts = np.bincount(known[known >= 0], minlength=num_values + 1) + pseudo_count
    return np.asarray(counts / counts.sum())


def _proportions(prior: ArrayLike) -> Floats:
    counts = np.asarray(prior, dtype=np.float64)
    return counts / max(float(counts.sum()), TINY)
