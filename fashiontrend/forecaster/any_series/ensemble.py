"""Fit an ensemble of networks to a table of series, and calibrate its intervals.

Intervals are conformal (Vovk et al. 2005; normalised scores as in Romano et al. 2019): the same
ensemble is fitted to the dates before an earlier origin and forecasts the dates after it. The
factors by which its widths cover 80 % and 95 % of those errors scale the final widths. Shapes as
in `univariate`.
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
    PathBatch,
    SeriesModel,
    SeriesPanel,
    cut_paths,
    pinball_losses,
)

Array = NDArray[np.float64]
Advance = Callable[[int, str], None]

LEVELS = (0.80, 0.95)
#: A training window needs this many target dates, and this many dates before its origin.
_MIN_TARGETS, _MIN_CONTEXT = 4, 8
#: Factor of the widths if there is no earlier origin to calibrate on, because widths that fit the
#: training dates are too small for later ones.
_OPTIMISM = 1.25
_BATCH = 1024
#: Calibration of a forecaster whose table is too short for an earlier origin.
UNCALIBRATED = "training dates; no earlier origin"
#: Training windows, half of them reversed in time; drawn at random if there are more. A fit stays below a minute.
MAX_WINDOWS = 30_000
#: Of the training of each network; chosen together with the epochs of the members.
BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY = 128, 2e-3, 1e-2


class TrainNetwork(Protocol):
    """Trains one network in place: `training.optimise`, or the same loop over several workers."""

    def __call__(
        self,
        model: nn.Module,
        tensors: training.Batch,
        losses: training.Losses,
        plan: training.TrainingPlan,
        *,
        seed: int,
        on_epoch_end: Callable[[TrainState], None] | None = None,
    ) -> TrainState:
        """Train as `training.optimise` does."""


@dataclass(frozen=True)
class _Task:
    """The arguments that the ensembles of the fit and of its calibration share."""

    cfg: UnivariateConfig
    season: int
    horizon: int
    seed: int
    train_network: TrainNetwork
    advance: Advance


@dataclass(frozen=True)
class SeriesForecaster:
    """Networks that forecast any series of their frequency, without further training."""

    models: tuple[SeriesModel, ...]  # one per member; none if there was nothing to learn from
    trees: lightgbm.Booster | None
    cfg: UnivariateConfig
    season: int
    horizon: int  # dates of the longest forecast
    factors: tuple[float, float]  # of the widths of the 80 % and the 95 % interval
    calibration: str  # text: on which dates the factors were found
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
    train_network: TrainNetwork = training.optimise,
) -> SeriesForecaster:
    """Fit to all dates of a table.

    Args:
        table: the series, with two dates or more.
        cfg: branch `forecaster.univariate`.
        horizon: number of dates that can be forecast.
        seed: seed of weights, drawn windows and dropout.
        season: length in dates; the default is the configuration's or the frequency's.
        advance: called after every epoch with (steps done, note); `count_epochs` gives the total.
        train_network: trains a network; called for each member of the fit, then of the calibration.

    Raises:
        ConfigError: the horizon or the season is below 1.
        DataError: the loss is not finite.
    """
    if horizon < 1 or (season is not None and season < 1):
        raise ConfigError(f"horizon {horizon}, season {season}: both must be 1 or more.")
    length = season or cfg.season_length or table.frequency.season
    report = advance or (lambda steps, note: None)
    task = _Task(cfg, length, horizon, seed, train_network, report)
    fitted = _fit_members(table, task, "fit")
    draft = SeriesForecaster(*fitted, cfg, length, horizon, (1.0, 1.0), "", table.frequency.name)
    origin = _calibration_origin(table, length, horizon)
    if origin is None:
        report(sum(m.epochs for m in cfg.members), "too short to calibrate on an earlier origin")
        wide = (_OPTIMISM, 1.6 * _OPTIMISM)
        return replace(draft, factors=wide, calibration=UNCALIBRATED)
    earlier, known = table.before(origin).measured()
    models, trees = _fit_members(earlier, task, "calibrate")
    past = replace(draft, models=models, trees=trees)
    factors = _find_factors(past, earlier, table.values[known, origin:])
    dates = f"{table.dates[origin]:%Y-%m-%d} to {table.dates[-1]:%Y-%m-%d}, fitted before"
    return replace(draft, factors=factors, calibration=dates)


def count_epochs(cfg: UnivariateConfig) -> int:
    """Return the number of epochs that `fit_series` reports, with those of the calibration."""
    return 2 * sum(member.epochs for member in cfg.members)


def predict_series(
    forecaster: SeriesForecaster, table: SeriesTable, horizon: int
) -> SeriesForecast:
    """Forecast the dates after the last one of a table.

    The forecast of a constant series is that constant, with an interval of width 0.

    Raises:
        ConfigError: the horizon exceeds the forecaster's, or the frequency differs from it.
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
    constant = _constant(table.values)
    level = np.nanmax(table.values, axis=1)[:, None]
    floor = np.where(np.nanmin(table.values, axis=1)[:, None] >= 0, 0.0, -np.inf)

    def place(distance: Array, factor: float) -> Array:
        moved = np.maximum(median + factor * distance - shift, floor)
        return np.asarray(np.where(constant[:, None], level, moved)[:, :horizon])

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
    """Scale forecasts of a composition so that the medians of every date sum to 1."""
    total = found[0].sum(axis=0)
    return [np.minimum(part / np.where(total > 0, total, 1.0), 1.0) for part in found]


