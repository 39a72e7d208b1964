"""Compute the shares of every platform, attribute, value and day, with support and interval.

The unit is a product on a platform. A window of days counts each distinct product once. A product
that does not show an attribute is left out of that attribute's shares. Pooled shares (platform
"*") have fixed platform weights. If a platform's day is withheld, or the platform has not started
yet, its nearest measured share is carried, so that neither an outage nor a new platform looks like
a trend.

Shapes: T days, N products of a platform, K values, Q kinds of predictions, D draws. Products enter
the estimate as counts of kinds, see `counts`.
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
from fashiontrend.series.counts import (
    Spans,
    count_windows,
    find_kinds,
    find_spans,
    limit_spans,
    redraw_likelihoods,
)
from fashiontrend.series.gaps import carry_source
from fashiontrend.series.quantification import RecogniserCalibration, Validation
from fashiontrend.series.unfolding import AnnotatedPredictions
from fashiontrend.series.votes import Votes, vote_products
from fashiontrend.storage import schemas
from fashiontrend.taxonomy import POOLED, Attribute, Taxonomy

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: Draws of products for each draw of the calibration, which costs more.
_DRAWS_PER_CALIBRATION = 4


@dataclass(frozen=True)
class ProductWindows:
    """The products that each window of a platform holds."""

    days: tuple[date, ...]  # T calendar days without gaps
    spans: Spans  # windows that hold each of the N products
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
    days = next(iter(platforms.values())).days
    parts = []
    for attribute in taxonomy.attributes:
        measured = measure_attribute(attribute, votes, validation, platforms, cfg, rng)
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
    column = pd.Index(rows["product_id"])
    index = {d: i for i, d in enumerate(days)}
    day = listings["day"].map(index).to_numpy(dtype=np.int64)
    product = np.asarray(column.get_indexer(pd.Index(listings["product_id"])), dtype=np.int64)
    bad = np.array([(platform, d) in withheld for d in days])
    bad |= ~np.isin(np.arange(len(days)), day)
    counted = (product >= 0) & ~bad[day]
    spans = find_spans(product[counted], day[counted], cfg.window_days, len(days))
    if cfg.basis == "new_in":
        first = listings.groupby("product_id")["first_seen"].min().map(index)
        first_day = np.asarray(first.reindex(column).fillna(-1), dtype=np.int64)
        spans = limit_spans(spans, first_day, cfg.window_days)
    return ProductWindows(days, spans, bad, rows["index"].to_numpy(dtype=np.int64))


def measure_attribute(
    attribute: Attribute,
    votes: Votes,
    validation: Validation,
    platforms: Mapping[str, ProductWindows],
    cfg: SeriesConfig,
    rng: np.random.Generator,
) -> dict[str, MeasuredShares]:
    """Measure one attribute on every platform; all platforms share the draws of the calibration.

    Args:
        attribute: the attribute, with K values.
        votes: combined predictions for all products.
        validation: predictions for annotated pictures.
        platforms: platform -> its windows.
        cfg: smoothing and number of draws.
        rng: draws the calibrations, the bootstrap weights and the stop.
    """
    name, size = attribute.id, len(attribute.values)
    annotated = AnnotatedPredictions(
        validation.probs[name], validation.labels[name], validation.prior[name]
    )
    natural = validation.natural(name)
    calibrations = max(1, cfg.bootstrap // _DRAWS_PER_CALIBRATION)
    point, drawn = _calibrate(annotated, calibrations, rng)
    prior_mean = rng.dirichlet(np.ones(size), size=(calibrations, _DRAWS_PER_CALIBRATION))
    has, probs = votes.present[name], votes.probs[name]
    shown = probs[has]
    kinds = find_kinds(shown, quantification.likelihoods(shown, point)[0], natural, rng)
    code, best = (np.full(len(has), -1, dtype=np.int64) for _ in range(2))
    code[has], best[has] = kinds.code, shown.argmax(axis=1)
    estimator = _WindowEstimator(
        kinds.likelihood, redraw_likelihoods(kinds, point, drawn), natural, prior_mean,
        cfg.smoothing, rng,
    )  # fmt: skip
    measured, by_stop = {}, {}
    for platform, w in platforms.items():
        counts, raw = (
            count_windows(w.spans, c[w.products], n, len(w.days))
            for c, n in ((code, len(kinds.logs)), (best, size))
        )
        measured[platform], by_stop[platform] = estimator.measure(counts, raw, w.withheld)
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
    """Estimates one platform's shares of one attribute from counts of Q kinds of predictions."""

    point: Array  # (stages, Q, K) likelihoods under the best calibration
    drawn: Array  # (C, Q, K) likelihoods under C draws of it
    natural: Array  # (K,) proportions of the annotated pictures
    prior_mean: Array  # (C, R, K)
    smoothing: float
    rng: np.random.Generator

    def measure(self, counts: Ints, best: Ints, withheld: Bools) -> tuple[MeasuredShares, Array]:
        """Return shares at the maximum of the likelihood, and (T, stops, K) at every stop.

        Args:
            counts: (T, Q) products of each kind.
            best: (T, K) products by most probable value.
            withheld: (T,) days that are withheld.
        """
        days, size = best.shape
        by_stop = np.full((days, len(unfolding.STOPS), size), np.nan)
        draws = np.full((days, self.prior_mean[..., 0].size, size), np.nan)
        support = counts.sum(axis=1)
        for day in np.flatnonzero(support):
            chosen = np.flatnonzero(counts[day])
            times = counts[day, chosen].astype(np.float64)
            by_stop[day] = unfolding.unfold(
                self.point[:, chosen], self.natural, self.smoothing, counts=times
            )
            shares = quantification.maximise_shares(
                self.drawn[:, chosen], self._weights(times), self.prior_mean, self.smoothing
            )
            draws[day] = shares.reshape(-1, size)
        raw = np.where(support[:, None] > 0, best / np.maximum(support, 1)[:, None], np.nan)
        flagged = withheld | (support == 0)
        return MeasuredShares(raw, by_stop[:, -1], draws, support, flagged), by_stop

    def _weights(self, counts: Array) -> Array:
        """Draw (C, R, Q) weights of the Bayesian bootstrap (Rubin 1981).

        The sum of n exponential weights is Gamma(n): equal predictions need one draw together.
        """
        return self.rng.standard_gamma(counts, size=(*self.prior_mean.shape[:2], len(counts)))


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
