"""Resampling by attribute proportion: repeat factors, and the table of what they did.

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

#: A frequent value whose proportion grows by more than this is warned of.
RISE = 1.02


@dataclass(frozen=True)
class Balance:
    """How even the values are before and after: a row per value, and the numbers that sum it up."""

    table: pd.DataFrame
    mean_ir: tuple[float, float]
    pictures: tuple[int, int]
    effective_size: float
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The plain form that the ledger keeps."""
        return {
            "rows": self.table.astype(object).where(self.table.notna(), None).to_dict("records"),
            "mean_ir": {"before": self.mean_ir[0], "after": self.mean_ir[1]},
            "pictures": {"before": self.pictures[0], "after": self.pictures[1]},
            "effective_size": self.effective_size,
            "warnings": list(self.warnings),
        }


def repeat_factors(labels: Labels, taxonomy: Taxonomy, cfg: ResampleConfig) -> Floats:
    """How often each picture should be seen.

    Within an attribute f is the value's part of the pictures that show the attribute and
    r = max(1, (t / f)^beta); a picture takes the largest r of its attributes, at most `cap`.
    The method is LVIS repeat-factor sampling (Gupta, Dollár and Girshick 2019), which has
    beta = 0.5, with proportions within the attribute and t = 1 / V.

    Args:
        labels: (N, A).
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
    """Round each factor up with the probability of its fraction, so that the mean is kept; (N,)."""
    whole = np.floor(factors)
    return np.asarray(whole + (rng.random(len(factors)) < factors - whole), dtype=np.int16)


def measure_balance(labels: Labels, repeats: NDArray[np.int16], taxonomy: Taxonomy) -> Balance:
    """Compare the values' counts before and after resampling.

    IRLbl of a value is the count of its attribute's most frequent value over its own, MeanIR the
    mean over all values that occur (Charte et al. 2015, within each attribute). The effective
    sample size is that of Kish, (sum r)^2 / sum r^2.
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
) -> list[dict[str, Any]]:
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
    """A picture takes its largest factor: a frequent value that goes with a rare one can grow."""
    sizes = taxonomy.num_values
    told = []
    for row in table.to_dict("records"):
        before, after = row["proportion_before"], row["proportion_after"]
        if before > 1.0 / sizes[row["attribute"]] and after > RISE * before:
            told.append(
                f"{row['attribute']}.{row['value']} is frequent and grew from {before:.1%} to "
                f"{after:.1%}: "
                "it goes with rare values of other attributes. Lower resample.beta if that hurts."
            )
    return told
