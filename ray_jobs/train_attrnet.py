"""Train AttrNet (A4-A6, B) on Ray Train with DDP, and evaluate it on annotated validation pictures.

The worker connects Ray's shards, checkpoints and reports to `attrnet.training.train.fit`, which knows
no Ray. `pipeline.rounds` plans how a round after a closed gate differs from the one before.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import ray.data
import ray.train
import ray.train.torch

from fashiontrend import gates
from fashiontrend.config import AttrNetConfig, digest
from fashiontrend.errors import AccuracyGateClosed
from fashiontrend.loop import Step
from fashiontrend.outcomes import EvalReport, LabelFacts, TrainAttrnetFacts
from fashiontrend.pipeline import rounds
from fashiontrend.pipeline.context import Context, Outcome
from fashiontrend.storage import layout
from fashiontrend.storage.object_store import Store, parquet_bytes
from fashiontrend.taxonomy import Taxonomy
from ray_jobs import training
from ray_jobs.runtime import read_parquet

if TYPE_CHECKING:
    from fashiontrend.attrnet.network.model import AttrNet
    from fashiontrend.attrnet.training.batches import Batch
    from fashiontrend.checkpoint import TrainState

#: Pictures that are predicted as one batch.
PREDICTED_ROWS = 64
#: Rows that a worker takes out of a block at a time.
READ_ROWS = 256
#: Blocks for each worker, if there are rows enough: so many draws from all days that shares are alike.
BLOCKS_PER_WORKER = 32
#: So many pictures give the mean to a fraction of a grey level.
MEAN_PICTURES = 2000


@dataclass(frozen=True)
class AttrNetTraining:
    """The arguments of each training worker.

    Attributes:
        store: holds the dataset.
        dataset: partition with the tables `train*` and `val`.
        taxonomy: attributes and values, in the order of the labels.
        attrnet: branch `attrnet` of this round.
        epochs: to finish, counted from the very beginning.
        steps_per_epoch: of each worker.
        seed: of weights, order and augmentation.
        priors: (V + 1,) proportions per attribute of the resampled training set.
        more: further repeats of this round, as for `dataset.repeat_more`; None changes nothing.
        decode_threads: of each worker, beside its training.
        keep_bytes: of decoded pictures that each worker keeps from epoch to epoch.
    """

    store: Store
    dataset: str
    taxonomy: Taxonomy
    attrnet: AttrNetConfig
    epochs: int
    steps_per_epoch: int
    seed: int
    priors: Mapping[str, Sequence[float]]
    more: tuple[int, Sequence[float]] | None = None
    decode_threads: int = 1
    keep_bytes: int = 0


class WholeBlocks(ray.train.DataConfig):  # type: ignore[misc]  # Ray's types are not read
    """Gives each worker blocks of its own, of a dataset that lies in Ray's object store.

    Ray Train's own way, a streaming split, asks one coordinator for each batch; its scheduling loop
    takes two thirds of a core. Blocks that are there already need no schedule.
    """

    def configure(
        self, datasets: dict[str, ray.data.Dataset], world_size: int, *_: Any, **__: Any
    ) -> list[dict[str, ray.data.DataIterator]]:
        """Return the iterators of each worker by the dataset's name."""
        parts = {name: dataset.split(world_size) for name, dataset in datasets.items()}
        return [
            {name: shards[rank].iterator() for name, shards in parts.items()}
            for rank in range(world_size)
        ]


