"""Train AttrNet (A4-A6, B) on Ray Train with DDP, and judge it on annotated validation pictures.

The worker wires Ray's shards, checkpoints and reports to `attrnet.train.fit`, which knows no
Ray. What each round of a closed gate does otherwise is planned in `rounds`.
"""

import itertools
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

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

#: Rows that a worker shuffles in memory; repeats of a picture stand next to each other.
SHUFFLE_ROWS = 2048
DECODE_ROWS = 64
#: Files that one pass over Ray Data's pipeline reads at most, if an epoch does not have more.
LAP_FILES = 128
#: Enough pictures for the mean to be known to a fraction of a grey level.
MEAN_PICTURES = 2000


def train(context: Context) -> Outcome:
    """Train this round's recogniser, or take what an earlier attempt committed, and judge it.

    Raises:
        AccuracyGateClosed: no picture is annotated for validation, so that nothing can be judged.
    """
    data = context.run.latest(Step.LABEL)
    labelled = context.run.facts(LabelFacts)
    _refuse_unjudged(labelled.pictures.val, context.config.accuracy_gate.min_support)
    round_ = rounds.plan(context)
    context.taxonomy.check(round_.attrnet.plain_weights)
    settings = {
        "attrnet": round_.attrnet.model_dump(),
        "epochs": round_.epochs,
        "steps_per_epoch": max(1, round_.pictures // round_.attrnet.batch_size),
        "seed": round_.seed,
    }
    version = digest(
        [labelled.version, context.taxonomy.digest, settings, *filter(None, [round_.more])]
    )
    manifest = training.train_once(
        context.config, context.store, "attrnet", version, worker,
        {
            **settings,
            "dataset": data.output,
            "priors": round_.priors,
            "taxonomy": context.taxonomy.model_dump(mode="json"),
        },
        lambda: {"train": stream(context, data.output, round_.epochs, round_)},
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
    """The resampled training pictures of several epochs, decoded off the training processes.

    Starting the pipeline and filling the workers' shuffle buffers is waited for, so it is done
    once for as many epochs as `LAP_FILES` allow, not for each.
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


def _refuse_unjudged(pictures: int, needed: int) -> None:
    """Refuse to train what could not be judged: a training takes hours and the gate would stay closed."""
    if not pictures:
        raise AccuracyGateClosed(
            "accuracy gate: no picture is annotated for validation, so that no recogniser can be judged. "
            f"Nothing was trained or published. Have at least {needed} pictures annotated for each attribute, "
            "name the annotators' CSV files in labels.annotations, and give the same command again."
        )


def _train_files(store: Store, dataset: str) -> list[str]:
    manifest = store.manifest(dataset)
    return [f for f in (manifest.files if manifest else ()) if "/train" in f]


def worker(settings: dict[str, Any]) -> None:
    """What each DDP worker runs; the first one alone judges and writes the artifact."""
    import torch

    from fashiontrend import checkpoint
    from fashiontrend.attrnet.network import model
    from fashiontrend.attrnet.training import dataset
    from fashiontrend.attrnet.training import train as training_loop

    cfg = AttrNetConfig(**settings["attrnet"])
    taxonomy = Taxonomy.model_validate(settings["taxonomy"])
    torch.set_num_threads(cfg.threads)
    shard = ray.train.get_dataset_shard("train")
    workers = ray.train.get_context().get_world_size()
    mean = training.compute_once(lambda: channel_mean(settings["store"], settings["dataset"], cfg))
    net = model.build(cfg, list(taxonomy.num_values.values()), mean, settings["seed"])
    wrapped = ray.train.torch.prepare_model(net)

    def batches() -> Iterator[Any]:
        """Without end: an epoch is so many steps of it."""
        for lap in itertools.count():
            columns: Iterable[dict[str, Any]] = shard.iter_batches(
                batch_size=max(1, cfg.batch_size // workers), drop_last=True, prefetch_batches=2,
                local_shuffle_buffer_size=SHUFFLE_ROWS, local_shuffle_seed=settings["seed"] + lap,
            )  # fmt: skip
            yield from map(dataset.to_batch, columns)

    endless = batches()

    def on_epoch_end(state: Any) -> None:
        name = f"epoch-{state.epoch - 1:03d}"
        training.report(state.history[-1], name, lambda folder: checkpoint.save(folder, state))

    device = str(ray.train.torch.get_device())
    training_loop.fit(
        wrapped, lambda epoch: endless, cfg, epochs=settings["epochs"],
        steps_per_epoch=settings["steps_per_epoch"], seed=settings["seed"],
        start=training.last_state(), on_epoch_end=on_epoch_end,
        device=device, attributes=taxonomy.ids,
    )  # fmt: skip
    training.finish(lambda: _judge(net, taxonomy, settings, device))


def channel_mean(store: Store, dataset: str, cfg: AttrNetConfig) -> list[float]:
    """Mean red, green and blue of (at most a few thousand of) the training pictures.

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


def _judge(
    net: Any, taxonomy: Taxonomy, settings: dict[str, Any], device: str
) -> training.Judgement:
    """The artifact's files with the predictions for the validation pictures, and the report on them.

    The network recognises them on `device`, which it was trained on.
    """
    from fashiontrend.attrnet.evaluation import accuracy
    from fashiontrend.attrnet.inference import artifact, predict, probabilities

    table = settings["store"].read_partition(settings["dataset"], "val")
    labels = np.array(table.column("labels").to_pylist(), dtype=np.int64).reshape(
        -1, len(taxonomy.ids)
    )
    with tempfile.TemporaryDirectory() as folder:
        plain = artifact.make_card(taxonomy, net, settings["priors"], {})
        artifact.save(folder, net, plain)
        raw = recognise_table(predict.Recogniser(folder, device=device), table)
        temperatures = {
            a: probabilities.fit_temperature(raw[f"probs_{a}"], labels[:, n])
            for n, a in enumerate(taxonomy.ids)
        }
        answers = {
            **raw,
            **{
                f"probs_{a}": probabilities.temper(raw[f"probs_{a}"], t)
                for a, t in temperatures.items()
            },
        }
        report = accuracy.evaluate(
            accuracy.Predictions(
                {a: answers[f"probs_{a}"] for a in taxonomy.ids}, raw["box"], raw["box_score"]
            ),
            accuracy.Truth(labels, _boxes(table)),
            taxonomy,
        ).to_json()
        card = artifact.make_card(
            taxonomy, net, settings["priors"], temperatures,
            metrics=report, dataset=settings["dataset"], seed=settings["seed"],
            natural_priors=_natural_priors(taxonomy, settings),
        )  # fmt: skip
        artifact.save(folder, net, card)
        files = {p.name: p.read_bytes() for p in Path(folder).iterdir()}
    files[layout.VAL_ANSWERS] = parquet_bytes(predict.to_table(answers, taxonomy.num_values))
    return files, {"report": report, "priors": settings["priors"], "dataset": settings["dataset"]}


def _natural_priors(taxonomy: Taxonomy, settings: dict[str, Any]) -> dict[str, list[float]]:
    table = settings["store"].read_partition(
        settings["dataset"], "train", columns=["labels", "confidences"]
    )
    return rounds.measure_priors(table, np.ones(table.num_rows), taxonomy)


def recognise_table(recogniser: Any, table: pa.Table) -> dict[str, Any]:
    """A recogniser's answers for a table of pictures, in its order."""
    parts = [
        recogniser(
            {
                n: np.array([*part.column(n).to_pylist(), None], dtype=object)[:-1]
                for n in ("picture_id", "image")
            }
        )
        for part in (table.slice(i, DECODE_ROWS) for i in range(0, table.num_rows, DECODE_ROWS))
    ]
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def _boxes(table: pa.Table) -> Any:
    missing = [float("nan")] * 4
    return np.array(
        [box or missing for box in table.column("box").to_pylist()], dtype=np.float64
    ).reshape(-1, 4)
