"""Which platform moves first: lagged correlation of smoothed series."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fashiontrend.config import KeywordsConfig

Array = NDArray[np.float64]

_SMOOTHING_DAYS = 7
#: A lead must correlate by this much more than moving together does, or it is no lead.
LEAD_GAIN = 0.02


def find_leader(paths: Mapping[str, Array], cfg: KeywordsConfig) -> tuple[str, int] | None:
    """The platform whose path runs ahead of the mean of the others, and by how many days.

    Args:
        paths: platform -> (T,) shares; NaN if not measured.
        cfg: most days of lead, and least correlation.

    Returns:
        None with fewer than two platforms, too few days, or no lag that clearly fits best.
    """
    smoothed = {name: _smooth(_fill(path)) for name, path in paths.items() if _known(path, cfg)}
    if len(smoothed) < 2:
        return None
    found = []
    for name, own in smoothed.items():
        others = np.mean([p for n, p in smoothed.items() if n != name], axis=0)
        lag, correlation, gain = _best_lag(own, others, cfg)
        if lag > 0 and correlation >= cfg.lead_correlation and gain >= LEAD_GAIN:
            found.append((correlation, name, lag))
    if not found:
        return None
    _, name, lag = max(found)
    return name, lag


def _best_lag(leader: Array, follower: Array, cfg: KeywordsConfig) -> tuple[int, float, float]:
    """The lag with the highest correlation, that correlation, and its gain over lag 0."""
    most = min(cfg.lead_days, len(leader) - cfg.min_days)
    if most < 1:
        return 0, 0.0, 0.0
    # Changes rather than levels: two curves that merely both rise correlate at every lag.
    own, other = np.diff(leader), np.diff(follower)
    values = [_correlate(own[: len(own) - lag], other[lag:]) for lag in range(most + 1)]
    best = int(np.argmax(values))
    return best, values[best], values[best] - values[0]


def _correlate(a: Array, b: Array) -> float:
    if a.std() < 1e-9 or b.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _known(path: Array, cfg: KeywordsConfig) -> bool:
    return int((~np.isnan(path)).sum()) >= cfg.min_days


def _fill(path: Array) -> Array:
    known = np.flatnonzero(~np.isnan(path))
    return np.asarray(np.interp(np.arange(len(path)), known, path[known]))


def _smooth(path: Array) -> Array:
    padded = np.pad(path, _SMOOTHING_DAYS // 2, mode="edge")
    return np.convolve(padded, np.full(_SMOOTHING_DAYS, 1 / _SMOOTHING_DAYS), "valid")
