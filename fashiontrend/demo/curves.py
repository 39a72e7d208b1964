"""How popular each value is on each day: known curves that rise, fall, swing with a season, or stay.

Popularity is a score per value; the scores of a day, divided by their sum, are the shares of
the products born that day.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fashiontrend.taxonomy import Taxonomy


class Curve(NamedTuple):
    """A value's score: from first to last day, bent by a power, with a swing of some period.

    A power of 1 is a straight line; 2 gathers pace, as a fashion does that spreads.
    """

    first: float
    last: float
    power: float = 1.0
    swing: float = 0.0
    period_days: float = 1.0

    def at(self, along: float, day: float) -> float:
        """The score when `along` of the history has passed, `day` days after its start."""
        trend = self.first + (self.last - self.first) * np.sign(along) * abs(along) ** self.power
        return float(trend * (1.0 + self.swing * np.sin(2 * np.pi * day / self.period_days)))


CURVES: Mapping[str, Mapping[str, Curve]] = {
    "colour": {
        "black": Curve(42.0, 4.0),
        "white": Curve(18.0, 15.0),
        "red": Curve(10.0, 8.0),
        "green": Curve(3.0, 56.0, power=2.0),
        "blue": Curve(18.0, 13.0),
        "yellow": Curve(10.0, 8.0),
    },
    "pattern": {
        "plain": Curve(46.0, 44.0),
        "stripe": Curve(24.0, 24.0, swing=0.6, period_days=110.0),
        "check": Curve(18.0, 18.0),
        "dot": Curve(14.0, 16.0),
    },
    "sleeve_length": {
        "sleeveless": Curve(36.0, 14.0),
        "short": Curve(38.0, 38.0),
        "long": Curve(26.0, 48.0),
    },
    "neckline": {
        "crew_round": Curve(44.0, 44.0),
        "v_neck": Curve(34.0, 32.0),
        "turtleneck": Curve(22.0, 24.0),
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
    scores = [curve.at(along, day) for curve in CURVES[attribute].values()]
    positive = np.maximum(np.asarray(scores), 0.5)
    return np.asarray(positive / positive.sum())
