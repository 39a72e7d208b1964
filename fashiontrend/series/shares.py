"""Compute the shares of every platform, attribute, value and day, with support and interval.

The unit is a product on a platform. A window of days counts each distinct product once. A product
that does not show an attribute is left out of that attribute's shares. Pooled shares (platform
"*") have fixed platform weights. If a platform's day is withheld, or the platform has not started
yet, its nearest measured share is carried, so that neither an outage nor a new platform looks like
a trend.

Shapes: T days, N products of a platform, K values, D draws.
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
from fashiontrend.series.gaps import carry_source
from fashiontrend.series.quantification import RecogniserCalibration, Validation
from fashiontrend.series.unfolding import AnnotatedPredictions
from fashiontrend.series.votes import Votes, vote_products
from fashiontrend.storage import schemas
from fashiontrend.taxonomy import POOLED, Attribute, Taxonomy

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Draws of products for each draw of the calibration, which costs more.
_DRAWS_PER_CALIBRATION = 4


@dataclass(frozen=True)
class ProductWindows:
    """The products that each window of a platform holds."""

    days: tuple[date, ...]  # T calendar days without gaps
    windows: Bools  # (T, N): the window that ends on the day holds the product
    withheld: Bools  # (T,): the day itself failed data health, or brought no listing
    products: NDArray[np.int64]  # (N,) rows of the votes


@dataclass(frozen=True)
class MeasuredShares:
    """Shares of one attribute on one platform; NaN if a window has no product with it."""

    raw: Array  # (T, K) counted from the most probable values
    share: Array  # (T, K) corrected
    draws: Array  # (T, D, K) bootstrap draws of the corrected share
    support: NDArray[np.int64]  # (T,) products
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
        predictions: rows of `schemas.prediction_schema`.
        validation: see `collect_validation`.
        taxonomy: the attributes.
        cfg: window, basis, smoothing and number of draws.
        weights: platform -> weight in pooled shares; 1.0 for a platform that is not named.
        withheld: (platform, day) that failed data health. They bring no product into any window,
            and their rows are flagged.
        rng: draws the intervals.

    Returns:
        Rows of `schemas.SHARE`, for every platform and "*". Shares are null if the window holds
        no product with the attribute; such rows are flagged withheld.

    Raises:
        DataError: there are no listings, or predictions do not fit the taxonomy.
    """
    if listings.empty:
        raise DataError(
            "there is no listing in the given days, expected one at least. Crawl, or give more days."
        )
    table = predictions if isinstance(predictions, pa.Table) else pa.Table.from_pandas(predictions)
    votes = vote_products(listings, table, taxonomy)
    bad = set(withheld)
    platforms = {
        str(name): find_windows(group, votes, bad, cfg, _span(listings))
        for name, group in listings.groupby("platform", sort=True)
    }
    bootstrap = {name: _draw_weights(windows, cfg, rng) for name, windows in platforms.items()}
    days = next(iter(platforms.values())).days
    parts = []
    for attribute in taxonomy.attributes:
        measured = measure_attribute(
            attribute, votes, validation, platforms, bootstrap, cfg.smoothing, rng
        )
        measured[POOLED] = pool(measured, weights)
        parts += [_rows(name, attribute, days, m, cfg) for name, m in measured.items()]
    return pa.concat_tables(parts)


def _span(listings: pd.DataFrame) -> tuple[date, ...]:
    first, last = min(listings["day"]), max(listings["day"])
    return tuple(first + timedelta(days=i) for i in range((last - first).days + 1))


def find_windows(
    listings: pd.DataFrame,
    votes: Votes,
    withheld: set[tuple[str, date]],
    cfg: SeriesConfig,
    days: tuple[date, ...],
) -> ProductWindows:
    """Find the products of one platform in each window, and the withheld days."""
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
        first_listed = np.zeros_like(listed)
        for product, day_index in first.dropna().items():
            if product in column:
                first_listed[int(day_index), column[str(product)]] = True
        windows &= _any_in_window(first_listed, cfg.window_days)
    return ProductWindows(days, windows, bad, rows["index"].to_numpy(dtype=np.int64))


def _any_in_window(flags: Bools, window: int) -> Bools:
    """Return whether any of the last `window` days is set; (T, N)."""
    total = np.cumsum(flags, axis=0, dtype=np.int64)
    total[window:] -= total[:-window].copy()
    return np.asarray(total > 0)


