"""How well annotators agree on each value: Krippendorff's alpha for nominal data.

Krippendorff, Content Analysis (4th edition, 2018), chapter 12. Alpha is 1 if all agree, and 0 if
they agree as often as at random.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import krippendorff
import numpy as np

from fashiontrend.labels.annotations import Annotation


@dataclass(frozen=True)
class Agreement:
    """The agreement on one value, "this value" against any other.

    Attributes:
        attribute: of the value.
        value: id of the value, `not_visible`, or "" for the attribute as a whole.
        alpha: Krippendorff's alpha; None if all pictures have the same label, for then it is undefined.
        pictures: that at least two people labelled.
    """

    attribute: str
    value: str
    alpha: float | None
    pictures: int


def measure_agreement(annotations: Iterable[Annotation]) -> tuple[Agreement, ...]:
    """Measure the agreement of several people on the same pictures, by attribute and by value.

    Attributes that no picture has from two people are left out.
    """
    stated: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for annotation in annotations:
        for attribute, value in annotation.labels.items():
            stated[attribute][annotation.picture_id].append(value)
    found: list[Agreement] = []
    for attribute, pictures in sorted(stated.items()):
        units = [values for values in pictures.values() if len(values) > 1]
        if units:
            values = sorted({v for unit in units for v in unit})
            found.append(Agreement(attribute, "", _alpha(units, values), len(units)))
            for value in values:
                marked = [["yes" if v == value else "no" for v in unit] for unit in units]
                found.append(Agreement(attribute, value, _alpha(marked, ["yes", "no"]), len(units)))
    return tuple(found)


def _alpha(units: Sequence[Sequence[str]], values: Sequence[str]) -> float | None:
    """Alpha of the labels of each unit."""
    counts = np.array([[unit.count(v) for v in values] for unit in units])
    if (counts.sum(axis=0) > 0).sum() < 2:
        return None
    return float(krippendorff.alpha(value_counts=counts, level_of_measurement="nominal"))
