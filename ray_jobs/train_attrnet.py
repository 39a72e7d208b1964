"""Train AttrNet (A4-A6, B) on Ray Train with DDP, and evaluate it on annotated validation pictures.

The worker connects Ray's shards, checkpoints and reports to `attrnet.training.train.fit`, which knows
no Ray. `pipeline.rounds` plans how a round after a closed gate differs from the one before.
"""

import itertools
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
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

#: Rows that a worker shuffles in memory; repeats of a picture stand next to each other.
SHUFFLE_ROWS = 2048
#: Rows that are decoded, and pictures that are predicted, as one batch.
DECODE_ROWS = 64
#: Files that one pass over Ray Data's pipeline reads at most, unless an epoch has more.
LAP_FILES = 128
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
    """

    store: Store
    dataset: str
    taxonomy: Taxonomy
    attrnet: AttrNetConfig
    epochs: int
    steps_per_epoch: int
    seed: int
    priors: Mapping[str, Sequence[float]]


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
    settings = AttrNetTraining(
        context.store, data.output, context.taxonomy, round_.attrnet, round_.epochs, steps,
        round_.seed, round_.priors,
    )  # fmt: skip
    manifest = training.train_once(
        context.config, context.store, "attrnet", version, worker, settings, epochs=round_.epochs,
        datasets=lambda: {"train": stream(context, data.output, round_.epochs, round_)},
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


def stream(
    context: Context, dataset: str, epochs: int, round_: rounds.Round | None = None
) -> ray.data.Dataset:
    """Read the resampled training pictures of several epochs, decoded outside the training processes.

    Workers wait while the pipeline starts and their shuffle buffers fill. One pass over the pipeline
    therefore holds as many epochs as `LAP_FILES` allow.

    Args:
        context: gives the store, and the configuration if there is no round.
        dataset: partition whose `train*` files are read.
        epochs: at most so many are read in one pass.
        round_: gives configuration, seed and further repeats.
    """
    from fashiontrend.attrnet.training.dataset import COLUMNS, decode_rows

    files = _train_files(context.store, dataset)
    rng = np.random.default_rng(round_.seed if round_ else 0)
    laps = min(epochs, max(1, LAP_FILES // max(len(files), 1)))
    order = [files[n] for _ in range(laps) for n in rng.permutation(len(files))]
    return read_parquet(context.store, order, list(COLUMNS)).map_batches(
        decode_rows,
        fn_kwargs={
            "cfg": round_.attrnet if round_ else context.config.attrnet,
            "more": round_.more if round_ else None,
        },
        batch_size=DECODE_ROWS,
        num_cpus=1,
    )


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
    from fashiontrend.attrnet.training import dataset
    from fashiontrend.attrnet.training import train as training_loop

    cfg, taxonomy = settings.attrnet, settings.taxonomy
    torch.set_num_threads(cfg.threads)
    shard = ray.train.get_dataset_shard("train")
    workers = ray.train.get_context().get_world_size()
    mean = training.compute_once(lambda: channel_mean(settings.store, settings.dataset, cfg))
    net = model.build(cfg, list(taxonomy.num_values.values()), mean, settings.seed)
    wrapped = ray.train.torch.prepare_model(net)

    def batches() -> Iterator["Batch"]:
        """Yield batches without end; an epoch takes `steps_per_epoch` of them."""
        for lap in itertools.count():
            columns: Iterable[dict[str, Any]] = shard.iter_batches(
                batch_size=max(1, cfg.batch_size // workers), drop_last=True, prefetch_batches=2,
                local_shuffle_buffer_size=SHUFFLE_ROWS, local_shuffle_seed=settings.seed + lap,
            )  # fmt: skip
            yield from map(dataset.to_batch, columns)

    endless = batches()

    def on_epoch_end(state: "TrainState") -> None:
        name = f"epoch-{state.epoch - 1:03d}"
        training.report(state.history[-1], name, lambda folder: checkpoint.save(folder, state))

    device = str(ray.train.torch.get_device())
    training_loop.fit(
        wrapped, lambda epoch: endless, cfg, epochs=settings.epochs,
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
            predict.Recogniser(folder), loop.read_pictures(table, DECODE_ROWS), device=device,
            batch_size=DECODE_ROWS,
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
