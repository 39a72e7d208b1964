"""The part of every training that is Ray Train's: workers, checkpoints that a restart finds, reports, the artifact.

A training module gives `train_once` a function that each DDP worker runs, and a frozen dataclass of
settings as its argument. Ray pickles the function and the settings.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import ray.train
import ray.train.collective
import ray.train.torch
from pyarrow.fs import FileType
from ray.train import Checkpoint, CheckpointConfig, FailureConfig, Result, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

from fashiontrend import checkpoint
from fashiontrend.checkpoint import TrainState
from fashiontrend.config import Config
from fashiontrend.errors import DataError
from fashiontrend.pipeline.training_progress import watch_epochs
from fashiontrend.storage import layout
from fashiontrend.storage.manifest import Manifest
from fashiontrend.storage.object_store import Store
from ray_jobs.runtime import connect

T = TypeVar("T")
#: Class of the settings that a training hands to its workers.
S = TypeVar("S")
#: Folder of the last report, which holds the artifact; the file with its facts.
FINAL, REPORT = "final", "report.json"
#: Ray hands its workers one dictionary; the settings stand in it under this name.
SETTINGS = "settings"
#: A process group needs a moment to die; its message names what really failed further down.
CAUSE_LINES = 3


@dataclass(frozen=True)
class TrainedModel:
    """The result of a finished training.

    Attributes:
        files: the artifact's files by name.
        facts: plain values for JSON, which the committed model's manifest will hold.
    """

    files: dict[str, bytes]
    facts: dict[str, Any]


def train_once(
    config: Config,
    store: Store,
    name: str,
    version: str,
    worker: Callable[[S], None],
    settings: S,
    *,
    epochs: int,
    datasets: Callable[[], dict[str, Any]] | None = None,
    shares: ray.train.DataConfig | None = None,
) -> Manifest:
    """Train a model version with DDP, unless the store holds it already, and commit its artifact.

    Checkpoints lie in the store under the version, so a training resumes from its last checkpoint
    after its driver was killed and started again, or after a worker died. If a training was stopped
    between its last report and the upload of the artifact, the reported artifact is uploaded and
    nothing is trained again.

    Args:
        config: its branch `ray` says where Ray runs and with how many workers.
        store: where checkpoints and the artifact go.
        name: `attrnet`, `forecaster` or `series`.
        version: digest of everything that the model depends on.
        worker: what each DDP worker runs; it ends with `finish`.
        settings: its argument, a frozen dataclass that Ray can pickle.
        epochs: length of the progress bar.
        datasets: makes what the workers read by `get_dataset_shard`; called once Ray is up.
        shares: how `datasets` are shared out among the workers; None is Ray Train's streaming split.

    Returns:
        The manifest of the committed model; its facts are those that the worker gave to `finish`.

    Raises:
        DataError: the training failed for good; the message holds its cause.
    """
    partition = layout.model(name, version)
    standing = store.manifest(partition)
    if standing is not None:
        return standing
    connect(config)
    trainer = TorchTrainer(
        unless_finished(worker),
        train_loop_config={SETTINGS: settings},
        datasets=datasets() if datasets else None,
        dataset_config=shares,
        scaling_config=scale(config),
        run_config=RunConfig(
            name=version,
            storage_path=store.path(f"training/{name}"),
            storage_filesystem=store.filesystem,
            failure_config=FailureConfig(max_failures=config.ray.max_failures),
            checkpoint_config=CheckpointConfig(num_to_keep=2),
        ),
    )
    with watch_epochs(store, layout.training(name, version), f"train {name}", epochs):
        result = _fit(trainer, name)
    with result.checkpoint.as_directory() as folder:
        report = json.loads(Path(folder, REPORT).read_text())
        manifest = store.upload(partition, Path(folder), report)
    store.delete_folder(layout.training(name, version))
    return manifest


def unless_finished(worker: Callable[[S], None]) -> Callable[[dict[str, S]], None]:
    """Wrap a worker so that it returns at once if an earlier start has reported the artifact.

    Ray gives a start after that report, whether of a driver or of a worker that died, the artifact
    as its newest checkpoint. The artifact holds no state to resume from, and nothing is left to train: without
    a new report the artifact stays the newest checkpoint and becomes the result.
    """

    def start(config: dict[str, S]) -> None:
        last = ray.train.get_checkpoint()
        if last is None or not _holds_artifact(last):
            worker(config[SETTINGS])

    return start


def _holds_artifact(last: Checkpoint) -> bool:
    found = last.filesystem.get_file_info(f"{last.path}/{REPORT}")
    return bool(found.type != FileType.NotFound)


def _fit(trainer: TorchTrainer, name: str) -> Result:
    try:
        result = trainer.fit()
    except ray.train.TrainingFailedError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise DataError(f"training {name} failed: {' | '.join(lines[-CAUSE_LINES:])}") from error
    if result.checkpoint is None:
        raise DataError(
            f"training {name} ended without a checkpoint. Look at Ray's logs of its workers."
        )
    return result


def scale(config: Config) -> ScalingConfig:
    """Ask Ray for workers, and for the CPUs and the GPU of each.

    If `ray.min_train_workers` is set, training is elastic: it starts with as many workers as the
    cluster has room for, and resumes from its last checkpoint with another number when some are lost
    or room is found.
    """
    ray_ = config.ray
    least, most = ray_.min_train_workers, ray_.train_workers
    return ScalingConfig(
        num_workers=most if least is None else (least, most),
        use_gpu=ray_.use_gpu,
        resources_per_worker={"CPU": ray_.cpus_per_worker, **({"GPU": 1} if ray_.use_gpu else {})},
        elastic_resize_monitor_interval_s=ray_.resize_check_s,
    )


def report(metrics: dict[str, float], name: str, save: Callable[[Path], None]) -> None:
    """Report from every worker, which Ray requires; only the first worker's files are kept.

    Args:
        metrics: numbers of the epoch.
        name: folder of the checkpoint, unique in the run.
        save: writes the checkpoint's files; called on the first worker only.
    """
    with tempfile.TemporaryDirectory() as folder:
        first = ray.train.get_context().get_world_rank() == 0
        if first:
            save(Path(folder))
        saved = Checkpoint.from_directory(folder) if first else None
        ray.train.report(metrics, checkpoint=saved, checkpoint_dir_name=name)


def last_state() -> TrainState | None:
    """Load the newest checkpoint of this training; None if there is none yet.

    Raises:
        DataError: the checkpoint is damaged.
    """
    last = ray.train.get_checkpoint()
    if last is None:
        return None
    with last.as_directory() as folder:
        return checkpoint.load(Path(folder))


def finish(evaluate: Callable[[], TrainedModel]) -> None:
    """Let the first worker evaluate the trained model and report the artifact, and the others report beside it.

    The other workers wait in `ray.train.report` for as long as the evaluation takes, and nothing ends their
    wait: Ray's barrier has no time limit of its own (RAY_TRAIN_COLLECTIVE_TIMEOUT_S is not set),
    another thread of a worker's process than the one that waits or evaluates answers the health
    checks, and no collective of the process group is open, since DDP's last one came with the last
    gradient. The evaluation may not use the DDP wrapper, whose collectives the others would not join.
    If `evaluate` raises an error, Ray ends all workers.

    Args:
        evaluate: makes the artifact and its facts; called on the first worker only.
    """

    def save(folder: Path) -> None:
        trained = evaluate()
        for name, data in trained.files.items():
            (folder / name).write_bytes(data)
        (folder / REPORT).write_text(json.dumps(trained.facts, default=str))

    report({}, FINAL, save)


def compute_once(compute: Callable[[], T]) -> T:
    """Compute on the first worker and return its result on all; every worker has to call it.

    The other workers wait as in `finish`.

    Args:
        compute: called on the first worker only; its result goes through one actor of Ray, so it
            must be small (at most a thousand bytes).
    """
    first = ray.train.get_context().get_world_rank() == 0
    found: T = ray.train.collective.broadcast_from_rank_zero(compute() if first else None)
    return found
