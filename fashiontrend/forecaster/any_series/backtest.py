"""Backtest the series forecaster and the baselines at rolling origins.

At each origin, forecasts, scales, the seasonal shape and the calibration of intervals use only
`SeriesTable.before(origin)`. Shapes: S series, H horizons.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fashiontrend.config import MemberConfig, UnivariateConfig
from fashiontrend.errors import ConfigError, DataError
from fashiontrend.forecaster.any_series import statistical
from fashiontrend.forecaster.any_series.ensemble import (  # fmt: skip
    SeriesForecast,
    error_scale,
    fit_series,
    predict_series,
    prepare,
    split_parts,
)
from fashiontrend.forecaster.any_series.tables import SeriesTable
from fashiontrend.forecaster.any_series.univariate import cut_paths
from fashiontrend.forecaster.baselines import BASELINES
from fashiontrend.series import metrics
from fashiontrend.series.fit_metrics import mean, normalised_perplexity
from fashiontrend.series.gaps import carry_source

Array = NDArray[np.float64]
Advance = Callable[[int, str], None]

#: Name of the forecaster among the baselines.
MODEL_NAME = "forecast"
#: The base of every forecast, without corrections.
SEASONAL_LEVEL = "seasonal_level"
DEFAULT_BASELINES = (*BASELINES, SEASONAL_LEVEL)
OPTIONAL_BASELINES = statistical.NAMES
_ALPHA80, _ALPHA95 = 0.2, 0.05


@dataclass(frozen=True)
class OriginReport:
    """Scores at one origin, as means over series and over the seeds of the forecaster."""

    origin: str  # first forecast date
    dates: int  # forecast dates that the table covers
    mase: dict[str, float]
    wape: dict[str, float]
    normalised_perplexity: dict[str, float]  # empty if the series are no shares
    mase_by_seed: list[float]
    mase_of_mean: float  # of the forecasts averaged over seeds
    pinball: dict[str, float]  # quantile -> loss
    coverage80: float
    coverage95: float
    width80: float
    width95: float
    msis80: float
    calibration: str


@dataclass(frozen=True)
class Paired:
    """How much lower the forecast's MASE is than a baseline's."""

    difference: float
    standard_error: float


@dataclass(frozen=True)
class BacktestCurves:
    """The last origin's series, with their forecasts."""

    names: tuple[str, ...]  # S
    dates: pd.DatetimeIndex  # history and forecast dates
    values: Array  # (S, dates); NaN where nothing was measured
    origin: int  # index of the first forecast date
    forecasts: dict[str, Array]  # model or baseline -> (S, H)
    q10: Array  # (S, H)
    q90: Array  # (S, H)


@dataclass(frozen=True)
class BacktestReport:
    """Scores at all origins, of the whole model and of its parts `lstm` and `trees`.

    The standard error of a paired difference is taken over series: each series gives one number,
    its mean over origins. Origins are no independent draws, because errors of one series at
    overlapping origins share dates. The standard error therefore does not cover other years.
    """

    series: int
    horizon: int
    season: int
    seeds: tuple[int, ...]
    origins: tuple[OriginReport, ...]
    mase: dict[str, float]  # mean over origins
    paired: dict[str, Paired]
    curves: BacktestCurves | None = None  # of the last origin; `plots` draws them

    def to_dict(self) -> dict[str, object]:
        """Return a JSON object, without the curves; NaN becomes null."""
        plain = asdict(replace(self, curves=None))
        plain.pop("curves")
        return {name: _clean(value) for name, value in plain.items()}


def roll_origins(
    table: SeriesTable, horizon: int, season: int, count: int, stride: int
) -> tuple[int, ...]:
    """Return the newest `count` origins, `stride` dates apart, each with `horizon` dates after it.

    Raises:
        DataError: no origin has more than a season of dates before it.
    """
    last = len(table.dates) - horizon
    origins = tuple(sorted(o for o in (last - i * stride for i in range(count)) if o > season))
    if not origins:
        raise DataError(
            f"backtest: {len(table.dates)} dates hold no origin with a season of {season} before and {horizon} "
            "dates after it. Lower --horizon or give a longer history."
        )
    return origins


