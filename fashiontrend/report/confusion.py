"""A confusion table as people read it: a heat map of few values, the frequent mix-ups of many.

V values and last "not visible"; rows are labels, columns answers.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Counts: TypeAlias = NDArray[np.int64]
Names: TypeAlias = Sequence[tuple[str, str]]

#: More values than that are no longer read as a picture.
HEAT_VALUES = 8
#: Mix-ups that are listed.
PAIRS = 12


def heat(counts: Counts, names: Names) -> dict[str, Any] | None:
    """Shares of each label's pictures by answer, for classes that occur; None for too many."""
    shown = np.flatnonzero(counts.sum(0) + counts.sum(1)).tolist()
    if not 0 < len(shown) <= HEAT_VALUES:
        return None
    kept = counts[np.ix_(shown, shown)]
    shares = kept / np.maximum(kept.sum(1, keepdims=True), 1)
    return {
        "columns": [names[n] for n in shown],
        "rows": [
            {
                "name": names[n],
                "count": int(kept[i].sum()),
                "cells": [
                    {"share": float(s), "count": int(c), "right": i == j}
                    for j, (s, c) in enumerate(zip(shares[i], kept[i], strict=True))
                ],
            }
            for i, n in enumerate(shown)
        ],
    }


def most_confused(counts: Counts, names: Names, number: int = PAIRS) -> list[dict[str, Any]]:
    """The most frequent mix-ups: labelled, said, how often, and of how many with that label."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:number]
    rows, columns = np.unravel_index(order, wrong.shape)
    return [
        {
            "labelled": names[i],
            "said": names[j],
            "count": int(wrong[i, j]),
            "of": int(counts[i].sum()),
            "share": float(wrong[i, j] / counts[i].sum()),
        }
        for i, j in zip(rows.tolist(), columns.tolist(), strict=True)
        if wrong[i, j]
    ]


def per_value(counts: Counts, names: Names) -> list[dict[str, Any]]:
    """Each value that is labelled, commonest first: pictures, found (recall), right when said."""
    right, labelled, said = np.diag(counts), counts.sum(1), counts.sum(0)
    order = np.argsort(-labelled, kind="stable")
    return [
        {
            "name": names[n],
            "count": int(labelled[n]),
            "found": float(right[n] / labelled[n]),
            "right": float(right[n] / said[n]) if said[n] else None,
        }
        for n in order.tolist()
        if labelled[n]
    ]
