"""What is expected of one value on one platform: change, direction, stage, trajectory."""

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from scipy.stats import norm

from fashiontrend.config import KeywordsConfig

Array = NDArray[np.float64]

RISING, FALLING, STABLE = "rising", "falling", "stable"
#: An interval of 80 % reaches this many standard deviations to each side.
_Z80 = float(norm.ppf(0.9))
_Z50 = float(norm.ppf(0.75))
_YEAR = 365
_SEASONAL_BAND = 0.1
_CLASSIC_VARIATION = 0.15


@dataclass(frozen=True)
class Path:
    """The measured shares of a value on a platform, a number a day; NaN where withheld."""

    days: tuple[date, ...]
    shares: Array  # (T,)
    support: int  # products behind the last share

    @property
    def observed(self) -> int:
        """Days with a measured share."""
        return int((~np.isnan(self.shares)).sum())

    @property
    def now(self) -> float:
        """The last measured share; NaN if there is none."""
        known = self.shares[~np.isnan(self.shares)]
        return float(known[-1]) if known.size else math.nan

    def before(self, days: int) -> float | None:
        """Growth since so many days ago, in share points; None where that day was not measured."""
        if days >= len(self.shares) or math.isnan(self.shares[-1 - days]):
            return None
        return self.now - float(self.shares[-1 - days])


@dataclass(frozen=True)
class Outlook:
    """The forecast of a value at the horizon, against its share now."""

    now: float
    forecast: float
    interval80: tuple[float, float]
    interval95: tuple[float, float]
    least_change: float  # share points below which a change is none
    p_rising: float
    p_falling: float
    direction: str

    @property
    def points(self) -> float:
        """Expected change in share points."""
        return self.forecast - self.now

    @property
    def p_direction(self) -> float:
        """Probability of the direction that is called."""
        stable = max(0.0, 1.0 - self.p_rising - self.p_falling)
        return {RISING: self.p_rising, FALLING: self.p_falling, STABLE: stable}[self.direction]


def judge_change(
    path: Path, forecast: float, quantiles: tuple[float, float, float, float], cfg: KeywordsConfig
) -> Outlook:
    """Call the direction by probability.

    The forecast is taken as normal on the logit scale, with the width of its 80 % interval. A
    change counts from `cfg.min_change` on, or from `noise_half_width` where that is more.

    Args:
        path: measured so far.
        forecast: share at the horizon.
        quantiles: 2.5, 10, 90 and 97.5 %.
        cfg: branch `keywords`.
    """
    q025, q10, q90, q975 = quantiles
    now = path.now
    least = max(cfg.min_change, noise_half_width(now, path.support))
    spread = max((_logit(q90) - _logit(q10)) / (2 * _Z80), 1e-6)
    rising = float(norm.sf((_logit(now + least) - _logit(forecast)) / spread))
    falling = float(norm.cdf((_logit(now - least) - _logit(forecast)) / spread))
    direction = STABLE
    if rising >= cfg.min_probability:
        direction = RISING
    elif falling >= cfg.min_probability:
        direction = FALLING
    return Outlook(now, forecast, (q10, q90), (q025, q975), least, rising, falling, direction)


def noise_half_width(share: float, support: int) -> float:
    """The deviation that counting `support` products exceeds every second time.

    No more than that, because the forecast's interval holds the noise of counting already.
    """
    return _Z50 * math.sqrt(max(share * (1 - share), 0.0) / max(support, 1))


def _logit(share: float) -> float:
    return float(logit(min(max(share, 1e-6), 1 - 1e-6)))


def seasonal_index(path: Path, target: date) -> float | None:
    """Mean share around the target's day in earlier years over the mean of those years.

    None with less than a year of history: the season cannot be told from the trend.
    """
    if len(path.days) <= _YEAR:
        return None
    gap = np.array([abs((target - d).days % _YEAR) for d in path.days])
    near = (np.minimum(gap, _YEAR - gap) <= 7) & ~np.isnan(path.shares)
    if not near.any():
        return None
    return float(path.shares[near].mean() / max(float(np.nanmean(path.shares)), 1e-9))


def find_stage(
    outlook: Outlook, path: Path, rivals: Array, platforms_rising: int, cfg: KeywordsConfig
) -> str:
    """Stage by level within the attribute and direction.

    Args:
        outlook: of the value.
        path: of the value.
        rivals: shares now of all values of the attribute.
        platforms_rising: single platforms on which the value rises.
        cfg: levels.
    """
    if outlook.direction == FALLING:
        return "declining"
    if outlook.direction == RISING:
        early = outlook.now < cfg.emerging_below and platforms_rising >= 2
        return "emerging" if early else "rising"
    leading = outlook.now >= float(np.quantile(rivals, 0.75))
    if leading and len(path.days) > _YEAR:
        year = path.shares[-_YEAR:]
        if np.nanstd(year) <= _CLASSIC_VARIATION * np.nanmean(year):
            return "classic"
    return "mainstream" if leading or outlook.now >= cfg.rising_below else "dormant"


def find_trajectory(outlook: Outlook, path: Path, season: float | None) -> str:
    """One of eight shapes: sustained or seasonal riser and decliner, stars, flat, seasonal flat.

    A star turned only lately: the change of the last four weeks does not go its way.
    """
    seasonal = season is not None and abs(season - 1) > _SEASONAL_BAND
    if outlook.direction == STABLE:
        return "seasonal_flat" if seasonal else "flat"
    rising = outlook.direction == RISING
    if seasonal and season is not None and (season > 1) == rising:
        return "seasonal_riser" if rising else "seasonal_decliner"
    past = path.before(28)
    if past is not None and (past > 0) == rising and abs(past) >= outlook.least_change / 2:
        return "sustained_riser" if rising else "sustained_decliner"
    return "rising_star" if rising else "falling_star"
