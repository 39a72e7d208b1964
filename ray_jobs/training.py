"""What both trainings share on Ray Train: workers, names that a restart finds again, reports, the artifact."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import ray.train
import ray.train.collective
import ray.train.torch
from ray.train import Checkpoint, CheckpointConfig, FailureConfig, Result, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

from fashiontrend.config import Config
from fashiontrend.errors import DataError
from fashiontrend.pipeline.training_progress import watch_epochs
from fashiontrend.storage import layout
from fashiontrend.storage.object_store import Manifest, Store
from ray_jobs.runtime import connect

T = TypeVar("T")
#: The artifact's files by name, and the facts that its manifest will hold.
Judgement = tuple[dict[str, bytes], dict[str, Any]]
REPORT = "report.json"
#: A process group needs a moment to die; its message names what really failed further down.
CAUSE_LINES = 3


def train_once(
    config: Config,
    store: Store,
    name: str,
    version: str,
    worker: Callable[[dict[str, Any]], None],
    settings: dict[str, Any],
    datasets: Callable[[], dict[str, Any]] | None = None,
) -> Manifest:
    """Train a model version with DDP, unless it is in the store already, and commit its artifact.

    Checkpoints lie in the store under the version, so that a driver that was killed and started
    again, or a worker that died, goes on from the last one.

    Args:
        config: its branch `ray` says where and with how many workers.
        store: where checkpoints and the artifact go.
        name: `attrnet`, `forecaster` or `series`.
        version: digest of all that the model depends on.
        worker: what each DDP worker runs; it ends with `finish`.
        settings: its argument, plain values; `epochs` is the length of the bar.
        datasets: makes what the workers read by `get_dataset_shard`, once Ray is up.

    Returns:
        The manifest of the committed model; its facts are the worker's report.

    Raises:
        DataError: the training failed for good; the message holds its cause.
    """
    partition = layout.model(name, version)
    standing = store.manifest(partition)
    if standing is not None:
        return standing
    connect(config)
    trainer = TorchTrainer(
        worker,
        train_loop_config={"store": store, **settings},
        datasets=datasets() if datasets else None,
        scaling_config=scale(config),
        run_config=RunConfig(
            name=version,
            storage_path=store.path(f"training/{name}"),
            storage_filesystem=store.filesystem,
            failure_config=FailureConfig(max_failures=config.ray.max_failures),
            checkpoint_config=CheckpointConfig(num_to_keep=2),
        ),
    )
    with watch_epochs(store, layout.training(name, version), f"train {name}", settings["epochs"]):
        result = _fit(trainer, name)
    with result.checkpoint.as_directory() as folder:
        report = json.loads(Path(folder, REPORT).read_text())
        manifest = store.upload(partition, Path(folder), report)
    store.delete_folder(layout.training(name, version))
    return manifest


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
    """How many workers, and what each may use.

    With `ray.min_train_workers` training is elastic: it starts with as many workers as there is room
    for, and goes on from its last checkpoint with others when some are lost or room is found.
    """
    ray_ = config.ray
    least, most = ray_.min_train_workers, ray_.train_workers
    return ScalingConfig(
        num_workers=most if least is None else (least, most),
        use_gpu=ray_.use_gpu,
        resources_per_worker={"CPU": ray_.cpus_per_worker, **({"GPU": 1} if ray_.use_gpu else {})},
        elastic_resize_monitor_interval_s=ray_.resize_check_s,
    )


def report(metrics: dict[str, Any], name: str, save: Callable[[Path], None]) -> None:
    """Report from every worker, as Ray asks; only the first one's files are kept.

    Args:
        metrics: numbers of the epoch.
        name: folder of the checkpoint, unique in the run.
        save: writes the checkpoint's files; called on the first worker only.
    """
    with tempfile.TemporaryDirectory() as folder:
        first = ray.train.get_context().get_world_rank() == 0
        if first:
            save(Path(folder))
        checkpoint = Checkpoint.from_directory(folder) if first else None
        ray.train.report(metrics, checkpoint=checkpoint, checkpoint_dir_name=name)


def last_state() -> Any:
    """What the newest checkpoint of this training holds, None at its beginning."""
    from fashiontrend import checkpoint

    last = ray.train.get_checkpoint()
    if last is None:
        return None
    with last.as_directory() as folder:
        return checkpoint.load(Path(folder))


def finish(judge: Callable[[], Judgement]) -> None:
    """Let the first worker judge the trained model and report the artifact, and the others report beside it.

    The others wait in `ray.train.report` for as long as the judgement takes, and nothing ends their
    wait: Ray's barrier has no time limit of its own (RAY_TRAIN_COLLECTIVE_TIMEOUT_S is not set),
    health checks are answered by another thread of a worker's process than the one that waits or
    judges, and no collective of the process group is open, since DDP's last one came with the last
    gradient. A judgement may not use the DDP wrapper, whose collectives the others would not join.
    If it raises, Ray ends all workers.

    Args:
        judge: makes the artifact's files by name, and the facts that its manifest will hold; called on
            the first worker only.
    """

    def save(folder: Path) -> None:
        files, facts = judge()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        (folder / REPORT).write_text(json.dumps(facts, default=str))

    report({}, "final", save)


def compute_once(compute: Callable[[], T]) -> T:
    """Compute on the first worker and give its result to all; every worker has to call it.

    The others wait as in `finish`.

    Args:
        compute: called on the first worker only; its result goes through one actor of Ray, so it
            must be small (at most a thousand bytes).
    """
    first = ray.train.get_context().get_world_rank() == 0
    found: T = ray.train.collective.broadcast_from_rank_zero(compute() if first else None)
    return found