def train(context: Context) -> Outcome:
    """Train this round's recogniser, or load what an earlier attempt committed, and decide the accuracy gate.

    Raises:
        AccuracyGateClosed: no picture is annotated for validation, so that no recogniser can be
            evaluated.
    """
    data = context.run.latest(Step.LABEL)
    labelled = context.run.facts(LabelFacts)
    _check_annotated(labelled.pictures.val, context.config.accuracy_gate.min_support)
    round_ = rounds.plan(context)
    context.taxonomy.check(round_.attrnet.plain_weights)
    steps = max(1, round_.pictures // round_.attrnet.batch_size)
    decisive = {
        "attrnet": round_.attrnet.model_dump(),
        "epochs": round_.epochs,
        "steps_per_epoch": steps,
        "seed": round_.seed,
    }
    version = digest(
        [labelled.version, context.taxonomy.digest, decisive, *filter(None, [round_.more])]
    )
    ray_ = context.config.ray
    settings = AttrNetTraining(
        context.store, data.output, context.taxonomy, round_.attrnet, round_.epochs, steps,
        round_.seed, round_.priors, round_.more, max(1, int(ray_.cpus_per_worker)),
        ray_.decoded_cache_bytes,
    )  # fmt: skip
    manifest = training.train_once(
        context.config, context.store, "attrnet", version, worker, settings, epochs=round_.epochs,
        datasets=lambda: {"train": compressed_examples(context, data.output)}, shares=WholeBlocks(),
    )  # fmt: skip
    report = EvalReport.from_json(manifest.facts["report"], f"attrnet {version}: report")
    verdict = gates.decide_accuracy(report, context.config.accuracy_gate)
    facts = TrainAttrnetFacts(
        version=version,
        dataset=labelled.version,
        changed=round_.changed,
        bought=rounds.bought(context, report),
        report=report,
    )
    return Outcome(layout.model("attrnet", version), facts, verdict)


def compressed_examples(context: Context, dataset: str) -> ray.data.Dataset:
    """Read the resampled training pictures, as compressed as they are stored, into Ray's object store.

    What does not fit is spilled to disk by Ray. The rows stand in the order of the days on which
    their pictures were first seen; their blocks are shuffled, so that each worker's share is of all days.

    Args:
        context: gives the store, the number of workers and the seed.
        dataset: partition whose `train*` files are read.
    """
    from fashiontrend.attrnet.training.dataset import COLUMNS

    rows = read_parquet(context.store, _train_files(context.store, dataset), list(COLUMNS))
    blocks = min(BLOCKS_PER_WORKER * context.config.ray.train_workers, rows.count())
    shuffled = rows.repartition(blocks).randomize_block_order(seed=context.config.seed)
    return shuffled.materialize()


def _check_annotated(pictures: int, needed: int) -> None:
    """Refuse to train without validation pictures: a training takes hours, and the gate would stay closed."""
    if not pictures:
        raise AccuracyGateClosed(
            "accuracy gate: no picture is annotated for validation, so that no recogniser can be evaluated. "
            f"Nothing was trained or published. Have at least {needed} pictures annotated for each attribute, "
            "name the annotators' CSV files in labels.annotations, and give the same command again."
        )


def _train_files(store: Store, dataset: str) -> list[str]:
    manifest = store.manifest(dataset)
    return [f for f in (manifest.files if manifest else ()) if "/train" in f]


def worker(settings: AttrNetTraining) -> None:
    """Train on each DDP worker; the first one alone evaluates the network and writes the artifact."""
    import torch

    from fashiontrend import checkpoint
    from fashiontrend.attrnet.network import model
    from fashiontrend.attrnet.training import feed
    from fashiontrend.attrnet.training import train as training_loop

    cfg, taxonomy = settings.attrnet, settings.taxonomy
    torch.set_num_threads(cfg.threads)
    # Materialised once more, the shard is read without an executor of Ray Data.
    shard = ray.train.get_dataset_shard("train").materialize()
    context = ray.train.get_context()
    workers = context.get_world_size()
    mean = training.compute_once(lambda: channel_mean(settings.store, settings.dataset, cfg))
    net = model.build(cfg, list(taxonomy.num_values.values()), mean, settings.seed)
    wrapped = ray.train.torch.prepare_model(net)

    decoder = feed.PictureDecoder(cfg, settings.keep_bytes)

    def batches(epoch: int) -> Iterator["Batch"]:
        """Yield batches without end; an epoch takes `steps_per_epoch` of them."""
        return feed.endless_batches(
            lambda: shard.iter_batches(batch_size=READ_ROWS, batch_format="pyarrow"), decoder,
            batch_size=max(1, cfg.batch_size // workers),
            rng=np.random.default_rng([settings.seed, epoch, context.get_world_rank()]),
            threads=settings.decode_threads, more=settings.more,
        )  # fmt: skip

    def on_epoch_end(state: "TrainState") -> None:
        name = f"epoch-{state.epoch - 1:03d}"
        training.report(state.history[-1], name, lambda folder: checkpoint.save(folder, state))

    device = str(ray.train.torch.get_device())
    training_loop.fit(
        wrapped, batches, cfg, epochs=settings.epochs,
        steps_per_epoch=settings.steps_per_epoch, seed=settings.seed,
        start=training.last_state(), on_epoch_end=on_epoch_end,
        device=device, attributes=taxonomy.ids,
    )  # fmt: skip
    training.finish(lambda: _evaluate(net, settings, device))


def channel_mean(store: Store, dataset: str, cfg: AttrNetConfig) -> list[float]:
    """Average red, green and blue (0..255) over at most `MEAN_PICTURES` training pictures.

    One file is in memory at a time.
    """
    from fashiontrend import images as pictures

    files = _train_files(store, dataset)
    squares = []
    for file in files:
        images = store.read_table(file, ["image"]).column("image")
        chosen = np.linspace(0, len(images) - 1, min(len(images), -(-MEAN_PICTURES // len(files))))
        squares += [
            pictures.decode(images[int(n)].as_py(), cfg.input_px, keep_aspect=cfg.keep_aspect).mean(
                axis=(0, 1)
            )
            for n in chosen
        ]
    return [float(c) for c in np.mean(squares, axis=0)]


def _evaluate(net: "AttrNet", settings: AttrNetTraining, device: str) -> training.TrainedModel:
    """The artifact with the predictions for the validation pictures, and the report on them.

    The network predicts them on `device`, on which it was trained.
    """
    from fashiontrend.attrnet.evaluation import accuracy
    from fashiontrend.attrnet.inference import artifact, loop, predict, probabilities

    taxonomy = settings.taxonomy
    table = settings.store.read_partition(settings.dataset, "val")
    labels = np.array(table.column("labels").to_pylist(), dtype=np.int64).reshape(
        -1, len(taxonomy.ids)
    )
    with tempfile.TemporaryDirectory() as folder:
        plain = artifact.make_card(taxonomy, net, settings.priors, {})
        artifact.save(folder, net, plain)
        raw = loop.predict_all(
            predict.Recogniser(folder), loop.read_pictures(table, PREDICTED_ROWS), device=device,
            batch_size=PREDICTED_ROWS,
        )  # fmt: skip
        temperatures = {
            a: probabilities.fit_temperature(raw[f"probs_{a}"], labels[:, n])
            for n, a in enumerate(taxonomy.ids)
        }
        calibrated = {
            **raw,
            **{
                f"probs_{a}": probabilities.temper(raw[f"probs_{a}"], t)
                for a, t in temperatures.items()
            },
        }
        report = accuracy.evaluate(
            accuracy.Predictions(
                {a: calibrated[f"probs_{a}"] for a in taxonomy.ids}, raw["box"], raw["box_score"]
            ),
            accuracy.Truth(labels, _boxes(table)),
            taxonomy,
        ).to_json()
        card = artifact.make_card(
            taxonomy, net, settings.priors, temperatures,
            metrics=report, dataset=settings.dataset, seed=settings.seed,
            natural_priors=_natural_priors(settings),
        )  # fmt: skip
        artifact.save(folder, net, card)
        files = {p.name: p.read_bytes() for p in Path(folder).iterdir()}
    files[layout.VAL_ANSWERS] = parquet_bytes(predict.to_table(calibrated, taxonomy.num_values))
    facts = {"report": report, "priors": settings.priors, "dataset": settings.dataset}
    return training.TrainedModel(files, facts)


def _natural_priors(settings: AttrNetTraining) -> dict[str, list[float]]:
    table = settings.store.read_partition(
        settings.dataset, "train", columns=["labels", "confidences"]
    )
    return rounds.measure_priors(table, np.ones(table.num_rows), settings.taxonomy)


def _boxes(table: pa.Table) -> Any:
    missing = [float("nan")] * 4
    return np.array(
        [box or missing for box in table.column("box").to_pylist()], dtype=np.float64
    ).reshape(-1, 4)