def backtest_series(
    table: SeriesTable,
    cfg: UnivariateConfig,
    *,
    origins: Sequence[int],
    horizon: int,
    seeds: Sequence[int],
    season: int | None = None,
    baselines: Sequence[str] = DEFAULT_BASELINES,
    advance: Advance | None = None,
) -> BacktestReport:
    """Evaluate the forecaster and the baselines at every origin.

    Args:
        table: the series, which also hold the dates after each origin.
        cfg: branch `forecaster.univariate`.
        origins: index of the first forecast date of each origin.
        horizon: H, in dates; fewer are evaluated if the table ends earlier.
        seeds: the forecaster is fitted once per seed.
        season: length in dates; the default is the configuration's or the frequency's.
        baselines: names of `DEFAULT_BASELINES` and `OPTIONAL_BASELINES`.
        advance: called after every fit and baseline with (steps done, note).

    Raises:
        ConfigError: a baseline is unknown or not installed, or there is no seed.
    """
    unknown = [b for b in baselines if b not in (*DEFAULT_BASELINES, *OPTIONAL_BASELINES)]
    if unknown or not seeds or not origins:
        raise ConfigError(
            f"backtest: baselines {unknown or list(baselines)}, {len(seeds)} seeds, {len(origins)} origins; "
            f"baselines are {', '.join((*DEFAULT_BASELINES, *OPTIONAL_BASELINES))}, and at least one seed and "
            "origin are needed."
        )
    length = season or cfg.season_length or table.frequency.season
    report_progress = advance or (lambda steps, note: None)
    reports, by_series = [], []
    curves = None
    for origin in origins:
        report, each, curves = _evaluate_origin(
            table, cfg, origin, horizon, seeds, length, baselines, report_progress
        )
        reports.append(report)
        by_series.append(each)
    names = tuple(reports[0].mase)
    means = {n: float(np.mean([r.mase[n] for r in reports])) for n in names}
    paired = {
        n: _pair([each[n] - each[MODEL_NAME] for each in by_series])
        for n in names
        if n != MODEL_NAME
    }
    return BacktestReport(
        len(table.names), horizon, length, tuple(seeds), tuple(reports), means, paired, curves
    )


def forecast_baseline(name: str, history: SeriesTable, horizon: int, season: int) -> Array:
    """Return a baseline's (S, H) forecast; gaps of the history are filled with the value before.

    Raises:
        ConfigError: the baseline needs an optional extra that is not installed.
    """
    if name == SEASONAL_LEVEL:
        panel, offset = prepare(history, season)
        every = np.arange(len(history.names))
        ends = np.full(len(every), len(history.dates))
        batch = cut_paths(panel, every, ends, MemberConfig(), horizon)
        return np.asarray(batch.base.double().numpy() - offset[:, None])
    values = history.values
    filled = np.take_along_axis(values, carry_source(~np.isnan(values)), axis=1)
    if name in BASELINES:
        return BASELINES[name](filled[:, :, None], horizon, season)[:, :, 0]
    return statistical.forecast_statistically(name, filled, horizon, season)


