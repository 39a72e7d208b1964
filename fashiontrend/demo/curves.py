"""How popular each value is on each day: known curves that rise, fall, swing with a season, or stay.

Popularity is a score per value; the scores of a day, divided by their sum, are the shares of
the products born that day.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fashiontrend.taxonomy import Taxonomy

#: attribute -> value -> (score on the first day, score on the last day, swing, period in days)
Curve = tuple[float, float, float, float]
CURVES: Mapping[str, Mapping[str, Curve]] = {
    "colour": {
        "black": (42.0, 4.0, 0.0, 1.0),
        "white": (18.0, 15.0, 0.0, 1.0),
        "red": (10.0, 8.0, 0.0, 1.0),
        "green": (2.0, 52.0, 0.0, 1.0),
        "blue": (18.0, 13.0, 0.0, 1.0),
        "yellow": (10.0, 8.0, 0.0, 1.0),
    },
    "pattern": {
        "plain": (46.0, 44.0, 0.0, 1.0),
        "stripe": (24.0, 24.0, 0.60, 110.0),
        "check": (18.0, 18.0, 0.0, 1.0),
        "dot": (14.0, 16.0, 0.0, 1.0),
    },
    "sleeve_length": {
        "sleeveless": (36.0, 14.0, 0.0, 1.0),
        "short": (38.0, 38.0, 0.0, 1.0),
        "long": (26.0, 48.0, 0.0, 1.0),
    },
    "neckline": {
        "crew_round": (44.0, 44.0, 0.0, 1.0),
        "v_neck": (34.0, 32.0, 0.0, 1.0),
        "turtleneck": (22.0, 24.0, 0.0, 1.0),
    },
}
#: What the world plants, for tests and the report's scorecard.
PLAN = {"rising": "colour.green", "falling": "colour.black", "seasonal": "pattern.stripe"}


def attributes() -> tuple[str, ...]:
    """Attributes of the world's garments."""
    return tuple(CURVES)


def restrict(taxonomy: Taxonomy) -> Taxonomy:
    """The taxonomy's subset that the world draws."""
    chosen = []
    for attribute in taxonomy.subset(attributes()).attributes:
        values = tuple(v for v in attribute.values if v.id in CURVES[attribute.id])
        chosen.append(attribute.model_copy(update={"values": values}))
    return taxonomy.model_copy(
        update={"version": f"{taxonomy.version}+demo", "attributes": tuple(chosen)}
    )


def shares_at(attribute: str, position: float, day: float) -> NDArray[np.float64]:
    """Shares of the values among the products born at a moment.

    Args:
        attribute: one of `attributes()`.
        position: how far the history has gone, 0 at its first and 1 at its last day; beyond
            them the trends go on for a tenth and then stay.
        day: days since the first day, for the seasons.

    Returns:
        (V,) shares that sum to 1, in the order of `CURVES[attribute]`.
    """
    along = float(np.clip(position, -0.1, 1.1))
    scores = [
        (first + (last - first) * along) * (1.0 + swing * np.sin(2 * np.pi * day / period))
        for first, last, swing, period in CURVES[attribute].values()
    ]
    positive = np.maximum(np.asarray(scores), 0.5)
    return np.asarray(positive / positive.sum())
