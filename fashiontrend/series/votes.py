"""Combine the predictions for a product's pictures, weighted by the recogniser's confidence."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from fashiontrend.errors import DataError
from fashiontrend.taxonomy import GARMENT_TYPE, Taxonomy

Array = NDArray[np.float64]

#: A picture shows an attribute if its probability of being visible is at least this.
VISIBLE_FROM = 0.5
#: Lower bound of the weight that the score of the garment box gives a picture.
_MIN_BOX_WEIGHT = 0.05


@dataclass(frozen=True)
class Votes:
    """Combined predictions for N products, in the order of `keys`."""

    keys: pd.DataFrame  # platform, product_id, picture_id of the most confident picture
    probs: dict[str, Array]  # attribute -> (N, K) over its values, rows sum to 1
    present: dict[
        str, NDArray[np.bool_]
    ]  # attribute -> (N,) visible, and possible for the garment type


def read_probs(predictions: pa.Table, attribute: str, num_values: int) -> Array:
    """Return the (rows, K + 1) probabilities of one attribute; the last is of "not visible".

    Raises:
        DataError: the table lacks the column, or the column has another width.
    """
    name = f"probs_{attribute}"
    if name not in predictions.column_names:
        raise DataError(
            f"predictions have no column {name}; they have {', '.join(predictions.column_names)}. "
            "Recognise again with the model that belongs to the taxonomy."
        )
    column = predictions[name].combine_chunks()
    flat = np.asarray(column.flatten().to_numpy(zero_copy_only=False), dtype=np.float64)
    if flat.size != len(column) * (num_values + 1):
        raise DataError(
            f"{name}: {flat.size} numbers in {len(column)} rows, "
            f"expected {num_values + 1} in each. "
            "Recognise again with the model that belongs to the taxonomy."
        )
    return flat.reshape(len(column), num_values + 1)


def split_visible(probs: Array) -> tuple[Array, Array]:
    """Split (rows, K + 1) probabilities into (rows, K) of the values and (rows,) of visibility."""
    visible = probs[:, :-1].sum(axis=1)
    return probs[:, :-1] / np.maximum(visible, 1e-12)[:, None], visible


def vote_products(listings: pd.DataFrame, predictions: pa.Table, taxonomy: Taxonomy) -> Votes:
    """Combine the predictions for the pictures of every product.

    Args:
        listings: columns platform, product_id, picture_id; repeated rows (days) are harmless.
        predictions: rows of `schemas.prediction_schema`; of repeated pictures the first counts.
        taxonomy: the attributes.

    Returns:
        One row per product with a recognised picture. A product has an attribute if one of its
        pictures shows it and its garment type can have it.
    """
    rows = pd.DataFrame({"picture_id": predictions["picture_id"].to_pandas()})
    rows = rows.assign(row=np.arange(len(rows))).drop_duplicates("picture_id")
    wanted = listings[["platform", "product_id", "picture_id"]].drop_duplicates()
    pairs = wanted.merge(rows, on="picture_id").sort_values(
        ["platform", "product_id", "picture_id"]
    )
    groups = pairs.groupby(["platform", "product_id"], sort=True).ngroup()
    product: NDArray[np.int64] = np.asarray(groups, dtype=np.int64)
    count = int(product.max()) + 1 if len(product) else 0
    box_score = np.nan_to_num(predictions["box_score"].to_numpy(zero_copy_only=False), nan=0.0)
    box = np.clip(box_score[pairs["row"].to_numpy()].astype(np.float64), _MIN_BOX_WEIGHT, 1.0)
    probs: dict[str, Array] = {}
    present: dict[str, NDArray[np.bool_]] = {}
    confidence = np.zeros(len(pairs))
    for attribute in taxonomy.attributes:
        predicted = read_probs(predictions, attribute.id, len(attribute.values))
        values, visible = split_visible(predicted[pairs["row"].to_numpy()])
        weight = visible * values.max(axis=1) * box
        confidence += weight
        probs[attribute.id] = _weighted_mean(values, weight, product, count)
        present[attribute.id] = _maximum(visible, product, count) >= VISIBLE_FROM
    first = pairs.assign(product=product, confidence=confidence).sort_values(
        ["product", "confidence"], ascending=[True, False], kind="stable"
    )
    keys = first.drop_duplicates("product")[["platform", "product_id", "picture_id"]]
    return Votes(keys.reset_index(drop=True), probs, _drop_inapplicable(probs, present, taxonomy))


def _weighted_mean(values: Array, weight: Array, group: NDArray[np.int64], count: int) -> Array:
    total = np.bincount(group, weights=weight, minlength=count)
    sums = [np.bincount(group, weights=weight * column, minlength=count) for column in values.T]
    mean = np.stack(sums, axis=1) / np.maximum(total, 1e-12)[:, None]
    return np.asarray(mean / np.maximum(mean.sum(axis=1, keepdims=True), 1e-12))


def _maximum(values: Array, group: NDArray[np.int64], count: int) -> Array:
    maximum = np.zeros(count)
    np.maximum.at(maximum, group, values)
    return maximum


def _drop_inapplicable(
    probs: dict[str, Array], present: dict[str, NDArray[np.bool_]], taxonomy: Taxonomy
) -> dict[str, NDArray[np.bool_]]:
    """Mark attributes absent that a recognised garment type cannot have."""
    if GARMENT_TYPE not in probs:
        return present
    types = taxonomy.attribute(GARMENT_TYPE).value_ids
    predicted_type = probs[GARMENT_TYPE].argmax(axis=1)
    kept = {}
    for attribute, has in present.items():
        can = np.array([taxonomy.applies(attribute, t) for t in types])
        kept[attribute] = has & (can[predicted_type] | ~present[GARMENT_TYPE])
    return kept


def tabulate_votes(votes: Votes, taxonomy: Taxonomy) -> pd.DataFrame:
    """Return the combined predictions as a flat table, for people and for keywords.

    Returns:
        Columns platform, product_id, picture_id and, for each attribute, `<attribute>` (value
        id, None if absent) and `<attribute>_confidence` in [0, 1].
    """
    table = votes.keys.copy()
    for attribute in taxonomy.attributes:
        probs, present = votes.probs[attribute.id], votes.present[attribute.id]
        top = [attribute.value_ids[i] for i in probs.argmax(axis=1)]
        table[attribute.id] = [v if has else None for v, has in zip(top, present, strict=True)]
        table[f"{attribute.id}_confidence"] = np.where(present, probs.max(axis=1), 0.0)
    return table
