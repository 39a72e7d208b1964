"""Labels by name to the arrays that training reads."""

import difflib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fashiontrend.errors import DataError
from fashiontrend.taxonomy import NOT_VISIBLE, UNLABELLED, Taxonomy


@dataclass(frozen=True)
class Encoded:
    """N pictures and A attributes: index of the value, V for "not visible", -1 for unlabelled."""

    picture_ids: tuple[str, ...]
    labels: NDArray[np.int16]  # (N, A)
    confidences: NDArray[np.float32]  # (N, A), 0 where unlabelled


def refuse_foreign(said: pd.DataFrame, taxonomy: Taxonomy, source: str) -> list[str]:
    """Check that labels belong to the taxonomy.

    Args:
        said: columns attribute and value.
        taxonomy: what is trained.
        source: names the labels in errors.

    Returns:
        Attributes of the labels that the taxonomy lacks; they are not trained.

    Raises:
        DataError: a value that its attribute does not have, or no attribute in common.
    """
    pairs = said[["attribute", "value"]].drop_duplicates()
    foreign = sorted(set(pairs["attribute"]) - set(taxonomy.ids))
    if foreign and len(foreign) == pairs["attribute"].nunique():
        raise DataError(
            f"{source}: labels speak of {', '.join(foreign)}, taxonomy {taxonomy.version} of "
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
                "add "
                "the value to a new version of the taxonomy."
            )
    return foreign


def encode(said: pd.DataFrame, picture_ids: list[str], taxonomy: Taxonomy) -> Encoded:
    """Arrays for pictures in the order given.

    Args:
        said: columns picture_id, attribute, value, confidence; at most one row per picture and
            attribute. Other pictures and attributes are left out.
        picture_ids: the N pictures.
        taxonomy: the A attributes.
    """
    labels = np.full((len(picture_ids), len(taxonomy.ids)), UNLABELLED, dtype=np.int16)
    confidences = np.zeros(labels.shape, dtype=np.float32)
    rows = {picture_id: n for n, picture_id in enumerate(picture_ids)}
    used = said[said["picture_id"].isin(rows)]
    for column, attribute in enumerate(taxonomy.attributes):
        index = {value: n for n, value in enumerate((*attribute.value_ids, NOT_VISIBLE))}
        mine = used[used["attribute"] == attribute.id]
        where = mine["picture_id"].map(rows).to_numpy(np.int64)
        labels[where, column] = mine["value"].map(index).to_numpy(np.int16)
        confidences[where, column] = mine["confidence"].to_numpy(np.float32)
    return Encoded(tuple(picture_ids), labels, confidences)


def override(weak: Encoded, strong: Encoded) -> Encoded:
    """The same pictures; where the strong source speaks, it counts."""
    spoken = strong.labels != UNLABELLED
    return Encoded(
        weak.picture_ids,
        np.where(spoken, strong.labels, weak.labels),
        np.where(spoken, strong.confidences, weak.confidences),
    )
