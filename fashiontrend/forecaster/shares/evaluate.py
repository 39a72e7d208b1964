"""How well forecasts fit: perplexity, its floors, skill over naive forecasts, coverage.

The measures are defined in `series.fit_metrics`.
Shapes: O origins, S series, H horizons, V values.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr
from torch import nn

from fashiontrend.config import ForecasterConfig
from fashiontrend.errors import DataError
from fashiontrend.forecaster.baselines import BASELINES, NAIVE
from fashiontrend.forecaster.shares.predict import IntervalCalibration, find_quantiles, predict
from fashiontrend.forecaster.shares.windows import (
    ShareSeries,
    Split,
    Windows,
    cut_windows,
    training_origins,
)
from fashiontrend.outcomes import PairReport, TrendReport
from fashiontrend.series.fit_metrics import (
    Difference,
    mean,
    noise_floor,
    normalised_perplexity,
    paired_difference,
    skill,
)
from fashiontrend.taxonomy import POOLED

Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Scores:
    """Per origin, series and horizon; NaN if the target was not measured."""

    truth: Array  # (O, S, H, V)
    weight: Array  # (O, S, H)
    floor: Array  # (O, S, H) exp(H(p))
    forecasts: dict[str, Array]  # name -> (O, S, H, V)
    ratio: dict[str, Array]  # name -> normalised perplexity (O, S, H)
    covered: Array  # (O, S, H, V) 1, 0, NaN


def backtest(
    model: nn.Module,
    calibration: IntervalCalibration,
    series: ShareSeries,
    split: Split,
    cfg: ForecasterConfig,
) -> TrendReport:
    """Evaluate the model and the baselines on the held-out rolling origins.

    Raises:
        DataError: there is no held-out origin at all.
    """
    if not split.origins:
        raise DataError(
            f"backtest: {len(series.days)} days hold no origin with context before and "
            f"{cfg.prediction_length} days after it. Wait for more days."
        )
    windows = cut_windows(series, split.origins, cfg, len(series.days))
    scores = _score(model, calibration, windows, (len(split.origins), len(series.pairs)), cfg)
    before = cut_windows(series, training_origins(split), cfg, split.first_held_out)
    naive = _by_series(
        before,
        BASELINES["persistence"](before.context, cfg.prediction_length, cfg.season_length),
        len(series.pairs),
    )
    pairs = tuple(
        _report_pair(s, scores, series, split, cfg, float(naive[s]))
        for s in range(len(series.pairs))
    )
    return _summarise(pairs, scores, series, split)


def _score(
    model: nn.Module,
    calibration: IntervalCalibration,
    windows: Windows,
    shape: tuple[int, int],
    cfg: ForecasterConfig,
) -> _Scores:
    prediction = predict(model, windows)
    quantiles = find_quantiles(prediction, calibration)
    inside = (windows.target >= quantiles[1]) & (windows.target <= quantiles[2])
    used = windows.weight > 0
    covered = np.where(used[:, :, None] & windows.has_value[:, None], inside.astype(float), np.nan)
    forecasts = {
        name: make(windows.context, cfg.prediction_length, cfg.season_length)
        for name, make in BASELINES.items()
    }
    forecasts["model"] = prediction.shares

    def fold(a: Array) -> Array:
        return a.reshape(*shape, *a.shape[1:])

    ratio = {
        n: fold(np.where(used, normalised_perplexity(windows.target, q), np.nan))
        for n, q in forecasts.items()
    }
    floor = np.where(used, np.exp(entr(windows.target).sum(axis=-1)), np.nan)
    folded = {n: fold(q) for n, q in forecasts.items()}
    return _Scores(
        fold(windows.target), fold(windows.weight), fold(floor), folded, ratio, fold(covered)
    )


def _by_series(windows: Windows, forecast: Array, count: int) -> Array:
    """(S,) mean normalised perplexity of a forecast of many origins."""
    each = np.where(windows.weight > 0, normalised_perplexity(windows.target, forecast), np.nan)
    return np.array(
        [mean(part) for part in np.moveaxis(each.reshape(-1, count, each.shape[1]), 1, 0)]
    )


def _report_pair(
    s: int,
    scores: _Scores,
    series: ShareSeries,
    split: Split,
    cfg: ForecasterConfig,
    naive_before: float,
) -> PairReport:
    (platform, attribute), size = series.pairs[s], len(series.values[s])
    ratio = {n: mean(r[:, s]) for n, r in scores.ratio.items()}
    own = scores.ratio["model"][:, s]
    seen = series.observed[s]
    support = float(np.median(series.support[s, seen])) if seen.any() else 0.0
    width = series.width[s][seen][:, :size]
    error = np.abs(scores.truth[:, s] - scores.forecasts["model"][:, s])[scores.weight[:, s] > 0]
    past = series.shares[s, : split.first_held_out, :size]
    step = np.abs(past[cfg.season_length :] - past[: -cfg.season_length])
    naive_step = float(step.mean()) if step.size else math.nan
    finite = np.log(own[~np.isnan(own)])
    return PairReport(
        platform=platform,
        attribute=attribute,
        perplexity=mean(own * scores.floor[:, s]),
        perplexity_floor=mean(scores.floor[:, s]),
        perplexity_uniform=float(size),
        normalised_perplexity=ratio.pop("model"),
        noise_floor=noise_floor(size, support),
        skill=skill(mean(own), min((ratio[n] for n in NAIVE), default=math.nan)),
        divergence=mean(finite),
        coverage80=mean(scores.covered[:, s]),
        mase=mean(error[..., :size]) / naive_step if naive_step > 0 else math.nan,
        wape=mean(error[..., :size].sum(axis=-1)) if error.size else math.nan,
        support=support,
        interval_width=float(np.median(width)) if width.size else math.nan,
        days_used=int(seen.sum()),
        days_judged=int((scores.weight[:, s] > 0).sum()),
        naive_before=naive_before,
        baselines=ratio,
    )


def _summarise(
    pairs: tuple[PairReport, ...], scores: _Scores, series: ShareSeries, split: Split
) -> TrendReport:
    single = [i for i, p in enumerate(pairs) if p.platform != POOLED] or list(range(len(pairs)))
    chosen = [pairs[i] for i in single if pairs[i].days_judged]
    baselines = {n: _nested_baseline(chosen, n) for n in BASELINES}
    best = min(NAIVE, key=lambda n: baselines[n])
    own = _nested(chosen, lambda p: p.normalised_perplexity)
    paired = {n: _pair(scores, n, single, split.stride) for n in BASELINES}
    used = series.observed[single]
    attributes = {
        p.attribute: [q.interval_width for q in chosen if q.attribute == p.attribute]
        for p in chosen
    }
    return TrendReport(
        perplexity=_nested(chosen, lambda p: p.perplexity),
        perplexity_floor=_nested(chosen, lambda p: p.perplexity_floor),
        perplexity_uniform=_nested(chosen, lambda p: p.perplexity_uniform),
        normalised_perplexity=own,
        noise_floor=_nested(chosen, lambda p: p.noise_floor),
        skill=skill(own, baselines[best]),
        best_naive=best,
        difference=paired[best].mean,
        difference_se=paired[best].standard_error,
        differences={n: (d.mean, d.standard_error) for n, d in paired.items()},
        origins_effective=paired[best].effective_origins,
        coverage80=mean(scores.covered[:, single]),
        mase=mean([p.mase for p in chosen]),
        wape=mean([p.wape for p in chosen]),
        days_used=int(used.any(axis=0).sum()),
        days_withheld=int((~used.any(axis=0)).sum()),
        origins_used=sum(not math.isnan(mean(r)) for r in scores.ratio["model"][:, single]),
        stride=split.stride,
        baselines=baselines,
        interval_width={a: float(np.median(w)) for a, w in attributes.items()},
        pairs=pairs,
    )


def _pair(scores: _Scores, name: str, single: list[int], stride: int) -> Difference:
    """Normalised perplexity of a naive forecast minus the model's, paired by origin."""
    by_origin = scores.ratio[name][:, single] - scores.ratio["model"][:, single]
    return paired_difference([mean(d) for d in by_origin], stride, scores.truth.shape[2])


def _nested_baseline(pairs: list[PairReport], name: str) -> float:
    return _nested(pairs, lambda p: p.baselines[name])


def _nested(pairs: list[PairReport], of: Callable[[PairReport], float]) -> float:
    """Arithmetic mean over the attributes of a platform, then over platforms; NaN stays NaN."""
    platforms = dict.fromkeys(p.platform for p in pairs)
    if not platforms:
        return math.nan
    return float(
        np.mean([np.mean([of(p) for p in pairs if p.platform == name]) for name in platforms])
    )