def _draw_weights(windows: ProductWindows, cfg: SeriesConfig, rng: np.random.Generator) -> Array:
    """Draw (C, R, N) weights of the Bayesian bootstrap (Rubin 1981), the same in all windows."""
    calibrations = max(1, cfg.bootstrap // _DRAWS_PER_CALIBRATION)
    return rng.exponential(size=(calibrations, _DRAWS_PER_CALIBRATION, len(windows.products)))


def measure_attribute(
    attribute: Attribute,
    votes: Votes,
    validation: Validation,
    platforms: Mapping[str, ProductWindows],
    bootstrap: Mapping[str, Array],
    smoothing: float,
    rng: np.random.Generator,
) -> dict[str, MeasuredShares]:
    """Measure one attribute on every platform; all platforms share the draws of the calibration.

    Args:
        attribute: the attribute, with K values.
        votes: combined predictions for all products.
        validation: predictions for annotated pictures.
        platforms: platform -> its windows.
        bootstrap: platform -> (C, R, N) bootstrap weights of its products.
        smoothing: pseudo-count of a value, in products.
        rng: draws the calibrations and the stop.
    """
    name, size = attribute.id, len(attribute.values)
    annotated = AnnotatedPredictions(
        validation.probs[name], validation.labels[name], validation.prior[name]
    )
    calibrations, repeats = next(iter(bootstrap.values())).shape[:2]
    point, drawn = _calibrate(annotated, calibrations, rng)
    prior_mean = rng.dirichlet(np.ones(size), size=(calibrations, repeats))
    measured, by_stop = {}, {}
    for platform, windows in platforms.items():
        has = votes.present[name][windows.products]
        estimator = _WindowEstimator(
            votes.probs[name][windows.products][has],
            validation.natural(name), point, drawn, bootstrap[platform][:, :, has], prior_mean, smoothing,
        )  # fmt: skip
        measured[platform], by_stop[platform] = estimator.measure(
            windows.windows[:, has], windows.withheld
        )
    seen = {p: ~np.isnan(m.share[:, 0]) for p, m in measured.items()}
    support = np.concatenate([m.support[seen[p]] for p, m in measured.items()])
    stop = unfolding.choose_stop(
        annotated,
        np.concatenate([m.share[seen[p]] for p, m in measured.items()]),
        int(np.median(support)) if len(support) else 0,
        rng,
    )
    return {p: replace(m, share=by_stop[p][:, stop]) for p, m in measured.items()}


def _calibrate(
    annotated: AnnotatedPredictions, draws: int, rng: np.random.Generator
) -> tuple[RecogniserCalibration, RecogniserCalibration]:
    """Return the best calibration, and bootstrap draws of it."""
    probs, labels, prior = annotated.probs, annotated.labels, annotated.prior
    point = quantification.fit_calibration(probs, labels, prior, np.ones((1, len(labels))))
    weights = rng.exponential(size=(draws, len(labels)))
    noise = rng.normal(size=(draws, probs.shape[1] + 1))
    return point, quantification.fit_calibration(probs, labels, prior, weights, noise)


@dataclass(frozen=True)
class _WindowEstimator:
    """Estimates one platform's shares of one attribute, for its n products that have it."""

    probs: Array  # (n, K)
    natural: Array  # (K,) proportions of the annotated pictures
    point: RecogniserCalibration  # the best one
    drawn: RecogniserCalibration  # C draws
    weights: Array  # (C, R, n) bootstrap weights
    prior_mean: Array  # (C, R, K)
    smoothing: float

    def measure(self, windows: Bools, withheld: Bools) -> tuple[MeasuredShares, Array]:
        """Return shares at the maximum of the likelihood, and (T, stops, K) at every stop."""
        days, size = len(windows), self.probs.shape[1]
        point = quantification.likelihoods(self.probs, self.point)[0]
        drawn = quantification.likelihoods(self.probs, self.drawn)
        raw = np.full((days, size), np.nan)
        by_stop = np.full((days, len(unfolding.STOPS), size), np.nan)
        draws = np.full((days, self.prior_mean[..., 0].size, size), np.nan)
        for day, window in enumerate(windows):
            chosen = np.flatnonzero(window)
            if not len(chosen):
                continue
            raw[day] = quantification.count_raw(self.probs[chosen])
            by_stop[day] = unfolding.unfold(point[chosen], self.natural, self.smoothing)
            shares = quantification.maximise_shares(
                drawn[:, chosen], self.weights[:, :, chosen], self.prior_mean, self.smoothing
            )
            draws[day] = shares.reshape(-1, size)
        flagged = withheld | ~windows.any(axis=1)
        measured = MeasuredShares(raw, by_stop[:, -1], draws, windows.sum(axis=1), flagged)
        return measured, by_stop


def pool(measured: Mapping[str, MeasuredShares], weights: Mapping[str, float]) -> MeasuredShares:
    """Pool platforms with fixed weights.

    A platform's withheld or empty day is filled by the last measured share before it, or by the
    first one if there is none before. The pooled day is withheld if more than half of the weight
    is carried.

    Args:
        measured: platform -> its shares.
        weights: platform -> weight; 1.0 for a platform that is not named.
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
        source = carry_source(ok)
        for total, own in zip((raw, share, draws), _parts(m), strict=True):
            total += part * own[source]
        support += np.where(ok, m.support, 0)
    withheld = (weight[:, None] * ~good).sum(axis=0) > 0.5
    if not alive.any():
        share[:], raw[:], draws[:], withheld[:] = np.nan, np.nan, np.nan, True
    return MeasuredShares(raw, share, draws, support, withheld)


def _parts(m: MeasuredShares) -> tuple[Array, Array, Array]:
    return m.raw, m.share, m.draws


def _rows(
    platform: str,
    attribute: Attribute,
    days: tuple[date, ...],
    m: MeasuredShares,
    cfg: SeriesConfig,
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
