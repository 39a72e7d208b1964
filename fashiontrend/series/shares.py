"""Shares of every platform, attribute, value and day, corrected, with support and interval.

The unit is a product on a platform. A window of days counts each distinct product once. A
product that does not show an attribute is left out of that attribute's shares. Pooled shares
(platform "*") weigh platforms with fixed weights; a platform whose day is withheld, or that
has not started yet, is carried with its nearest measured share, so that neither an outage nor
a newcomer passes for a trend.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from fashiontrend.config import SeriesConfig
from fashiontrend.errors import DataError
from fashiontrend.series import quantification, unfolding
from fashiontrend.series.quantification import Validation
from fashiontrend.series.votes import Votes, vote_products
from fashiontrend.storage import schemas
from fashiontrend.taxonomy import POOLED, Attribute, Taxonomy

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Product draws for each draw of the validation set; calibrations cost more than products do.
_DRAWS_PER_CALIBRATION = 4


@dataclass(frozen=True)
class Presence:
    """Which products a platform's windows hold."""

    days: tuple[date, ...]  # T calendar days without gaps
    windows: Bools  # (T, N): the product counts in the window that ends on the day
    withheld: Bools  # (T,): the day itself failed data health, or brought no listing
    products: NDArray[np.int64]  # (N,) rows of the votes


@dataclass(frozen=True)
class Measured:
    """One attribute on one platform; NaN where a window holds no product with the attribute."""

    raw: Array  # (T, K)
    share: Array  # (T, K)
    draws: Array  # (T, D, K)
    support: NDArray[np.int64]  # (T,)
    withheld: Bools  # (T,)


def compute_shares(
    listings: pd.DataFrame,
    predictions: pa.Table | pd.DataFrame,
    validation: Validation,
    taxonomy: Taxonomy,
    cfg: SeriesConfig,
    weights: Mapping[str, float],
    withheld: Iterable[tuple[str, date]],
    rng: np.random.Generator,
) -> pa.Table:
    """Compute the shares of all windows.

    Args:
        listings: one row per (platform, day, product_id, picture_id); `day` and, for the basis
            new_in, `first_seen` are dates.
        predictions: rows of `records.prediction_schema`.
        validation: see `collect_validation`.
        taxonomy: its attributes are measured.
        cfg: window, basis, smoothing and number of draws.
        weights: platform -> weight in pooled shares; 1.0 where a platform is not named.
        withheld: (platform, day) that failed data health. They bring no product into any window
            and their rows are flagged.
        rng: draws the intervals.

    Returns:
        Rows of `records.SHARE`, for every platform and "*". Shares are null where the window
        holds no product with the attribute; such rows are flagged withheld.

    Raises:
        DataError: there are no listings, or predictions do not fit the taxonomy.
    """
    if listings.empty:
        raise DataError(
            "no listing in the days asked for, expected one at least. Crawl, or ask for more days."
        )
    table = predictions if isinstance(predictions, pa.Table) else pa.Table.from_pandas(predictions)
    votes = vote_products(listings, table, taxonomy)
    bad = set(withheld)
    presences = {
        str(name): find_presence(group, votes, bad, cfg, _span(listings))
        for name, group in listings.groupby("platform", sort=True)
    }
    lots = {name: _draw_products(p, cfg, rng) for name, p in presences.items()}
    parts = []
    for attribute in taxonomy.attributes:
        found = measure(attribute, votes, validation, (presences, lots), (cfg, rng))
        found[POOLED] = pool(found, weights)
        days = next(iter(presences.values())).days
        parts += [_rows(p, attribute, days, m, cfg) for p, m in found.items()]
    return pa.concat_tables(parts)


def _span(listings: pd.DataFrame) -> tuple[date, ...]:
    first, last = min(listings["day"]), max(listings["day"])
    return tuple(first + timedelta(days=i) for i in range((last - first).days + 1))


