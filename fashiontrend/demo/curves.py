"""Known curves of popularity, which rise, fall, swing with a season, or stay.

Popularity is a score per value. The scores of a day, divided by their sum, are the shares of the
products that come on sale that day.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fashiontrend.taxonomy import Taxonomy


class ScoreCurve(NamedTuple):
    """A value's score: a power curve from first to last, times a sine wave.

    A power of 1 is a straight line; a power of 2 accelerates, like a spreading fashion.
    """

    first: float
    last: float
    power: float = 1.0
    swing: float = 0.0
    period_days: float = 1.0

    def at(self, along: float, day: float) -> float:
        """Return the score at the fraction `along` of the history, `day` days after its start."""
        trend = self.first + (self.last - self.first) * np.sign(along) * abs(along) ** self.power
        return float(trend * (1.0 + self.swing * np.sin(2 * np.pi * day / self.period_days)))


CURVES: Mapping[str, Mapping[str, ScoreCurve]] = {
    "colour": {
        "black": ScoreCurve(42.0, 4.0),
        "white": ScoreCurve(18.0, 15.0),
        "red": ScoreCurve(10.0, 8.0),
        "green": ScoreCurve(3.0, 56.0, power=2.0),
        "blue": ScoreCurve(18.0, 13.0),
        "yellow": ScoreCurve(10.0, 8.0),
    },
    "pattern": {
        "plain": ScoreCurve(46.0, 44.0),
        "stripe": ScoreCurve(24.0, 24.0, swing=0.6, period_days=110.0),
        "check": ScoreCurve(18.0, 18.0),
        "dot": ScoreCurve(14.0, 16.0),
    },
    "sleeve_length": {
        "sleeveless": ScoreCurve(36.0, 14.0),
        "short": ScoreCurve(38.0, 38.0),
        "long": ScoreCurve(26.0, 48.0),
    },
    "neckline": {
        "crew_round": ScoreCurve(44.0, 44.0),
        "v_neck": ScoreCurve(34.0, 32.0),
        "turtleneck": ScoreCurve(22.0, 24.0),
    },
}
#: The planted trends, for tests and the report's scorecard.
PLAN = {"rising": "colour.green", "falling": "colour.black", "seasonal": "pattern.stripe"}


def attributes() -> tuple[str, ...]:
    """Return the attributes of the world's garments."""
    return tuple(CURVES)


def restrict(taxonomy: Taxonomy) -> Taxonomy:
    """Return the subset of the taxonomy that the world draws."""
    chosen = []
    for attribute in taxonomy.subset(attributes()).attributes:
        values = tuple(v for v in attribute.values if v.id in CURVES[attribute.id])
        chosen.append(attribute.model_copy(update={"values": values}))
    return taxonomy.model_copy(
        update={"version": f"{taxonomy.version}+demo", "attributes": tuple(chosen)}
    )


def shares_at(attribute: str, position: float, day: float) -> NDArray[np.float64]:
    """Return the shares of the values among the products that come on sale at a moment.

    Args:
        attribute: one of `attributes()`.
        position: 0 on the first day of the history and 1 on its last; trends continue for a
            tenth of the history beyond both ends and then stay.
        day: days since the first day, for the seasons.

    Returns:
        (V,) shares that sum to 1, in the order of `CURVES[attribute]`.
    """
    along = float(np.clip(position, -0.1, 1.1))
    scores = [curve.at(along, day) for curve in CURVES[attribute].values()]
    positive = np.maximum(np.asarray(scores), 0.5)
    return np.asarray(positive / positive.sum())
