"""Rolling-origin backtest of the series forecaster beside every baseline.

At each origin everything is made from `SeriesTable.before(origin)`: forecasts, scales, the seasonal
shape, and the calibration of intervals on origins earlier still. Shapes: S series, H horizons.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
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
from fashiontrend.series.fit_metrics import normalised_perplexity

Array = NDArray[np.float64]
Advance = Callable[[int, str], None]

MODEL = "forecast"
#: The base by itself.
SEASONAL_LEVEL = "seasonal_level"
ALWAYS = (*BASELINES, SEASONAL_LEVEL)
OPTIONAL = statistical.NAMES
_ALPHA80, _ALPHA95 = 0.2, 0.05


@dataclass(frozen=True)
class OriginReport:
    """One origin: plain means over series, and over seeds for the LSTM."""

    origin: str  # first forecast date
    dates: int  # measured forecast dates at most
    mase: dict[str, float]
    wape: dict[str, float]
    normalised_perplexity: dict[str, float]  # empty where the series are no shares
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
class BacktestReport:
    """All origins.

    The model is judged whole and in its parts, `lstm` and `trees`.

    The standard error of a paired difference is over series: each series gives one number, its mean
    over origins. Errors of one series at overlapping origins share their dates, so origins are no
    independent draws; the price is that the error says nothing of other years than these.
    """

    series: int
    horizon: int
    season: int
    seeds: tuple[int, ...]
    origins: tuple[OriginReport, ...]
    mase: dict[str, float]  # mean over origins
    paired: dict[str, Paired]
    curves: dict[str, Any] = field(default_factory=dict)  # what `plots` draws

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, without the curves; NaN becomes null."""
        plain = asdict(self)
        plain.pop("curves")
        cleaned: dict[str, Any] = _clean(plain)
        return cleaned


