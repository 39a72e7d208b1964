"""What shows a keyword: sample products, and values that go together."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fashiontrend.config import KeywordsConfig
from fashiontrend.keywords.published import Combination, Sample
from fashiontrend.taxonomy import POOLED, Taxonomy

_Z80 = 1.2816
_SAMPLE_KEYS = (
    "platform",
    "product_id",
    "url",
    "picture_id",
    "image",
    "box",
    "first_seen",
    "price",
    "currency",
)


def pick_samples(
    products: pd.DataFrame, platform: str, attribute: str, value: str, count: int
) -> list[Sample]:
    """The surest products that show a value, newest first among equally sure ones.

    Args:
        products: columns as in `Evidence.products`.
        platform: its name; "*" for all platforms.
        attribute: id of the attribute.
        value: id of the value.
        count: number of samples at most.
    """
    if attribute not in products or not count:
        return []
    shown = products[attribute] == value
    if platform != POOLED:
        shown &= products["platform"] == platform
    columns = [k for k in _SAMPLE_KEYS if k in products]
    chosen = products.loc[shown, [*columns, f"{attribute}_confidence"]]
    confidence = chosen[f"{attribute}_confidence"].astype(float)
    first_seen = (
        chosen["first_seen"] if "first_seen" in chosen else pd.Series("", index=chosen.index)
    )
    chosen = chosen.assign(
        confidence=confidence.round(2), first_seen_text=first_seen.astype(str)
    ).sort_values(
        ["confidence", "first_seen_text", "product_id"],
        ascending=[False, False, True],
        kind="stable",
    )
    return [_sample(row) for row in chosen.head(count).to_dict("records")]


def _sample(row: Mapping[Hashable, Any]) -> Sample:
    stated = {k: plain(row.get(k)) for k in _SAMPLE_KEYS}
    return cast("Sample", {**stated, "confidence": float(row["confidence"])})


def plain(value: Any) -> Any:
    """A JSON value: dates as text, arrays as lists, NaN as null."""
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(v) for v in value]
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, np.generic):
        return plain(value.item())
    return value.isoformat() if hasattr(value, "isoformat") else value


def find_combinations(
    products: pd.DataFrame, taxonomy: Taxonomy, cfg: KeywordsConfig
) -> list[Combination]:
    """Pairs of values of different attributes that occur together more often than independent ones would.

    Lift = P(a and b) / (P(a) P(b)) among products that have both attributes. A pair is kept from
    `cfg.min_pair_support` products and `cfg.min_lift` on, and only if the lower end of the lift's
    80 % interval (normal on the log scale) is above 1; those with the largest support x log lift
    first.
    """
    attributes = [a for a in taxonomy.attributes if a.id in products]
    found: list[Combination] = []
    for i, first in enumerate(attributes):
        for second in attributes[i + 1 :]:
            both = products[[first.id, second.id]].dropna()
            if both.empty:
                continue
            counts = pd.crosstab(both[first.id], both[second.id])
            table = counts.to_numpy(dtype=np.float64)
            expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
            lift = table / expected
            low = _lowest_lift(table, lift)
            kept = (table >= cfg.min_pair_support) & (lift >= cfg.min_lift) & (low > 1)
            for r, c in np.argwhere(kept):
                a, b = first.value(counts.index[r]), second.value(counts.columns[c])
                found.append(
                    {
                        "values": [f"{first.id}.{a.id}", f"{second.id}.{b.id}"],
                        "en": f"{a.en} × {b.en}",
                        "zh": f"{a.zh} × {b.zh}",
                        "support_n": int(table[r, c]),
                        "lift": round(float(lift[r, c]), 3),
                        "lift_low": round(float(low[r, c]), 3),
                    }
                )
    return sorted(found, key=_weight, reverse=True)


def _lowest_lift(table: NDArray[np.float64], lift: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower end of the 80 % interval of each lift, by the delta method for a ratio of counts."""
    rows, columns = table.sum(axis=1, keepdims=True), table.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = 1 / table - 1 / rows - 1 / columns + 1 / table.sum()
    low = lift * np.exp(-_Z80 * np.sqrt(np.clip(variance, 0.0, None)))
    return np.asarray(np.where(table > 0, low, 0.0))


def _weight(combination: Combination) -> tuple[float, Sequence[str]]:
    return combination["support_n"] * float(np.log(combination["lift"])), combination["values"]