def find_presence(
    listings: pd.DataFrame,
    votes: Votes,
    withheld: set[tuple[str, date]],
    cfg: SeriesConfig,
    days: tuple[date, ...],
) -> Presence:
    """Find which products of one platform each window holds, and which days are withheld."""
    platform = str(listings["platform"].iloc[0])
    rows = votes.keys.reset_index().query("platform == @platform")
    column = {p: i for i, p in enumerate(rows["product_id"])}
    index = {d: i for i, d in enumerate(days)}
    seen = listings[["day", "product_id"]].drop_duplicates()
    day = seen["day"].map(index).to_numpy()
    listed = np.zeros((len(days), len(column)), dtype=bool)
    known = seen["product_id"].isin(column).to_numpy()
    listed[day[known], seen["product_id"][known].map(column).to_numpy(dtype=np.int64)] = True
    bad = np.array([(platform, d) in withheld for d in days])
    bad |= ~np.isin(np.arange(len(days)), day)
    listed[bad] = False
    windows = _any_in_window(listed, cfg.window_days)
    if cfg.basis == "new_in":
        first = listings.groupby("product_id")["first_seen"].min().map(index)
        born = np.zeros_like(listed)
        for product, day_index in first.dropna().items():
            if product in column:
                born[int(day_index), column[str(product)]] = True
        windows &= _any_in_window(born, cfg.window_days)
    return Presence(days, windows, bad, rows["index"].to_numpy(dtype=np.int64))


def _any_in_window(flags: Bools, window: int) -> Bools:
    total = np.cumsum(flags, axis=0, dtype=np.int64)
    total[window:] -= total[:-window].copy()
    return np.asarray(total > 0)


