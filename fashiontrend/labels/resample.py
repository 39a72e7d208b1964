"""Resample by attribute proportion: repeat factors, and how they change the balance of values.

Shapes: N pictures, A attributes, V values of an attribute. Labels are indices; the index V means
"not visible" and -1 "unlabelled".
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fashiontrend.config import ResampleConfig
from fashiontrend.taxonomy import Taxonomy

Labels = NDArray[np.int16]
Floats = NDArray[np.float64]

#: A warning is given if the proportion of a frequent value grows by more than this factor.
WARN_ABOVE_GROWTH = 1.02


@dataclass(frozen=True)
class Balance:
    """How even the values are before and after resampling."""

    table: pd.DataFrame  # a row per value: counts, proportions and IRLbl, before and after
    mean_ir: tuple[float, float]  # MeanIR before and after, see `measure_balance`
    pictures: tuple[int, int]  # before and after, repeats counted
    effective_size: float  # Kish's effective sample size after
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Return the plain form that the ledger keeps."""
        return {
            "rows": self.table.astype(object).where(self.table.notna(), None).to_dict("records"),
            "mean_ir": {"before": self.mean_ir[0], "after": self.mean_ir[1]},
            "pictures": {"before": self.pictures[0], "after": self.pictures[1]},
            "effective_size": self.effective_size,
            "warnings": list(self.warnings),
        }


def repeat_factors(labels: Labels, taxonomy: Taxonomy, cfg: ResampleConfig) -> Floats:
    """Return how often each picture should be repeated.

    Let f be a value's proportion among the pictures that show its attribute. The value's factor
    is r = max(1, (t / f)^beta), and a picture gets the largest r of its attributes, at most `cap`.
    This is LVIS repeat-factor sampling (Gupta, Dollár and Girshick 2019), there with beta = 0.5;
    here proportions are taken within the attribute, and t = 1 / V by default.

    Args:
        labels: (N, A) indices of values.
        taxonomy: the A attributes.
        cfg: beta, threshold, cap, and a boost per attribute that multiplies beta.

    Returns:
        (N,) factors in [1, cap]; a cap below 1 counts as 1.
    """
    factors = np.ones(len(labels))
    for column, attribute in enumerate(taxonomy.attributes):
        size = len(attribute.values)
        shown = (labels[:, column] >= 0) & (labels[:, column] < size)
        values = labels[shown, column]
        counts = np.bincount(values, minlength=size)[:size]
        share = counts / max(counts.sum(), 1)
        threshold = 1.0 / size if cfg.threshold is None else cfg.threshold
        beta = cfg.beta * cfg.boost.get(attribute.id, 1.0)
        wanted = (threshold / np.maximum(share, 1e-12)) ** beta if threshold else np.ones(size)
        factors[shown] = np.maximum(factors[shown], wanted[values])
    return np.minimum(factors, max(cfg.cap, 1.0))


def draw_repeats(factors: Floats, rng: np.random.Generator) -> NDArray[np.int16]:
    """Round each of (N,) factors up with the probability of its fraction, which keeps the mean."""
    whole = np.floor(factors)
    return np.asarray(whole + (rng.random(len(factors)) < factors - whole), dtype=np.int16)


def measure_balance(labels: Labels, repeats: NDArray[np.int16], taxonomy: Taxonomy) -> Balance:
    """Compare the values' counts before and after resampling.

    IRLbl of a value is the count of its attribute's most frequent value divided by its own count;
    MeanIR is the mean over all values that occur (Charte et al. 2015, here within each
    attribute). The effective sample size is that of Kish, (sum r)^2 / sum r^2.

    Args:
        labels: (N, A) indices of values.
        repeats: (N,) how often the resampled set holds each picture.
        taxonomy: the A attributes.
    """
    rows = [
        row
        for column, attribute in enumerate(taxonomy.attributes)
        for row in _attribute_rows(attribute.id, attribute.value_ids, labels[:, column], repeats)
    ]
    table = pd.DataFrame(rows)
    weights = repeats.astype(np.float64)
    square = float((weights**2).sum())
    return Balance(
        table=table,
        mean_ir=(_mean(table["irlbl_before"]), _mean(table["irlbl_after"])),
        pictures=(len(labels), int(repeats.sum())),
        effective_size=float(weights.sum()) ** 2 / square if square else 0.0,
        warnings=tuple(_warn_of_rises(table, taxonomy)),
    )


def _attribute_rows(
    attribute: str, values: tuple[str, ...], labels: Labels, repeats: NDArray[np.int16]
) -> list[dict[str, object]]:
    shown = (labels >= 0) & (labels < len(values))
    before = np.bincount(labels[shown], minlength=len(values)).astype(int)
    after = np.bincount(labels[shown], weights=repeats[shown], minlength=len(values)).astype(int)
    return [
        {
            "attribute": attribute,
            "value": value,
            "count_before": int(b),
            "proportion_before": float(b / max(before.sum(), 1)),
            "irlbl_before": float(before.max() / b) if b else None,
            "count_after": int(a),
            "proportion_after": float(a / max(after.sum(), 1)),
            "irlbl_after": float(after.max() / a) if a else None,
        }
        for value, b, a in zip(values, before, after, strict=True)
    ]


def _mean(column: "pd.Series[Any]") -> float:
    known = column.dropna().astype(float)
    return float(known.mean()) if len(known) else 0.0


def _warn_of_rises(table: pd.DataFrame, taxonomy: Taxonomy) -> list[str]:
    """Warn of frequent values that grew: a picture is repeated as its rarest value needs it."""
    sizes = taxonomy.num_values
    warnings = []
    for row in table.to_dict("records"):
        before, after = row["proportion_before"], row["proportion_after"]
        if before > 1.0 / sizes[row["attribute"]] and after > WARN_ABOVE_GROWTH * before:
            warnings.append(
                f"{row['attribute']}.{row['value']} is frequent and grew from {before:.1%} to "
                f"{after:.1%}: it goes with rare values of other attributes. Lower resample.beta if that hurts."
            )
    return warnings