def split_parts(forecaster: SeriesForecaster) -> dict[str, SeriesForecaster]:
    """Return the networks alone and the trees alone; nothing unless both were fitted."""
    if forecaster.trees is None or not 0 < forecaster.cfg.trees_weight < 1:
        return {}
    only_trees = forecaster.cfg.model_copy(update={"trees_weight": 1.0})
    return {"lstm": replace(forecaster, trees=None), "trees": replace(forecaster, cfg=only_trees)}


def prepare(table: SeriesTable, season: int) -> tuple[SeriesPanel, Array]:
    """Return the series as the network takes them, and the (S,) offsets that were added.

    A series with negative values is shifted until its minimum equals its range, so that a factor of
    the level acts almost like a sum.
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
    return SeriesPanel(values, seen.astype(np.float64), weight, season), offset


def error_scale(values: Array, season: int) -> Array:
    """Return the (S,) means of |y[t] - y[t - season]|, the denominator of MASE.

    MASE is defined by Hyndman & Koehler (2006). If no two measured dates lie a season apart,
    neighbouring dates are taken; NaN if there are none either.
    """
    scale = np.full(len(values), np.nan)
    for lag in (season, 1):
        step = np.abs(values[:, lag:] - values[:, :-lag])
        known = ~np.isnan(step)
        mean = np.where(known, step, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        scale = np.where(np.isnan(scale) & known.any(axis=1), mean, scale)
    return scale


def describe_treatment(table: SeriesTable, season: int) -> list[str]:
    """Return notes on constant, negative and short series, for readers of the forecast."""
    values = table.values
    groups = {
        "are constant; they stay so": _constant(values),
        "have negative values; they are moved up and back": np.nanmin(values, axis=1) < 0,
        f"have fewer than {season} values; their forecast has no season and keeps the recent level": (
            (~np.isnan(values)).sum(axis=1) < season
        ),
    }
    notes = [
        f"{int(which.sum())} series, first {table.names[int(which.argmax())]!r}, {text}"
        for text, which in groups.items()
        if which.any()
    ]
    if table.is_composition:
        notes.append("the series sum to 1 on every date, so the forecasts do too")
    return notes


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
        plan = training.TrainingPlan(
            member.epochs, BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY, cfg.steps_per_epoch
        )
        task.train_network(
            model, tuple(windows), pinball_losses, plan, seed=1000 * seed + number,
            on_epoch_end=lambda state: advance(1, f"{note}, error {state.history[-1]['error']:.3f}"),
        )  # fmt: skip
        models.append(model)
    return tuple(models), trees


def _fit_trees(panel: SeriesPanel, task: _Task) -> lightgbm.Booster | None:
    member, rng = _trees_member(task.cfg), np.random.default_rng([task.seed, 0])
    windows = _draw_windows(panel, member, task.cfg, task.horizon, rng)
    return fit_trees(windows, task.seed) if windows is not None else None


def _trees_member(cfg: UnivariateConfig) -> MemberConfig:
    """Return the first member with the context length of the trees."""
    return cfg.members[0].model_copy(update={"context_length": cfg.trees_context})


def _draw_windows(
    panel: SeriesPanel,
    member: MemberConfig,
    cfg: UnivariateConfig,
    horizon: int,
    rng: np.random.Generator,
) -> PathBatch | None:
    """Draw windows of the series and of their time-reversed copies; None if none has a target."""
    length = panel.values.shape[1]
    first = panel.season if length >= panel.season + _MIN_CONTEXT else _MIN_CONTEXT
    origins = np.arange(first, length - _MIN_TARGETS + 1)
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
def _average(forecaster: SeriesForecaster, panel: SeriesPanel) -> tuple[Array, Array, Array]:
    """Return median and distances to the quantiles, each (S, H).

    Members are averaged, then the trees' median is mixed in. If nothing was learnt, the base takes
    the place of every member.
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
            from_trees = forecast_trees(forecaster.trees, batch)
            mean[0, part] += cfg.trees_weight * (from_trees - mean[0, part])
    return mean[0], mean[1], mean[2]


def _cut_ends(
    panel: SeriesPanel, member: MemberConfig, horizon: int
) -> Iterator[tuple[slice, PathBatch]]:
    """Yield the windows at the end of the series, in batches of series."""
    size, length = panel.values.shape
    for i in range(0, size, _BATCH):
        series = np.arange(i, min(i + _BATCH, size))
        yield (
            slice(i, i + _BATCH),
            cut_paths(panel, series, np.full(len(series), length), member, horizon),
        )


def _calibration_origin(table: SeriesTable, season: int, horizon: int) -> int | None:
    """Return the latest origin with enough dates before it to fit to, None if there is none."""
    length = table.values.shape[1]
    tried = (length - horizon, length - horizon // 2, length - horizon // 4)
    return next((o for o in tried if season + _MIN_CONTEXT <= o < length), None)


def _find_factors(past: SeriesForecaster, table: SeriesTable, truth: Array) -> tuple[float, float]:
    """Return the factors by which the widths cover 80 % and 95 % of the errors after `table`."""
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
