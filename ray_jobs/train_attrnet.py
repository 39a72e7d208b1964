"""Train AttrNet (A4-A6, B) on Ray Train with DDP, and judge it on the annotated validation pictures.

The worker's loop wires Ray's shards, checkpoints and reports to `attrnet.train.fit`, which
knows no Ray. Each round of a closed gate trains longer, from other random weights.
"""

import json
import logging
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray.train
from ray.train import Checkpoint, CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

from fashiontrend import gates, paths
from fashiontrend.attrnet import dataset
from fashiontrend.config import AttrNetConfig, RayConfig, digest
from fashiontrend.loop import Step
from fashiontrend.store import Store
from fashiontrend.taxonomy import Taxonomy
from ray_jobs import run
from ray_jobs.progress import watch_epochs
from ray_jobs.runtime import Context, Outcome, connect, main, read_parquet

log = logging.getLogger(__name__)
COLUMNS = ["picture_id", "image", "labels", "confidences", "box", "repeat"]
SHUFFLE_ROWS = 2048


def train(context: Context) -> Outcome:
    """Train this round's recogniser, or take the one that an earlier attempt committed, and judge it."""
    data = context.run.latest(Step.LABEL)
    settings, changed = for_round(context)
    version = digest([data.facts["version"], context.taxonomy.digest, settings.model_dump(), _seed(context)])
    partition = paths.model("attrnet", version)
    if context.store.manifest(partition) is None:
        _train(context, version, settings, data.output)
    manifest = context.store.manifest(partition)
    assert manifest is not None
    report = manifest.facts["report"]
    verdict = gates.judge_accuracy(report, context.config.accuracy_gate)
    facts = {"version": version, "dataset": data.facts["version"], "changed": changed, **manifest.facts}
    return Outcome(partition, facts, verdict.to_dict())


def for_round(context: Context) -> tuple[AttrNetConfig, str]:
    """The settings of this round, and in words what differs from the one before."""
    base, round_ = context.config.attrnet, context.move.train_round
    if round_ == 1:
        return base, "first training"
    factor = context.config.accuracy_gate.longer ** (round_ - 1)
    longer = base.model_copy(
        update={
            "epochs": max(base.epochs + round_ - 1, round(base.epochs * factor)),
            "max_passes": base.max_passes and round(base.max_passes * factor),
        }
    )
    return longer, f"epochs {base.epochs} -> {longer.epochs}, seed {_seed(context)}"


def _seed(context: Context) -> int:
    """Every round starts from other random weights."""
    return context.config.seed + 1000 * (context.move.train_round - 1)


