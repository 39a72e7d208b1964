"""How good a recogniser is on a labelled set, with intervals, beside others and on scenes.

N pictures, A attributes with V values; index V means "not visible", -1 not labelled. Plain
values are returned, for JSON.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from fashiontrend.attrnet.evaluation.accuracy import evaluate_attribute, measure_ece
from fashiontrend.attrnet.evaluation.reliability import bin_confidence, cover
from fashiontrend.attrnet.inference.probabilities import fit_temperature, temper
from fashiontrend.attrnet.network.boxes import IOU_THRESHOLD, measure_iou
from fashiontrend.taxonomy import Taxonomy

Floats: TypeAlias = NDArray[np.floating[Any]]
Ints: TypeAlias = NDArray[np.integer[Any]]
Probs: TypeAlias = Mapping[str, Floats]

#: A value with fewer pictures says little of macro-F1.
LEAST_PICTURES = 5
#: How sure an answer must be to be covered.
CONFIDENCE = 0.8
SAMPLES = 1000
LOW, HIGH = 2.5, 97.5
#: Bounds of a threshold for boxes, and the empty pictures that are needed to choose one.
LOWEST, HIGHEST, LEAST_EMPTY = 0.05, 0.999, 40
#: How probable it is that a chosen threshold keeps what it promises of unseen pictures.
ASSURED = 0.8
#: Equal bins of IoU in which boxes are counted.
IOU_BINS = 20
#: A garment that covers less than this part of its picture is small.
SMALL_AREA = 0.1


def score(probs: Probs, labels: Ints, taxonomy: Taxonomy, seed: int = 0) -> dict[str, Any]:
    """Score answers per attribute and together.

    Args:
        probs: (N, V + 1) per attribute at temperature 1, under the natural prior.
        labels: (N, A).
        taxonomy: order of the A axis.
        seed: of the bootstrap and of the halves on which temperatures are fitted crosswise.

    Returns:
        Numbers per attribute, None where it has no labelled picture; means are over the others.
        Accuracies, their mean and its interval, and `all_right` are of pictures that show the
        attribute, or all of them.
    """
    rng = np.random.default_rng(seed)
    right = find_right(probs, labels, taxonomy)
    attributes = {
        a: _score_attribute(probs[a], labels[:, n], rng) for n, a in enumerate(taxonomy.ids)
    }
    whole = right[~np.isnan(right).any(1)]
    sampled = _resample(right, rng)
    return {
        "pictures": len(labels),
        "mean_accuracy": _mean_of(attributes, "accuracy"),
        "mean_accuracy_interval": _interval(sampled),
        "mean_macro_f1": _mean_of(attributes, "macro_f1"),
        "all_right": float(whole.all(1).mean()) if len(whole) else None,
        "attributes": attributes,
    }


def find_right(probs: Probs, labels: Ints, taxonomy: Taxonomy) -> Floats:
    """1 where the top answer is right, 0 where it is wrong, NaN where no value is labelled: (N, A).

    "Not visible" is no value: accuracy is of pictures that show the attribute.
    """
    said = np.stack([np.nan_to_num(probs[a], nan=-1.0).argmax(1) for a in taxonomy.ids], 1)
    silent = np.stack([np.isnan(probs[a]).any(1) for a in taxonomy.ids], 1)
    right = ((said == labels) & ~silent).astype(np.float64)
    return np.where(find_shown(labels, taxonomy), right, np.nan)


def find_shown(labels: Ints, taxonomy: Taxonomy) -> NDArray[np.bool_]:
    """Where a picture is labelled with a value, so neither unlabelled nor "not visible": (N, A)."""
    shown: NDArray[np.bool_] = (labels >= 0) & (labels < list(taxonomy.num_values.values()))
    return shown


def compare(first: Floats, second: Floats, seed: int = 0) -> dict[str, Any]:
    """How much better the first is than the second on the same pictures.

    Args:
        first: (N, A) of `find_right`.
        second: (N, A), same pictures.
        seed: of the bootstrap over pictures.

    Returns:
        Difference of mean accuracy and its 95 % interval, and both per attribute.
    """
    rng = np.random.default_rng(seed)
    weights = _draw_weights(len(first), rng)
    known = ~np.isnan(first)
    told = known.any(0)
    apart = np.nan_to_num(first) - np.nan_to_num(second)
    drawn = (weights @ apart) / np.maximum(weights @ known, 1)
    each = apart.sum(0) / np.maximum(known.sum(0), 1)
    return {
        "difference": float(each[told].mean()),
        "interval": _interval(drawn[:, told].mean(1)),
        "attributes": [float(d) for d in each],
        "attribute_intervals": [_interval(d) for d in drawn.T],
    }


def score_boxes(box: Floats, certainty: Floats, true: Floats, threshold: float) -> dict[str, Any]:
    """Score one found box per picture where some pictures hold no garment.

    Args:
        box: (N, 4) in fractions.
        certainty: (N,) probability of a garment.
        true: (N, 4); a box of no size where there is no garment; no NaN.
        threshold: below it no box is told; that is an IoU of 0 where there is a garment.

    Returns:
        mean_iou, small_iou, how many boxes lie in each of `IOU_BINS`, ap50, in which boxes on
        empty pictures count as false, and the part of the empty pictures that got a box.
    """
    empty = true[:, 2] <= true[:, 0]
    told = certainty >= threshold
    iou = np.where(empty | ~told, 0.0, measure_iou(box, true))
    area = (true[:, 2:] - true[:, :2]).prod(1)
    small = ~empty & (area < SMALL_AREA)
    return {
        "pictures": int((~empty).sum()),
        "mean_iou": _mean(iou[~empty]),
        "ap50": _average_precision(iou >= IOU_THRESHOLD, certainty, told, int((~empty).sum())),
        "small": int(small.sum()),
        "small_iou": _mean(iou[small]),
        "iou_counts": _count_iou(iou[~empty]),
        "small_iou_counts": _count_iou(iou[small]),
        "empty": int(empty.sum()),
        "false_boxes": _mean(told[empty]),
    }


def choose_threshold(certainty: Floats, false_boxes: float) -> float:
    """A threshold above which at most this part of pictures without a garment should get a box.

    The lowest for which that holds of unseen ones with a probability of `ASSURED`, whatever the
    distribution (a tolerance limit, Wilks 1941): of unseen pictures like the n given, the part above
    the k + 1st largest certainty has a Beta(k + 1, n - k) distribution.

    Args:
        certainty: (N,) probability of a garment, of pictures without one.
        false_boxes: part of them.

    Returns:
        Between `LOWEST` and `HIGHEST`, whatever is asked for; 0.5 if there are too few pictures.
    """
    count = len(certainty)
    if count < LEAST_EMPTY:
        return 0.5
    above = np.arange(count)
    assured = beta.cdf(false_boxes, above + 1, count - above) >= ASSURED
    allowed = max(int(assured.sum()) - 1, 0)  # it falls with each picture that is allowed above
    highest = np.sort(certainty)[::-1]
    return float(np.clip(np.nextafter(highest[allowed], 1.0), LOWEST, HIGHEST))


def _score_attribute(probs: Floats, labels: Ints, rng: np.random.Generator) -> dict[str, Any]:
    report = evaluate_attribute(probs, labels)
    known = (labels >= 0) & ~np.isnan(probs).any(1)
    given, true = np.asarray(probs[known], dtype=np.float64), labels[known]
    tempered = _temper_crosswise(given, true, rng)
    said, sure = given.argmax(1), tempered.max(1) >= CONFIDENCE
    values, counts = np.unique(true, return_counts=True)
    often = values[counts >= LEAST_PICTURES]
    drawn = [
        _macro_f1(true[rows], said[rows], often) if len(rows) else float("nan")
        for rows in rng.integers(0, max(len(true), 1), (SAMPLES, len(true)))
    ]
    told = {
        "accuracy": report.accuracy,
        "wilson_low": report.wilson_low,
        "support": report.support,
        "macro_f1": _macro_f1(true, said, often),
        "macro_f1_interval": _interval(np.array(drawn)),
        "macro_f1_values": len(often),
        "ece": report.ece,
        "ece_tempered": measure_ece(tempered, true),
        "coverage": _mean(sure),
        "accuracy_covered": _mean((said == true)[sure]),
        "coverage_curve": cover(tempered, true),
        "reliability": bin_confidence(given, true),
        "reliability_tempered": bin_confidence(tempered, true),
        "majority_accuracy": report.majority_accuracy,
        "confusion": report.confusion,
    }
    return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in told.items()}


def _temper_crosswise(probs: Floats, labels: Ints, rng: np.random.Generator) -> Floats:
    """Probabilities at a temperature that was fitted on the other half."""
    half = rng.permutation(len(labels)) % 2 == 0
    tempered = np.array(probs)
    for part in (half, ~half):
        if part.any() and (~part).any():
            tempered[part] = temper(probs[part], fit_temperature(probs[~part], labels[~part]))
    return tempered


def _macro_f1(true: Ints, said: Ints, classes: Ints) -> float:
    """Mean of 2 * right / (true + said) over classes; counted, since the bootstrap asks often."""
    if not len(classes):
        return float("nan")
    size = int(max(true.max(), said.max(), classes.max())) + 1
    right, is_true, is_said = (
        np.bincount(x, minlength=size)[classes] for x in (true[true == said], true, said)
    )
    return float((2 * right / np.maximum(is_true + is_said, 1)).mean())


def _resample(right: Floats, rng: np.random.Generator) -> Floats:
    """Mean accuracy of bootstrap samples of the pictures; none where nothing counts."""
    weights = _draw_weights(len(right), rng)
    known = ~np.isnan(right)
    if not known.any():
        return np.empty(0)
    drawn = (weights @ np.nan_to_num(right)) / np.maximum(weights @ known, 1)
    return np.asarray(drawn[:, known.any(0)].mean(1))


def _draw_weights(count: int, rng: np.random.Generator) -> Floats:
    return rng.multinomial(count, np.full(count, 1 / max(count, 1)), SAMPLES).astype(np.float64)


def _mean_of(attributes: Mapping[str, Mapping[str, Any]], name: str) -> float | None:
    return _mean(np.array([a[name] for a in attributes.values() if a[name] is not None]))


def _interval(drawn: Floats) -> list[float] | None:
    if not drawn.size or np.isnan(drawn).all():
        return None
    return [float(p) for p in np.percentile(drawn, (LOW, HIGH))]


def _count_iou(iou: Floats) -> list[int]:
    return [int(n) for n in np.histogram(iou, IOU_BINS, (0, 1))[0]]


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None


def _average_precision(
    hit: NDArray[np.bool_], certainty: Floats, told: NDArray[np.bool_], garments: int
) -> float | None:
    """Area under the envelope of precision over recall; boxes on empty pictures are misses."""
    if not garments:
        return None
    order = np.argsort(-certainty, kind="stable")
    order = order[told[order]]
    found = np.cumsum(hit[order])
    precision = found / np.arange(1, len(order) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[hit[order]].sum() / garments)