def _evaluate_origin(
    table: SeriesTable,
    cfg: UnivariateConfig,
    origin: int,
    horizon: int,
    seeds: Sequence[int],
    season: int,
    baselines: Sequence[str],
    advance: Advance,
) -> tuple[OriginReport, dict[str, Array], BacktestCurves]:
    history, known = table.before(origin).measured()
    truth = table.values[known, origin : origin + horizon]
    steps = truth.shape[1]
    scale = error_scale(history.values, season)
    fits: list[SeriesForecast] = []
    parts: dict[str, list[Array]] = {}
    calibration = ""
    for seed in seeds:
        model = fit_series(history, cfg, horizon=horizon, seed=seed, season=season)
        calibration = model.calibration
        fits.append(predict_series(model, history, horizon))
        for name, part in split_parts(model).items():
            found = predict_series(part, history, horizon).median[:, :steps]
            parts.setdefault(name, []).append(found)
        advance(1, f"{table.dates[origin]:%Y-%m-%d} seed {seed}")
    forecasts = {MODEL_NAME: np.mean([f.median for f in fits], axis=0)[:, :steps]}
    for name in baselines:
        forecasts[name] = forecast_baseline(name, history, horizon, season)[:, :steps]
        advance(1, name)
    each = {n: metrics.mase(truth, f, scale) for n, f in forecasts.items()}
    mean_mase = metrics.mase(truth, forecasts[MODEL_NAME], scale)
    own = np.stack([metrics.mase(truth, f.median[:, :steps], scale) for f in fits])
    each[MODEL_NAME] = own.mean(axis=0)
    for name, made in parts.items():
        each[name] = np.mean([metrics.mase(truth, f, scale) for f in made], axis=0)
        forecasts[name] = np.mean(made, axis=0)
    scores = [_score_intervals(truth, f, steps, scale) for f in fits]
    means = {k: float(np.mean([s[k] for s in scores])) for k in scores[0]}
    report = OriginReport(
        origin=f"{table.dates[origin]:%Y-%m-%d}",
        dates=steps,
        mase={n: mean(m) for n, m in each.items()},
        wape={n: metrics.wape(truth, f) for n, f in forecasts.items()},
        normalised_perplexity=_perplexities(table, truth, forecasts),
        mase_by_seed=[mean(m) for m in own],
        mase_of_mean=mean(mean_mase),
        pinball={k.removeprefix("pinball_"): v for k, v in means.items() if k.startswith("pinball_")},
        calibration=calibration,
        **{k: v for k, v in means.items() if not k.startswith("pinball_")},
    )  # fmt: skip
    curves = BacktestCurves(
        history.names, table.dates[: origin + steps], table.values[known, : origin + steps], origin,
        forecasts, fits[0].q10[:, :steps], fits[0].q90[:, :steps],
    )  # fmt: skip
    return report, each, curves


def _score_intervals(
    truth: Array, forecast: SeriesForecast, steps: int, scale: Array
) -> dict[str, float]:
    low, high = forecast.q10[:, :steps], forecast.q90[:, :steps]
    far_low, far_high = forecast.q025[:, :steps], forecast.q975[:, :steps]
    return {
        "pinball_q10": mean(metrics.pinball(truth, low, 0.1, scale)),
        "pinball_q50": mean(metrics.pinball(truth, forecast.median[:, :steps], 0.5, scale)),
        "pinball_q90": mean(metrics.pinball(truth, high, 0.9, scale)),
        "coverage80": mean(metrics.coverage(truth, low, high)),
        "coverage95": mean(metrics.coverage(truth, far_low, far_high)),
        "width80": mean(metrics.width(low, high, scale)),
        "width95": mean(metrics.width(far_low, far_high, scale)),
        "msis80": mean(metrics.msis(truth, low, high, _ALPHA80, scale)),
    }


def _perplexities(
    table: SeriesTable, truth: Array, forecasts: dict[str, Array]
) -> dict[str, float]:
    """Return the mean normalised perplexity over dates; nothing unless the series sum to 1."""
    if not table.is_composition:
        return {}
    p = truth.T[np.isfinite(truth).all(axis=0)]
    found = {}
    for name, forecast in forecasts.items():
        q = np.maximum(forecast.T, 0.0)[np.isfinite(truth).all(axis=0)]
        found[name] = float(normalised_perplexity(p, q / q.sum(axis=1, keepdims=True)).mean())
    return found


def _pair(differences: list[Array]) -> Paired:
    # An earlier origin may know fewer series; only origins that know all of them are paired.
    widest = max(len(d) for d in differences)
    stacked = np.array([d for d in differences if len(d) == widest])
    count = np.isfinite(stacked).sum(axis=0)
    each = np.where(np.isfinite(stacked), stacked, 0.0).sum(axis=0)[count > 0] / count[count > 0]
    if len(each) < 2:
        return Paired(mean(each), float("nan"))
    return Paired(float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each))))


def _clean(value: object) -> object:
    """Return a JSON value in which numbers that are not finite are null."""
    if isinstance(value, dict):
        return {k: _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