def _train(context: Context, version: str, settings: AttrNetConfig, source: str) -> None:
    connect(context.config)
    store = context.store
    manifest = store.manifest(source)
    assert manifest is not None, "the ledger names a committed dataset"
    files = [f for f in manifest.files if "/train" in f]
    rows = read_parquet(store, files, COLUMNS).map_batches(
        dataset.decode_rows, fn_kwargs={"input_px": settings.input_px}, batch_size=64, num_cpus=0.25
    )
    passes = manifest.facts["resampled_rows"]
    steps = max(1, passes // settings.batch_size)
    epochs = settings.epochs
    if settings.max_passes:
        epochs = max(1, min(epochs, settings.max_passes // passes))
    trainer = TorchTrainer(
        worker,
        train_loop_config={
            "store": store.config.model_dump(),
            "dataset": source,
            "facts": manifest.facts,
            "settings": settings.model_dump(),
            "taxonomy": context.taxonomy.model_dump(mode="json"),
            "epochs": epochs,
            "steps_per_epoch": steps,
            "seed": _seed(context),
        },
        datasets={"train": rows},
        scaling_config=scaling(context.config.ray),
        run_config=run_config(context, "attrnet", version),
    )
    with watch_epochs(store, paths.training("attrnet", version), "train attrnet", epochs):
        result = trainer.fit()
    keep(store, "attrnet", version, result.checkpoint)


def scaling(settings: RayConfig) -> ScalingConfig:
    """Workers of a training, from the configuration."""
    return ScalingConfig(
        num_workers=settings.train_workers,
        use_gpu=settings.use_gpu,
        resources_per_worker={"CPU": settings.cpus_per_worker, **({"GPU": 1} if settings.use_gpu else {})},
    )


def run_config(context: Context, name: str, version: str) -> RunConfig:
    """Checkpoints in the store under a name that a restarted driver finds again."""
    return RunConfig(
        name=version,
        storage_path=context.store.path(f"training/{name}"),
        storage_filesystem=context.store.filesystem,
        failure_config=FailureConfig(max_failures=context.config.ray.max_failures),
        checkpoint_config=CheckpointConfig(num_to_keep=2),
    )


def keep(store: Store, name: str, version: str, checkpoint: Checkpoint) -> None:
    """Commit the artefact of a finished training and drop its intermediate checkpoints."""
    with checkpoint.as_directory() as folder:
        report = json.loads(Path(folder, "report.json").read_text())
        store.upload(paths.model(name, version), Path(folder), report)
    store.delete_folder(paths.training(name, version))


def worker(settings: dict[str, Any]) -> None:
    """What each DDP worker runs."""
    import torch

    from fashiontrend.attrnet import checkpoint, train
    from fashiontrend.attrnet.model import AttrNet

    cfg = AttrNetConfig(**settings["settings"])
    taxonomy = Taxonomy.model_validate(settings["taxonomy"])
    torch.set_num_threads(cfg.threads)
    torch.manual_seed(settings["seed"])
    net = AttrNet(cfg, list(taxonomy.num_values.values()), settings["facts"]["mean"])
    model = ray.train.torch.prepare_model(net)
    state = None
    if (last := ray.train.get_checkpoint()) is not None:
        with last.as_directory() as folder:
            state = checkpoint.load(Path(folder), net)
    shard = ray.train.get_dataset_shard("train")
    workers = ray.train.get_context().get_world_size()

    def batches(epoch: int) -> Iterator[Any]:
        stream: Iterable[dict[str, Any]] = shard.iter_batches(
            batch_size=max(1, cfg.batch_size // workers), drop_last=True, prefetch_batches=2,
            local_shuffle_buffer_size=SHUFFLE_ROWS, local_shuffle_seed=settings["seed"] + epoch,
        )
        return (dataset.to_batch(columns) for columns in stream)

    def on_epoch_end(done: Any) -> None:
        _report(done.metrics, f"epoch-{done.epoch:03d}", lambda folder: checkpoint.save(folder, net, done))

    final = train.fit(
        model, batches, cfg,
        epochs=settings["epochs"], steps_per_epoch=settings["steps_per_epoch"], seed=settings["seed"],
        start=state, on_epoch_end=on_epoch_end,
    )
    _report(final.metrics, "final", lambda folder: _finish(folder, net, settings, taxonomy))


def _report(metrics: dict[str, float], name: str, save: Any) -> None:
    """Report from every rank; only the first one's files are kept."""
    with tempfile.TemporaryDirectory() as folder:
        first = ray.train.get_context().get_world_rank() == 0
        if first:
            save(Path(folder))
        ray.train.report(
            metrics, checkpoint=Checkpoint.from_directory(folder) if first else None, checkpoint_dir_name=name
        )


def _finish(folder: Path, net: Any, settings: dict[str, Any], taxonomy: Taxonomy) -> None:
    """Judge the network on the validation pictures and write the artefact with its report."""
    from fashiontrend.attrnet import finish

    store = Store(settings["store"])
    table: pa.Table = store.read_partition(settings["dataset"], "val")
    finish.write(folder, net, table, taxonomy, settings["facts"])


if __name__ == "__main__":
    main(run.only(Step.TRAIN_ATTRNET), __doc__ or "")
