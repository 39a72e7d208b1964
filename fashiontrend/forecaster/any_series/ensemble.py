"""Fit several networks to a table of series, average them, and make their intervals hold.

Intervals are conformal (Vovk et al. 2005; normalised scores as in Romano et al. 2019): the same
ensemble, fitted to the dates before an earlier origin, forecasts the dates after it; the factor by which its
widths hold 80 % and 95 % of those errors widens the final ones. Shapes as in `univariate`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import lightgbm
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fashiontrend.checkpoint import TrainState
from fashiontrend.config import MemberConfig, UnivariateConfig
from fashiontrend.errors import ConfigError
from fashiontrend.forecaster import training
from fashiontrend.forecaster.any_series.boosted import fit_trees, forecast_trees
from fashiontrend.forecaster.any_series.tables import SeriesTable
from fashiontrend.forecaster.any_series.univariate import (  # fmt: skip
    Panel,
    PathBatch,
    SeriesModel,
    cut_paths,
    pinball_losses,
)

Array = NDArray[np.float64]
Advance = Callable[[int, str], None]

LEVELS = (0.80, 0.95)
#: Target dates, and dates before the first origin, that a training window needs.
_LEAST_TARGETS, _LEAST_CONTEXT = 4, 8
#: Where no earlier origin can be judged, widths come from training and are this much too small.
_OPTIMISM = 1.25
_BATCH = 1024
#: Training windows, half of them reversed in time; drawn at random if there are more. A fit stays below a minute.
MAX_WINDOWS = 30_000
#: Of the training of each network; chosen together with the epochs of the members.
BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY = 128, 2e-3, 1e-2


class Learn(Protocol):
    """Trains one network in place: `train.optimise`, or the same loop spread over workers."""

    def __call__(
        self,
        model: nn.Module,
        tensors: training.Batch,
        losses: training.Losses,
        plan: training.Plan,
        *,
        seed: int,
        on_epoch_end: Callable[[TrainState], None] | None = None,
    ) -> TrainState:
        """See `train.optimise`."""


@dataclass(frozen=True)
class _Task:
    """What both ensembles of a fit have in common."""

    cfg: UnivariateConfig
    season: int
    horizon: int
    seed: int
    learn: Learn
    advance: Advance


@dataclass(frozen=True)
class SeriesForecaster:
    """Networks that forecast any series of their frequency, without further training."""

    models: tuple[SeriesModel, ...]  # one a member; none where there was nothing to learn from
    trees: lightgbm.Booster | None
    cfg: UnivariateConfig
    season: int
    horizon: int  # the longest forecast
    factors: tuple[float, float]  # of the widths, for 80 % and 95 %
    calibration: str  # on which dates the factors were found, in words
    frequency: str


@dataclass(frozen=True)
class SeriesForecast:
    """Forecasts of every series; all (S, H)."""

    median: Array
    q10: Array
    q90: Array
    q025: Array
    q975: Array


def fit_series(
    table: SeriesTable,
    cfg: UnivariateConfig,
    *,
    horizon: int,
    seed: int,
    season: int | None = None,
    advance: Advance | None = None,
    learn: Learn = training.optimise,
) -> SeriesForecaster:
    """Fit to all dates of a table.

    Args:
        table: the series; at least two dates.
        cfg: branch `forecaster.univariate`.
        horizon: dates to forecast at most.
        seed: of weights, drawn windows and dropout.
        season: dates; overrules the configuration and the frequency's usual one.
        advance: told of every epoch (steps done, note); `count_epochs` tells how many there are.
        learn: trains a network; called once a member, of the fit first, then of its calibration.

    Raises:
        ConfigError: horizon or season are below 1.
        DataError: the loss is not finite.
    """
    if horizon < 1 or (season is not None and season < 1):
        raise ConfigError(f"horizon {horizon}, season {season}: both must be 1 or more.")
    length = season or cfg.season_length or table.frequency.season
    report = advance or (lambda steps, note: None)
    task = _Task(cfg, length, horizon, seed, learn, report)
    fitted = _fit_members(table, task, "fit")
    draft = SeriesForecaster(*fitted, cfg, length, horizon, (1.0, 1.0), "", table.frequency.name)
    origin = _calibration_origin(table, length, horizon)
    if origin is None:
        report(sum(m.epochs for m in cfg.members), "too short to calibrate on an earlier origin")
        wide = (_OPTIMISM, 1.6 * _OPTIMISM)
        return replace(draft, factors=wide, calibration="training dates; no earlier origin")
    earlier, known = table.before(origin).measured()
    models, trees = _fit_members(earlier, task, "calibrate")
    past = replace(draft, models=models, trees=trees)
    factors = _find_factors(past, earlier, table.values[known, origin:])
    told = f"{table.dates[origin]:%Y-%m-%d} to {table.dates[-1]:%Y-%m-%d}, fitted before"
    return replace(draft, factors=factors, calibration=told)


def count_epochs(cfg: UnivariateConfig) -> int:
    """How many epochs `fit_series` reports, calibration included."""
    return 2 * sum(member.epochs for member in cfg.members)


def predict_series(
    forecaster: SeriesForecaster, table: SeriesTable, horizon: int
) -> SeriesForecast:
    """Forecast the dates after the last one of a table.

    A constant series stays what it is, with an interval of no width.

    Raises:
        ConfigError: the horizon is longer than the forecaster's, or the frequency another one.
    """
    if not 1 <= horizon <= forecaster.horizon:
        raise ConfigError(
            f"horizon {horizon}: this model forecasts 1 to {forecaster.horizon} dates. Fit one with a longer horizon."
        )
    if table.frequency.name != forecaster.frequency:
        raise ConfigError(
            f"the series are {table.frequency.name}, the model was fitted to {forecaster.frequency} ones. Fit another."
        )
    return _forecast(forecaster, table, horizon)


def _forecast(forecaster: SeriesForecaster, table: SeriesTable, horizon: int) -> SeriesForecast:
    panel, offset = prepare(table, forecaster.season)
    median, below, above = _average(forecaster, panel)
    shift = offset[:, None]
    still = _constant(table.values)
    level = np.nanmax(table.values, axis=1)[:, None]
    floor = np.where(np.nanmin(table.values, axis=1)[:, None] >= 0, 0.0, -np.inf)

    def place(distance: Array, factor: float) -> Array:
        moved = np.maximum(median + factor * distance - shift, floor)
        return np.asarray(np.where(still[:, None], level, moved)[:, :horizon])

    narrow, wide = forecaster.factors
    found = (
        place(below, 0.0),
        place(below, -narrow),
        place(above, narrow),
        place(below, -wide),
        place(above, wide),
    )
    return SeriesForecast(*(_close(found) if table.is_composition else found))


def _close(found: tuple[Array, ...]) -> list[Array]:
    """Shares of one whole sum to 1 on every date: the median first, and its interval with it."""
    total = found[0].sum(axis=0)
    return [np.minimum(part / np.where(total > 0, total, 1.0), 1.0) for part in found]


def split_parts(forecaster: SeriesForecaster) -> dict[str, SeriesForecaster]:
    """The networks without the trees and the trees without the networks, where both were fitted."""
    if forecaster.trees is None or not 0 < forecaster.cfg.trees_weight < 1:
        return {}
    only_trees = forecaster.cfg.model_copy(update={"trees_weight": 1.0})
    return {"lstm": replace(forecaster, trees=None), "trees": replace(forecaster, cfg=only_trees)}


def prepare(table: SeriesTable, season: int) -> tuple[Panel, Array]:
    """Series as the network takes them, and what was added to each, (S,).

    A series with negative values is moved up until its least value is as large as its range:
    there a multiple of the level is nearly a sum.
    """
    seen = ~np.isnan(table.values)
    low, high = np.nanmin(table.values, axis=1), np.nanmax(table.values, axis=1)
    offset = np.where(low < 0, (high - low) - low, 0.0)
    values = np.where(seen, table.values + offset[:, None], 0.0)
    scale = error_scale(table.values, season)
    weight = np.where(
        np.isfinite(scale) & (scale > 0) & ~_constant(table.values),
        1.0 / np.maximum(scale, 1e-300),
        0.0,
    )
    return Panel(values, seen.astype(np.float64), weight, season), offset


def error_scale(values: Array, season: int) -> Array:
    """(S,) mean |y[t] - y[t - season]|, the denominator of MASE (Hyndman & Koehler 2006).

    Where no two dates lie a season apart, of neighbouring dates; NaN where there are none either.
    """
    scale = np.full(len(values), np.nan)
    for lag in (season, 1):
        step = np.abs(values[:, lag:] - values[:, :-lag])
        known = ~np.isnan(step)
        mean = np.where(known, step, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        scale = np.where(np.isnan(scale) & known.any(axis=1), mean, scale)
    return scale


def describe_treatment(table: SeriesTable, season: int) -> list[str]:
    """What a reader of the forecast should know of constant, negative and short series."""
    values = table.values
    groups = {
        "are constant; they stay so": _constant(values),
        "have negative values; they are moved up and back": np.nanmin(values, axis=1) < 0,
        f"have fewer than {season} values; no season is told, the recent level stays": (
            (~np.isnan(values)).sum(axis=1) < season
        ),
    }
    told = [
        f"{int(which.sum())} series, first {table.names[int(which.argmax())]!r}, {text}"
        for text, which in groups.items()
        if which.any()
    ]
    if table.is_composition:
        told.append("the series sum to 1 on every date, so the forecasts do too")
    return told


def _constant(values: Array) -> NDArray[np.bool_]:
    return np.asarray(np.nanmax(values, axis=1) == np.nanmin(values, axis=1))


def _fit_members(
    table: SeriesTable, task: _Task, note: str
) -> tuple[tuple[SeriesModel, ...], lightgbm.Booster | None]:
    cfg, horizon, seed, advance = task.cfg, task.horizon, task.seed, task.advance
    panel, _ = prepare(table, task.season)
    trees = _fit_trees(panel, task) if cfg.trees_weight > 0 else None
    models = []
    for number, member in enumerate(cfg.members):
        windows = _draw_windows(panel, member, cfg, horizon, np.random.default_rng([seed, number]))
        if windows is None:
            advance(member.epochs, "nothing to learn from; the seasonal base forecasts")
            continue
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1000 * seed + number)
            model = SeriesModel(cfg, horizon)
        plan = training.Plan(
            member.epochs, BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY, cfg.steps_per_epoch
        )
        task.learn(
            model, tuple(windows), pinball_losses, plan, seed=1000 * seed + number,
            on_epoch_end=lambda state: advance(1, f"{note}, error {state.history[-1]['error']:.3f}"),
        )  # fmt: skip
        models.append(model)
    return tuple(models), trees


def _fit_trees(panel: Panel, task: _Task) -> lightgbm.Booster | None:
    member, rng = _trees_member(task.cfg), np.random.default_rng([task.seed, 0])
    windows = _draw_windows(panel, member, task.cfg, task.horizon, rng)
    return fit_trees(windows, task.seed) if windows is not None else None


def _trees_member(cfg: UnivariateConfig) -> MemberConfig:
    """The first network's windows, with as many dates as the trees sum up."""
    return cfg.members[0].model_copy(update={"context_length": cfg.trees_context})


