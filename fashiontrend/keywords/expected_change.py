"""What is expected of one value on one platform: its change, and in which direction."""

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


@dataclass(frozen=True)
class Path:
    """The measured shares of a value on a platform, one number for each day; NaN if the day is withheld."""

    days: tuple[date, ...]
    shares: Array  # (T,)
    support: int  # products behind the last share
    window_days: int = 1  # days that each share is counted over

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
        """Growth since so many days ago, in share points; None if that day was not measured."""
        if days >= len(self.shares) or math.isnan(self.shares[-1 - days]):
            return None
        return self.now - float(self.shares[-1 - days])


@dataclass(frozen=True)
class ExpectedChange:
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


def expect_change(
    path: Path, forecast: float, quantiles: tuple[float, float, float, float], cfg: KeywordsConfig
) -> ExpectedChange:
    """Expect a change and call its direction by probability.

    The forecast is assumed to be normal on the logit scale; its 80 % interval gives the standard deviation. A
    change counts from `cfg.min_change` on, or from `noise_half_width` if that is more.

    Args:
        path: measured so far.
        forecast: share at the horizon.
        quantiles: 2.5, 10, 90 and 97.5 %.
        cfg: branch `keywords`.
    """
    q025, q10, q90, q975 = quantiles
    now = path.now
    least = max(cfg.min_change, noise_half_width(now, path.support, cfg))
    spread = max((_logit(q90) - _logit(q10)) / (2 * _Z80), 1e-6)
    rising = float(norm.sf((_logit(now + least) - _logit(forecast)) / spread))
    # A share cannot fall by more than it is.
    falling = (
        float(norm.cdf((_logit(now - least) - _logit(forecast)) / spread)) if now > least else 0.0
    )
    direction = STABLE
    if rising >= cfg.min_probability:
        direction = RISING
    elif falling >= cfg.min_probability:
        direction = FALLING
    return ExpectedChange(
        now, forecast, (q10, q90), (q025, q975), least, rising, falling, direction
    )


def noise_half_width(share: float, support: int, cfg: KeywordsConfig) -> float:
    """The deviation up to which counting `support` products lies at `cfg.noise_quantile`.

    At the quantile 0.75 the half-width is exceeded every second time; no higher quantile is
    required, because the forecast's interval holds the noise of counting already.
    """
    z = float(norm.ppf(cfg.noise_quantile))
    return z * math.sqrt(max(share * (1 - share), 0.0) / max(support, 1))


def _logit(share: float) -> float:
    return float(logit(min(max(share, 1e-6), 1 - 1e-6)))