def roll_origins(
    table: SeriesTable, horizon: int, season: int, count: int, stride: int
) -> tuple[int, ...]:
    """The newest `count` origins, `stride` dates apart, with `horizon` dates to judge each.

    Raises:
        DataError: fewer than a season and a bit lie before the newest of them.
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
    baselines: Sequence[str] = ALWAYS,
    advance: Advance | None = None,
) -> BacktestReport:
    """Judge the forecaster and baselines at every origin.

    Args:
        table: the series, with what became known after each origin.
        cfg: branch `forecaster.univariate`.
        origins: index of the first date to forecast.
        horizon: H; fewer where the table ends before.
        seeds: one fit each.
        season: dates; the configuration's or the frequency's if not given.
        baselines: of `ALWAYS` and `OPTIONAL`.
        advance: told of every fit and baseline.

    Raises:
        ConfigError: a baseline is unknown or not installed, or there is no seed.
    """
    unknown = [b for b in baselines if b not in (*ALWAYS, *OPTIONAL)]
    if unknown or not seeds or not origins:
        raise ConfigError(
            f"backtest: baselines {unknown or list(baselines)}, {len(seeds)} seeds, {len(origins)} origins; "
            f"baselines are {', '.join((*ALWAYS, *OPTIONAL))}, and at least one seed and origin are needed."
        )
    length = season or cfg.season_length or table.frequency.season
    told = advance or (lambda steps, note: None)
    reports, by_series = [], []
    curves: dict[str, Any] = {}
    for origin in origins:
        report, each, curves = _judge(table, cfg, origin, horizon, seeds, length, baselines, told)
        reports.append(report)
        by_series.append(each)
    names = tuple(reports[0].mase)
    means = {n: float(np.mean([r.mase[n] for r in reports])) for n in names}
    paired = {n: _pair([each[n] - each[MODEL] for each in by_series]) for n in names if n != MODEL}
    return BacktestReport(
        len(table.names), horizon, length, tuple(seeds), tuple(reports), means, paired, curves
    )


def forecast_naively(name: str, history: SeriesTable, horizon: int, season: int) -> Array:
    """A baseline's forecast from a history, (S, H); gaps carry the last value on.

    Raises:
        ConfigError: the baseline needs the optional extra.
    """
    if name == SEASONAL_LEVEL:
        panel, offset = prepare(history, season)
        every = np.arange(len(history.names))
        ends = np.full(len(every), len(history.dates))
        batch = cut_paths(panel, every, ends, MemberConfig(), horizon)
        return np.asarray(batch.base.double().numpy() - offset[:, None])
    filled = _carry(history.values)
    if name in BASELINES:
        return BASELINES[name](filled[:, :, None], horizon, season)[:, :, 0]
    return statistical.forecast_statistically(name, filled, horizon, season)


def _judge(
    table: SeriesTable,
    cfg: UnivariateConfig,
    origin: int,
    horizon: int,
    seeds: Sequence[int],
    season: int,
    baselines: Sequence[str],
    advance: Advance,
) -> tuple[OriginReport, dict[str, Array], dict[str, Any]]:
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
    forecasts = {MODEL: np.mean([f.median for f in fits], axis=0)[:, :steps]}
    for name in baselines:
        forecasts[name] = forecast_naively(name, history, horizon, season)[:, :steps]
        advance(1, name)
    each = {n: metrics.mase(truth, f, scale) for n, f in forecasts.items()}
    mean_mase = metrics.mase(truth, forecasts[MODEL], scale)
    own = np.stack([metrics.mase(truth, f.median[:, :steps], scale) for f in fits])
    each[MODEL] = own.mean(axis=0)
    for name, made in parts.items():
        each[name] = np.mean([metrics.mase(truth, f, scale) for f in made], axis=0)
        forecasts[name] = np.mean(made, axis=0)
    judged = [_judge_interval(truth, f, steps, scale) for f in fits]
    middle = {k: float(np.mean([j[k] for j in judged])) for k in judged[0]}
    report = OriginReport(
        origin=f"{table.dates[origin]:%Y-%m-%d}",
        dates=steps,
        mase={n: _plain_mean(m) for n, m in each.items()},
        wape={n: metrics.wape(truth, f) for n, f in forecasts.items()},
        normalised_perplexity=_perplexities(table, truth, forecasts),
        mase_by_seed=[_plain_mean(m) for m in own],
        mase_of_mean=_plain_mean(mean_mase),
        pinball={k.removeprefix("pinball_"): v for k, v in middle.items() if k.startswith("pinball_")},
        calibration=calibration,
        **{k: v for k, v in middle.items() if not k.startswith("pinball_")},
    )  # fmt: skip
    curves = {
        "names": history.names, "dates": table.dates[: origin + steps], "values": table.values[known, : origin + steps],
        "origin": origin, "forecasts": forecasts, "q10": fits[0].q10[:, :steps], "q90": fits[0].q90[:, :steps],
    }  # fmt: skip
    return report, each, curves


def _judge_interval(
    truth: Array, forecast: SeriesForecast, steps: int, scale: Array
) -> dict[str, float]:
    low, high = forecast.q10[:, :steps], forecast.q90[:, :steps]
    far_low, far_high = forecast.q025[:, :steps], forecast.q975[:, :steps]
    return {
        "pinball_q10": _plain_mean(metrics.pinball(truth, low, 0.1, scale)),
        "pinball_q50": _plain_mean(metrics.pinball(truth, forecast.median[:, :steps], 0.5, scale)),
        "pinball_q90": _plain_mean(metrics.pinball(truth, high, 0.9, scale)),
        "coverage80": _plain_mean(metrics.coverage(truth, low, high)),
        "coverage95": _plain_mean(metrics.coverage(truth, far_low, far_high)),
        "width80": _plain_mean(metrics.width(low, high, scale)),
        "width95": _plain_mean(metrics.width(far_low, far_high, scale)),
        "msis80": _plain_mean(metrics.msis(truth, low, high, _ALPHA80, scale)),
    }


def _perplexities(
    table: SeriesTable, truth: Array, forecasts: dict[str, Array]
) -> dict[str, float]:
    """Mean normalised perplexity over dates, where the series are shares that sum to 1."""
    if not table.is_composition:
        return {}
    p = truth.T[np.isfinite(truth).all(axis=0)]
    found = {}
    for name, forecast in forecasts.items():
        q = np.maximum(forecast.T, 0.0)[np.isfinite(truth).all(axis=0)]
        found[name] = float(normalised_perplexity(p, q / q.sum(axis=1, keepdims=True)).mean())
    return found


def _pair(differences: list[Array]) -> Paired:
    widest = max(len(d) for d in differences)
    same = [d for d in differences if len(d) == widest]
    stacked = np.array(same)
    count = np.isfinite(stacked).sum(axis=0)
    each = np.where(np.isfinite(stacked), stacked, 0.0).sum(axis=0)[count > 0] / count[count > 0]
    if len(each) < 2:
        return Paired(_plain_mean(each), float("nan"))
    return Paired(float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each))))


def _plain_mean(values: Array) -> float:
    known = np.asarray(values)[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _carry(values: Array) -> Array:
    """Gaps take the last value before them; before the first value, that one."""
    seen = ~np.isnan(values)
    last = np.maximum.accumulate(np.where(seen, np.arange(values.shape[1]), -1), axis=1)
    source = np.where(last < 0, seen.argmax(axis=1)[:, None], last)
    return np.asarray(np.take_along_axis(values, source, axis=1))


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
