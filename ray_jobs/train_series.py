"""Fit the forecaster of any series (`fashiontrend forecast --workers`) on Ray Train with DDP.

Every worker runs `ensemble.fit_series`, as one process does, with a part of every batch. A checkpoint
holds the networks that are finished, so a killed worker or driver loses only the unfinished one.
"""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray.train
import ray.train.torch

from fashiontrend import checkpoint
from fashiontrend.checkpoint import TrainState
from fashiontrend.config import Config, UnivariateConfig, digest
from fashiontrend.forecaster import artifact
from fashiontrend.forecaster import training as train
from fashiontrend.forecaster.any_series import ensemble
from fashiontrend.forecaster.any_series.ensemble import SeriesForecaster
from fashiontrend.forecaster.any_series.tables import SeriesTable
from fashiontrend.storage import releases
from fashiontrend.storage.object_store import open_store
from ray_jobs import training
from ray_jobs.runtime import disconnect

MODEL = "series"
_FINISHED = "finished.json"


@dataclass(frozen=True)
class SeriesTraining:
    """The arguments of each training worker; see `ensemble.fit_series`.

    Attributes:
        table: the series.
        univariate: branch `forecaster.univariate`.
        horizon: dates to forecast.
        seed: of everything that is drawn.
        season: dates of a season; None takes the configuration's, or the usual one of the series' frequency.
    """

    table: SeriesTable
    univariate: UnivariateConfig
    horizon: int
    seed: int
    season: int | None


def fit(
    table: SeriesTable,
    config: Config,
    *,
    workers: int,
    horizon: int,
    seed: int,
    season: int | None = None,
) -> SeriesForecaster:
    """Fit with several workers, or load what an earlier call with the same arguments committed.

    With one worker the result is bit-equal to that of `ensemble.fit_series`. With several workers,
    gradients of the parts of a batch are added in another order, which changes the rounding.

    Args:
        table: the series.
        config: branches `forecaster.univariate`, `ray` and `store`.
        workers: number of DDP workers; a local Ray gets at least the CPUs that they need together.
        horizon: dates to forecast.
        seed: of everything that is drawn.
        season: dates of a season; None takes the configuration's, or the usual one of the series' frequency.

    Raises:
        DataError: the training failed for good, or `ensemble.fit_series` refuses the series.
    """
    needed = math.ceil(workers * config.ray.cpus_per_worker)
    cpus = max(config.ray.num_cpus, needed)
    scaled = {"train_workers": workers, "min_train_workers": None, "num_cpus": cpus}
    config = config.model_copy(update={"ray": config.ray.model_copy(update=scaled)})
    cfg, store = config.forecaster.univariate, open_store(config.store)
    decisive = {"univariate": cfg.model_dump(), "horizon": horizon, "seed": seed, "season": season}
    version = digest([decisive, workers, _fingerprint(table)])
    settings = SeriesTraining(table, cfg, horizon, seed, season)
    epochs = ensemble.count_epochs(cfg)
    try:
        training.train_once(config, store, MODEL, version, worker, settings, epochs=epochs)
    finally:
        disconnect()
    return artifact.load_series(releases.read_model(store, MODEL, version))


def worker(settings: SeriesTraining) -> None:
    """Fit on each DDP worker; the first one's artifact is kept."""
    import torch

    torch.set_num_threads(1)
    table = settings.table
    fitted = ensemble.fit_series(
        table,
        settings.univariate,
        horizon=settings.horizon,
        seed=settings.seed,
        season=settings.season,
        train_network=_Members(),
    )
    facts = {"series": len(table.names), "calibration": fitted.calibration}
    training.finish(lambda: training.TrainedModel(artifact.dump(fitted), {"report": facts}))


class _Members:
    """`ensemble.TrainNetwork` over all workers: networks in the order of the calls, finished ones from a checkpoint."""

    def __init__(self) -> None:
        self.kept = _read_finished()
        self.states: list[TrainState] = []

    def __call__(
        self,
        model: Any,
        tensors: train.Batch,
        losses: train.Losses,
        plan: train.TrainingPlan,
        *,
        seed: int,
        on_epoch_end: Any = None,
    ) -> TrainState:
        """Train a network, and report those finished so far; the driver shows the progress bar of the epochs."""
        number = len(self.states)
        if number < len(self.kept):
            state = self.kept[number]
            model.load_state_dict(dict(state.model))
            self.states.append(state)
            return state
        device = ray.train.torch.get_device()
        batch = tuple(t.to(device) for t in tensors)
        state = train.optimise(ray.train.torch.prepare_model(model), batch, losses, plan, seed=seed)
        model.cpu()  # The forecasts that follow are small.
        self.states.append(state)
        epochs = sum(s.epoch for s in self.states)
        training.report(state.history[-1], f"epoch-{epochs - 1:03d}", self._save)
        return state

    def _save(self, folder: Path) -> None:
        for number, state in enumerate(self.states):
            checkpoint.save(folder / f"{number}", state)
        (folder / _FINISHED).write_text(json.dumps(len(self.states)))


def _read_finished() -> list[TrainState]:
    last = ray.train.get_checkpoint()
    if last is None:
        return []
    with last.as_directory() as folder:
        count = json.loads(Path(folder, _FINISHED).read_text())
        return [checkpoint.load(Path(folder, f"{n}")) for n in range(count)]


def _fingerprint(table: SeriesTable) -> str:
    """Hash the names, the dates and the values of the series."""
    found = hashlib.sha256(json.dumps([table.names, table.frequency.alias]).encode())
    found.update(table.dates.to_numpy().tobytes())
    found.update(table.values.tobytes())
    return found.hexdigest()
