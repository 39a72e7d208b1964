"""What a path does by season and beside it: a year's swing, and the slope that is left."""

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from fashiontrend.config import KeywordsConfig
from fashiontrend.keywords.expected_change import Path

Array = NDArray[np.float64]
_YEAR = 365.25
_HARMONICS = (1, 2)
#: Fewer points than this make no slope.
_LEAST_POINTS = 14


@dataclass(frozen=True)
class Season:
    """The swing of a year, fitted beside a line; in share points about 0."""

    coefficients: Array  # sine and cosine of each harmonic
    level: float  # mean share

    def at(self, day: date) -> float:
        """What the season adds to the share on a day."""
        return float(_waves(np.array([float(day.toordinal())]))[0] @ self.coefficients)

    def index(self, day: date) -> float:
        """Share with the season over share without it, at the mean level; 1 = no season."""
        return max(1 + self.at(day) / max(self.level, 1e-9), 0.0)


@dataclass(frozen=True)
class Slope:
    """The measured change a week over the last days, the season taken out if it is known."""

    week: float  # share points
    week_error: float  # its standard error
    days: int  # that it is of

    def is_clear(self, least_change: float, cfg: KeywordsConfig) -> bool:
        """Return whether a slope exceeds its error and, over its days, the smallest change that counts."""
        moved = abs(self.week) * self.days / 7
        return moved > least_change and abs(self.week) > cfg.clear_slope * self.week_error


def fit_season(path: Path, cfg: KeywordsConfig) -> Season | None:
    """Least squares of a line and two harmonics of the year.

    None with less than `cfg.season_days` of history: a line and a part of a year's swing look alike.
    """
    known = np.flatnonzero(~np.isnan(path.shares))
    if not len(known) or known[-1] - known[0] + 1 < cfg.season_days:
        return None
    day, share = _ordinals(path)[known], path.shares[known]
    line = np.stack([np.ones(len(day)), (day - day.mean()) / _YEAR], axis=1)
    design = np.concatenate([line, _waves(day)], axis=1)
    fitted = np.linalg.lstsq(design, share, rcond=None)[0]
    return Season(fitted[2:], float(share.mean()))


def measure_slope(path: Path, season: Season | None, cfg: KeywordsConfig) -> Slope | None:
    """Least squares of a line through the last `cfg.trend_days`; None with too few points.

    Neighbouring days share most of their window's products: the error counts one independent
    point a window.
    """
    days, shares = path.days[-cfg.trend_days :], path.shares[-cfg.trend_days :].copy()
    if season is not None:
        shares -= [season.at(d) for d in days]
    known = np.flatnonzero(~np.isnan(shares))
    if len(known) < _LEAST_POINTS:
        return None
    t, y = known - known.mean(), shares[known]
    spread = float((t * t).sum())
    slope = float((t * y).sum()) / spread
    left = y - y.mean() - slope * t
    error = math.sqrt(float((left * left).sum()) / (len(y) - 2) / spread * path.window_days)
    return Slope(7 * slope, 7 * error, int(known[-1] - known[0]))


def _ordinals(path: Path) -> Array:
    return np.array([d.toordinal() for d in path.days], dtype=np.float64)


def _waves(day: Array) -> Array:
    angle = 2 * np.pi * day[:, None] / _YEAR * np.array(_HARMONICS)
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)
