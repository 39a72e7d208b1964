"""How published keywords turned out: the running rates of the scorecard."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fashiontrend.typed_json import JsonObject, JsonRecord

Interval = tuple[float, float]


@dataclass(frozen=True)
class Rates(JsonRecord):
    """Rates of `n` scored keywords, each with its 95 % Wilson interval; None if `n` is 0.

    Attributes:
        hit_rate: part of the keywords that came true.
        coverage80: part whose measured share lay inside the 80 % interval.
        coverage95: part whose measured share lay inside the 95 % interval.
        claimed: mean probability of the direction that was claimed.
        error: mean absolute error of the forecast share.
        error_persistence: mean absolute error of the share at the as-of day.
    """

    n: int = 0
    hit_rate: float | None = None
    hit_rate_interval: Interval | None = None
    coverage80: float | None = None
    coverage80_interval: Interval | None = None
    coverage95: float | None = None
    coverage95_interval: Interval | None = None
    claimed: float | None = None
    error: float | None = None
    error_persistence: float | None = None

    def to_json(self) -> JsonObject:
        """Plain JSON without the rates that are not known."""
        return {k: v for k, v in super().to_json().items() if v is not None}


@dataclass(frozen=True)
class ReliabilityBin(JsonRecord):
    """The scored keywords whose direction was claimed with a probability from `low` to below `high`.

    Attributes:
        claimed: their mean claimed probability.
        hit_rate: part of them that came true, with its 95 % Wilson interval.
    """

    low: float
    high: float
    n: int
    claimed: float
    hit_rate: float
    hit_rate_interval: Interval


@dataclass(frozen=True)
class MonitorRates(Rates):
    """Rates of the keywords whose target day lies within the last `days` days."""

    days: int | None = None


@dataclass(frozen=True)
class ScoreSummary(JsonRecord):
    """The running rates of all scores up to a day.

    Attributes:
        scored: number of keywords whose target day was measured.
        unscored: number of keywords whose target day was not.
        overall: rates of all scored keywords.
        by: rates by horizon in days, platform, grade, direction, attribute and call (direction and
            grade together, as "rising A"), and the value of each.
        monitor: rates of the last days.
        reliability: what came true of what was claimed, by the claimed probability.
        brier: mean squared difference between the claimed probability and what came (1 or 0); Brier 1950.
            0 is best, and always claiming the mean rate h gives h (1 - h). None if nothing is scored.
        truth: the same against the known truth; None if there is none.
        new: number of keywords scored on the day; None if it is not known.
        as_of: the day, as ISO text; "" if it is not known.
    """

    scored: int = 0
    unscored: int = 0
    overall: Rates = Rates()
    by: Mapping[str, Mapping[str, Rates]] = field(default_factory=dict)
    monitor: MonitorRates = MonitorRates()
    reliability: tuple[ReliabilityBin, ...] = ()
    brier: float | None = None
    truth: "ScoreSummary | None" = None
    new: int | None = None
    as_of: str = ""

    def to_json(self) -> JsonObject:
        """Plain JSON; the rates against the truth have no `truth` and no `new` of their own."""
        plain = super().to_json()
        if self.new is None:
            del plain["new"], plain["truth"]
        return plain if self.as_of else {k: v for k, v in plain.items() if k != "as_of"}