def _draw_windows(
    panel: Panel,
    member: MemberConfig,
    cfg: UnivariateConfig,
    horizon: int,
    rng: np.random.Generator,
) -> PathBatch | None:
    """Windows of the series and of their time-reversed copies; None where none has a target."""
    length = panel.values.shape[1]
    first = panel.season if length >= panel.season + _LEAST_CONTEXT else _LEAST_CONTEXT
    origins = np.arange(first, length - _LEAST_TARGETS + 1)
    rows = np.flatnonzero(panel.weight > 0)
    count = len(rows) * len(origins)
    if count == 0:
        return None
    batches = []
    for copy in (panel, panel.reverse()):
        some = rng.choice(count, min(count, MAX_WINDOWS // 2), replace=False)
        batch = cut_paths(
            copy, rows[some // len(origins)], origins[some % len(origins)], member, horizon
        )
        used = (batch.weight.sum(dim=1) > 0) & (batch.path[:, :, 2].sum(dim=1) > 0)
        batches.append([part[used] for part in batch])
    joined = PathBatch(*(torch.cat(parts) for parts in zip(*batches, strict=True)))
    return joined if len(joined.base) else None


@torch.no_grad()
def _average(forecaster: SeriesForecaster, panel: Panel) -> tuple[Array, Array, Array]:
    """Median and distances, each (S, H): members averaged, then the trees' opinion of the median.

    Where nothing was learnt the base stands for every member.
    """
    cfg, size = forecaster.cfg, len(panel.values)
    mean = np.zeros((3, size, forecaster.horizon))
    models = forecaster.models or (None,) * len(cfg.members)
    for model, member in zip(models, cfg.members, strict=True):
        for part, batch in _cut_ends(panel, member, forecaster.horizon):
            out = model.eval()(*batch[:4]) if model else (batch.base, batch.unit, batch.unit)
            mean[:, part] += np.stack([o.double().numpy() for o in out]) / len(cfg.members)
    if forecaster.trees is not None:
        for part, batch in _cut_ends(panel, _trees_member(cfg), forecaster.horizon):
            opinion = forecast_trees(forecaster.trees, batch)
            mean[0, part] += cfg.trees_weight * (opinion - mean[0, part])
    return mean[0], mean[1], mean[2]


def _cut_ends(
    panel: Panel, member: MemberConfig, horizon: int
) -> Iterator[tuple[slice, PathBatch]]:
    """The window at the end of every series, some series at a time."""
    size, length = panel.values.shape
    for i in range(0, size, _BATCH):
        series = np.arange(i, min(i + _BATCH, size))
        yield (
            slice(i, i + _BATCH),
            cut_paths(panel, series, np.full(len(series), length), member, horizon),
        )


def _calibration_origin(table: SeriesTable, season: int, horizon: int) -> int | None:
    """The latest origin before which there is a season and a bit to learn from."""
    length = table.values.shape[1]
    tried = (length - horizon, length - horizon // 2, length - horizon // 4)
    return next((o for o in tried if season + _LEAST_CONTEXT <= o < length), None)


def _find_factors(past: SeriesForecaster, table: SeriesTable, truth: Array) -> tuple[float, float]:
    panel, offset = prepare(table, past.season)
    median, below, above = _average(past, panel)
    steps = min(truth.shape[1], past.horizon)
    error = truth[:, :steps] - (median - offset[:, None])[:, :steps]
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.maximum(error / above[:, :steps], -error / below[:, :steps])
    used = np.isfinite(score) & ~_constant(table.values)[:, None]
    if not used.any():
        return _OPTIMISM, 1.6 * _OPTIMISM
    low, high = np.quantile(score[used], LEVELS)
    return float(low), float(high)
