"""How surprising the newest share of a series is: a jump on one platform alone is an artifact, not a trend."""

import numpy as np
import pandas as pd

#: Days whose day-to-day changes say how much a share usually moves.
TRAILING_DAYS = 28
MIN_CHANGES = 7
#: Half-width of an 80 % interval in standard deviations of a normal deviate.
Z80 = 1.2816


def newest_shares(shares: pd.DataFrame) -> pd.DataFrame:
    """The newest measured day of every platform: its rows, withheld days left out."""
    good = shares[~shares["withheld"].astype(bool) & shares["share"].notna()]
    newest = good.groupby("platform")["day"].transform("max")
    return good[good["day"] == newest]


def jump_sigmas(shares: pd.DataFrame) -> dict[tuple[str, str], float]:
    """The largest jump of a value's newest share, per (platform, attribute), in standard deviations.

    A jump is the change from the last measured day before. Its standard deviation is that of the
    series' earlier changes (1.4826 x median absolute deviation, over TRAILING_DAYS) or, where
    larger, that of the measured share (from its 80 % interval): counting few products is no jump.

    Args:
        shares: rows of `schemas.SHARE`.

    Returns:
        Pairs with fewer than MIN_CHANGES earlier changes are left out.
    """
    good = shares[~shares["withheld"].astype(bool) & shares["share"].notna()]
    found: dict[tuple[str, str], float] = {}
    for (platform, attribute, _), series in good.groupby(["platform", "attribute", "value"]):
        series = series.sort_values("day").tail(TRAILING_DAYS + 2)
        changes = np.diff(series["share"].to_numpy(dtype=float))
        if len(changes) <= MIN_CHANGES:
            continue
        before, last = changes[:-1], series.iloc[-1]
        usual = 1.4826 * float(np.median(np.abs(before - np.median(before))))
        noise = float(last["high"] - last["low"]) / 2 / Z80
        sigma = max(usual, noise, 1e-6)
        key = (str(platform), str(attribute))
        found[key] = max(found.get(key, 0.0), abs(float(changes[-1])) / sigma)
    return found