def _draw_products(presence: Presence, cfg: SeriesConfig, rng: np.random.Generator) -> Array:
    """Weights of the Bayesian bootstrap (Rubin 1981): one per product, the same in all windows."""
    calibrations = max(1, cfg.bootstrap // _DRAWS_PER_CALIBRATION)
    return rng.exponential(size=(calibrations, _DRAWS_PER_CALIBRATION, len(presence.products)))


def measure(
    attribute: Attribute,
    votes: Votes,
    validation: Validation,
    where: tuple[dict[str, Presence], dict[str, Array]],
    how: tuple[SeriesConfig, np.random.Generator],
) -> dict[str, Measured]:
    """Measure one attribute on every platform; the calibration's draws are common to all."""
    (presences, lots), (cfg, rng) = where, how
    name, size = attribute.id, len(attribute.values)
    known, labels, prior = validation.probs[name], validation.labels[name], validation.prior[name]
    calibrations, repeats = next(iter(lots.values())).shape[:2]
    point = quantification.fit_calibration(known, labels, prior, np.ones((1, len(labels))))
    lots_of_pictures = rng.exponential(size=(calibrations, len(labels)))
    noise = rng.normal(size=(calibrations, size + 1))
    drawn = quantification.fit_calibration(known, labels, prior, lots_of_pictures, noise)
    lean = rng.dirichlet(np.ones(size), size=(calibrations, repeats))
    measured, told = {}, {}
    for platform, presence in presences.items():
        has = votes.present[name][presence.products]
        probs = votes.probs[name][presence.products][has]
        likes = quantification.likelihoods(probs, point), quantification.likelihoods(probs, drawn)
        windows = presence.windows[:, has]
        draw = lots[platform][:, :, has], lean, cfg.smoothing
        measured[platform], told[platform] = _measure_windows(
            windows, (probs, validation.natural(name)), likes, draw, presence.withheld
        )
    seen = {p: ~np.isnan(m.share[:, 0]) for p, m in measured.items()}
    support = np.concatenate([m.support[seen[p]] for p, m in measured.items()])
    stop = unfolding.choose_stop(
        (known, labels, prior),
        np.concatenate([m.share[seen[p]] for p, m in measured.items()]),
        int(np.median(support)) if len(support) else 0,
        rng,
    )
    return {p: replace(m, share=told[p][:, stop]) for p, m in measured.items()}


def _measure_windows(
    windows: Bools,
    answers: tuple[Array, Array],
    likes: tuple[Array, Array],
    draw: tuple[Array, Array, float],
    withheld: Bools,
) -> tuple[Measured, Array]:
    """One platform, its share as the maximum of the likelihood; and (T, stops, K) of them all."""
    (probs, natural), (point, drawn), (lots, lean, smoothing) = answers, likes, draw
    days, size = len(windows), probs.shape[1]
    raw, told = np.full((days, size), np.nan), np.full((days, len(unfolding.STOPS), size), np.nan)
    draws = np.full((days, lean.shape[0] * lean.shape[1], size), np.nan)
    for day, window in enumerate(windows):
        chosen = np.flatnonzero(window)
        if not len(chosen):
            continue
        raw[day] = quantification.count_raw(probs[chosen])
        told[day] = unfolding.unfold(point[0, chosen], natural, smoothing)
        found = quantification.maximise_shares(
            drawn[:, chosen], lots[:, :, chosen], lean, smoothing
        )
        draws[day] = found.reshape(-1, size)
    flagged = withheld | ~windows.any(axis=1)
    return Measured(raw, told[:, -1], draws, windows.sum(axis=1), flagged), told


def pool(measured: Mapping[str, Measured], weights: Mapping[str, float]) -> Measured:
    """Pool platforms with fixed weights.

    A platform's withheld or empty day is carried: the last measured share before it or, before
    its first day, its first. The pooled day is withheld when more than half of the weight is
    carried.
    """
    weight = np.array([weights.get(p, 1.0) for p in measured])
    weight = weight / weight.sum()
    good = np.stack([~m.withheld & ~np.isnan(m.share[:, 0]) for m in measured.values()])
    alive = good.any(axis=1)
    weight = np.where(alive, weight, 0.0) / max(float(weight[alive].sum()), 1e-12)
    raw, share, draws = (np.zeros_like(a) for a in _parts(next(iter(measured.values()))))
    support = np.zeros(good.shape[1], dtype=np.int64)
    for part, m, ok in zip(weight, measured.values(), good, strict=True):
        if not ok.any():
            continue
        source = _nearest(ok)
        for total, own in zip((raw, share, draws), _parts(m), strict=True):
            total += part * own[source]
        support += np.where(ok, m.support, 0)
    withheld = (weight[:, None] * ~good).sum(axis=0) > 0.5
    if not alive.any():
        share[:], raw[:], draws[:], withheld[:] = np.nan, np.nan, np.nan, True
    return Measured(raw, share, draws, support, withheld)


def _parts(m: Measured) -> tuple[Array, Array, Array]:
    return m.raw, m.share, m.draws


def _nearest(ok: Bools) -> NDArray[np.int64]:
    """For each day the last good day up to it, or the first good day of all."""
    last = np.maximum.accumulate(np.where(ok, np.arange(len(ok)), -1))
    return np.where(last < 0, int(np.argmax(ok)), last)


def _rows(
    platform: str, attribute: Attribute, days: tuple[date, ...], m: Measured, cfg: SeriesConfig
) -> pa.Table:
    size = len(attribute.values)
    low, high = np.quantile(m.draws, [0.1, 0.9], axis=1)
    columns = {
        "platform": [platform] * (len(days) * size),
        "attribute": [attribute.id] * (len(days) * size),
        "value": list(attribute.value_ids) * len(days),
        "day": [d for d in days for _ in range(size)],
        "window_days": [cfg.window_days] * (len(days) * size),
        "basis": [cfg.basis] * (len(days) * size),
        "support": np.repeat(m.support, size),
        "share_raw": _nullable(m.raw),
        "share": _nullable(m.share),
        "low": _nullable(np.minimum(low, m.share)),
        "high": _nullable(np.maximum(high, m.share)),
        "withheld": np.repeat(m.withheld, size),
    }
    return pa.table(columns, schema=schemas.SHARE)


def _nullable(values: Array) -> pa.Array:
    return pa.array(values.ravel(), from_pandas=True)
