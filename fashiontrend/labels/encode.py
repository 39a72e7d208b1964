"""Encode labels as the index arrays that training reads."""

import difflib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fashiontrend.errors import DataError
from fashiontrend.taxonomy import NOT_VISIBLE, UNLABELLED, Taxonomy


@dataclass(frozen=True)
class EncodedLabels:
    """Labels of N pictures for A attributes.

    A label is the index of the value, V for "not visible", and -1 for unlabelled.
    """

    picture_ids: tuple[str, ...]
    labels: NDArray[np.int16]  # (N, A)
    confidences: NDArray[np.float32]  # (N, A) in [0, 1]; 0 if unlabelled


def check_labels(labels: pd.DataFrame, taxonomy: Taxonomy, source: str) -> list[str]:
    """Check that labels belong to the taxonomy.

    Args:
        labels: columns attribute and value.
        taxonomy: what is trained.
        source: name of the labels in errors.

    Returns:
        The attributes of the labels that the taxonomy lacks; they are not trained.

    Raises:
        DataError: an attribute lacks a value, or the taxonomy has none of the attributes.
    """
    pairs = labels[["attribute", "value"]].drop_duplicates()
    foreign = sorted(set(pairs["attribute"]) - set(taxonomy.ids))
    if foreign and len(foreign) == pairs["attribute"].nunique():
        raise DataError(
            f"{source}: labels are of {', '.join(foreign)}, taxonomy {taxonomy.version} of "
            f"{', '.join(taxonomy.ids)}. Name the taxonomy that belongs to the data."
        )
    for attribute, value in pairs.itertuples(index=False):
        if attribute not in taxonomy.ids:
            continue
        known = (*taxonomy.attribute(attribute).value_ids, NOT_VISIBLE)
        if value not in known:
            near = difflib.get_close_matches(str(value), known, n=1, cutoff=0.0)
            raise DataError(
                f"{source}: attribute {attribute!r} has labels of value {value!r}, which taxonomy "
                f"{taxonomy.version} does not know. Nearest: {near[0]!r}. Correct the label, or "
                "add the value to a new version of the taxonomy."
            )
    return foreign


def encode(long_labels: pd.DataFrame, picture_ids: list[str], taxonomy: Taxonomy) -> EncodedLabels:
    """Encode the labels of pictures, in the order of `picture_ids`.

    Args:
        long_labels: columns picture_id, attribute, value, confidence; at most one row per picture and
            attribute. Other pictures and attributes are left out.
        picture_ids: the N pictures.
        taxonomy: the A attributes.
    """
    labels = np.full((len(picture_ids), len(taxonomy.ids)), UNLABELLED, dtype=np.int16)
    confidences = np.zeros(labels.shape, dtype=np.float32)
    rows = {picture_id: n for n, picture_id in enumerate(picture_ids)}
    used = long_labels[long_labels["picture_id"].isin(rows)]
    for column, attribute in enumerate(taxonomy.attributes):
        index = {value: n for n, value in enumerate((*attribute.value_ids, NOT_VISIBLE))}
        stated = used[used["attribute"] == attribute.id]
        places = stated["picture_id"].map(rows).to_numpy(np.int64)
        labels[places, column] = stated["value"].map(index).to_numpy(np.int16)
        confidences[places, column] = stated["confidence"].to_numpy(np.float32)
    return EncodedLabels(tuple(picture_ids), labels, confidences)


def override(weak: EncodedLabels, strong: EncodedLabels) -> EncodedLabels:
    """Return the weak labels, replaced by the strong ones where those exist; same pictures."""
    labelled = strong.labels != UNLABELLED
    return EncodedLabels(
        weak.picture_ids,
        np.where(labelled, strong.labels, weak.labels),
        np.where(labelled, strong.confidences, weak.confidences),
    )
