"""Where a value stands in its life, and the shape of its path: stage and trajectory."""

import math

import numpy as np
from numpy.typing import NDArray

from fashiontrend.config import KeywordsConfig
from fashiontrend.keywords.expected_change import FALLING, RISING, STABLE, ExpectedChange, Path
from fashiontrend.keywords.season import Slope

Array = NDArray[np.float64]
_YEAR = 365


def find_stage(
    expected: ExpectedChange,
    path: Path,
    rivals: Array,
    platforms_rising: int,
    deseasonalised: float | None,
    cfg: KeywordsConfig,
) -> str:
    """Stage by level within the attribute and expected change without the season.

    Args:
        expected: of the value.
        path: of the value.
        rivals: shares now of all values of the attribute.
        platforms_rising: single platforms on which the value rises.
        deseasonalised: expected change in points without the season's part; None if unknown.
        cfg: levels.
    """
    direction = expected.direction
    if deseasonalised is not None and abs(deseasonalised) < expected.least_change:
        direction = STABLE  # only its season moves it
    if direction == FALLING:
        return "declining"
    if direction == RISING:
        early = expected.now < cfg.emerging_below and platforms_rising >= cfg.emerging_platforms
        return "emerging" if early else "rising"
    leading = expected.now >= float(np.quantile(rivals, cfg.leading_quantile))
    if leading and len(path.days) > _YEAR:
        year = path.shares[-_YEAR:]
        if np.nanstd(year) <= cfg.classic_variation * np.nanmean(year):
            return "classic"
    return "mainstream" if leading or expected.now >= cfg.rising_below else "dormant"


def find_trajectory(
    expected: ExpectedChange, slope: Slope | None, season: float | None, cfg: KeywordsConfig
) -> str:
    """One of eight shapes: sustained or seasonal riser and decliner, stars, flat, seasonal flat.

    A value is called a star if its expected change has a direction that its measured slope does not
    have yet. A value whose coming change is within the noise but whose slope of the last weeks is
    clear is sustained, not flat.

    Args:
        expected: of the value.
        slope: measured, the season taken out if it is known.
        season: the seasonal index at the target day; None if unknown.
        cfg: branch `keywords`.
    """
    seasonal = season is not None and abs(season - 1) > cfg.season_band
    clear = slope is not None and slope.is_clear(expected.least_change, cfg)
    way = math.copysign(1.0, slope.week) if slope is not None and clear else 0.0
    if expected.direction == STABLE:
        if way:
            return "sustained_riser" if way > 0 else "sustained_decliner"
        return "seasonal_flat" if seasonal else "flat"
    rising = expected.direction == RISING
    if seasonal and season is not None and (season > 1) == rising:
        return "seasonal_riser" if rising else "seasonal_decliner"
    if way == (1.0 if rising else -1.0):
        return "sustained_riser" if rising else "sustained_decliner"
    return "rising_star" if rising else "falling_star"
