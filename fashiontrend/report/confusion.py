"""A confusion table as people read it: a heat map of few values, the frequent mix-ups of many.

V values and last "not visible"; rows are labels, columns are predictions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Counts: TypeAlias = NDArray[np.int64]
Names: TypeAlias = Sequence[tuple[str, str]]

#: With more values than that, a heat map can no longer be read.
HEAT_VALUES = 8
#: Mix-ups that are listed.
PAIRS = 12


@dataclass(frozen=True)
class HeatCell:
    """Pictures of a label that got one prediction: their part of the label's, and their count."""

    share: float
    count: int
    right: bool


@dataclass(frozen=True)
class HeatRow:
    """A label: its names, its pictures, and a cell per prediction."""

    name: tuple[str, str]
    count: int
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True)
class Heat:
    """A heat map: the names of its columns, and its rows."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[HeatRow, ...]


@dataclass(frozen=True)
class MixUp:
    """A label that was taken for another value: how often, of how many pictures with the label."""

    labelled: tuple[str, str]
    predicted: tuple[str, str]
    count: int
    of: int
    share: float


@dataclass(frozen=True)
class ValueRow:
    """A value: its pictures, its recall (`found`), and its precision (`right`), None if never predicted."""

    name: tuple[str, str]
    count: int
    found: float
    right: float | None


def heat(counts: Counts, names: Names) -> Heat | None:
    """Shares of each label's pictures by prediction, for classes that occur; None if too many do."""
    shown = np.flatnonzero(counts.sum(0) + counts.sum(1)).tolist()
    if not 0 < len(shown) <= HEAT_VALUES:
        return None
    kept = counts[np.ix_(shown, shown)]
    shares = kept / np.maximum(kept.sum(1, keepdims=True), 1)
    rows = (
        HeatRow(
            names[n],
            int(kept[i].sum()),
            tuple(
                HeatCell(float(s), int(c), i == j)
                for j, (s, c) in enumerate(zip(shares[i], kept[i], strict=True))
            ),
        )
        for i, n in enumerate(shown)
    )
    return Heat(tuple(names[n] for n in shown), tuple(rows))


def most_confused(counts: Counts, names: Names, number: int = PAIRS) -> list[MixUp]:
    """The most frequent mix-ups."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:number]
    rows, columns = np.unravel_index(order, wrong.shape)
    return [
        MixUp(
            labelled=names[i],
            predicted=names[j],
            count=int(wrong[i, j]),
            of=int(counts[i].sum()),
            share=float(wrong[i, j] / counts[i].sum()),
        )
        for i, j in zip(rows.tolist(), columns.tolist(), strict=True)
        if wrong[i, j]
    ]


def per_value(counts: Counts, names: Names) -> list[ValueRow]:
    """Each value that is labelled, the most frequent first."""
    right, labelled, predicted = np.diag(counts), counts.sum(1), counts.sum(0)
    order = np.argsort(-labelled, kind="stable")
    return [
        ValueRow(
            name=names[n],
            count=int(labelled[n]),
            found=float(right[n] / labelled[n]),
            right=float(right[n] / predicted[n]) if predicted[n] else None,
        )
        for n in order.tolist()
        if labelled[n]
    ]
