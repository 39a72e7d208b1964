"""How well the trend model forecasts days it never saw (A9): what the perplexity gate reads.

The scores are defined in `series.fit_metrics`. A number without data is NaN; an infinite number
becomes NaN when it is written and read.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from fashiontrend.taxonomy import POOLED
from fashiontrend.typed_json import JsonRecord, Measure


@dataclass(frozen=True)
class PairReport(JsonRecord):
    """One platform and attribute, averaged over held-out origins and horizons.

    A pair without a tested day, such as that of a platform that has just begun, has NaN for all
    numbers that need one.
    """

    platform: str
    attribute: str
    perplexity: Measure = math.nan
    perplexity_floor: Measure = math.nan
    perplexity_uniform: Measure = math.nan  # = number of values
    normalised_perplexity: Measure = math.nan
    noise_floor: Measure = math.nan
    skill: Measure = math.nan  # 1 - ln(model) / ln(best naive)
    divergence: Measure = math.nan  # mean KL in nats
    coverage80: Measure = math.nan
    mase: Measure = math.nan  # error over that of the seasonal naive forecast in the training days
    wape: Measure = math.nan
    support: Measure = math.nan  # median products a day
    interval_width: Measure = math.nan  # median width of the 80 % interval of the measured shares
    days_used: int = 0
    days_judged: int = 1  # held-out days compared, over all origins; older reports tested all
    naive_before: Measure = math.nan  # persistence's normalised perplexity before the held-out days
    baselines: Mapping[str, Measure] = field(default_factory=dict)  # normalised perplexity

    @property
    def is_tested(self) -> bool:
        """Whether there was a held-out day to compare the forecast with."""
        return self.days_judged != 0


@dataclass(frozen=True)
class TrendReport(JsonRecord):
    """The backtest of a trend model. Means run over tested pairs of single platforms."""

    perplexity: Measure = math.nan
    perplexity_floor: Measure = math.nan
    perplexity_uniform: Measure = math.nan
    normalised_perplexity: Measure = math.nan
    noise_floor: Measure = math.nan
    skill: Measure = math.nan
    best_naive: str = ""
    difference: Measure = math.nan  # of normalised perplexity to the best naive, paired by origin
    difference_se: Measure = math.nan  # standard error of its mean over origins, overlap counted
    differences: Mapping[str, tuple[Measure, Measure]] = field(
        default_factory=dict
    )  # difference to each naive forecast, with its standard error
    origins_effective: Measure = math.nan  # independent origins that would say as much
    coverage80: Measure = math.nan
    mase: Measure = math.nan
    wape: Measure = math.nan
    days_used: int = 0
    days_withheld: int = 0
    origins_used: int = 0
    stride: int = 1
    baselines: Mapping[str, Measure] = field(default_factory=dict)
    interval_width: Mapping[str, Measure] = field(
        default_factory=dict
    )  # attribute -> median over platforms and days
    pairs: tuple[PairReport, ...] = ()

    @property
    def single_platforms(self) -> tuple[PairReport, ...]:
        """The pairs of single platforms; all pairs if only pooled ones are known."""
        return tuple(p for p in self.pairs if p.platform != POOLED) or self.pairs
