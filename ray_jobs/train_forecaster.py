"""Train the two-layer LSTM (A8, C) on Ray Train with DDP, and evaluate it on days that it never saw (A9)."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import ray.train
import ray.train.torch

from fashiontrend import gates
from fashiontrend.config import ForecasterConfig, digest
from fashiontrend.loop import Step
from fashiontrend.outcomes import TrainAttrnetFacts, TrainForecasterFacts, TrendReport
from fashiontrend.pipeline.context import Context, Outcome
from fashiontrend.storage import layout
from fashiontrend.storage.object_store import Store
from ray_jobs import training

if TYPE_CHECKING:
    from fashiontrend.checkpoint import TrainState
    from fashiontrend.forecaster.shares.model import TrendModel

#: A checkpoint costs more than an epoch of so small a model.
CHECKPOINT_EVERY = 10


@dataclass(frozen=True)
class ForecasterTraining:
    """The arguments of each training worker.

    Attributes:
        store: holds the shares.
        shares: partition of the table of shares.
        forecaster: branch `forecaster`.
        taxonomy_digest: of the taxonomy that the shares follow; the artifact records it.
        seed: of weights and order.
    """

    store: Store
    shares: str
    forecaster: ForecasterConfig
    taxonomy_digest: str
    seed: int


def train(context: Context) -> Outcome:
    """Train on the run's shares, or load what an earlier attempt committed, and decide the perplexity gate."""
    shares = context.run.latest(Step.SHARES)
    cfg = context.config.forecaster
    seed = context.config.seed + context.move.label_round - 1
    version = digest([shares.output, context.taxonomy.digest, cfg.model_dump(), seed])
    settings = ForecasterTraining(context.store, shares.output, cfg, context.taxonomy.digest, seed)
    manifest = training.train_once(
        context.config, context.store, "forecaster", version, worker, settings, epochs=cfg.epochs
    )
    accuracy = context.run.facts(TrainAttrnetFacts).report
    report = TrendReport.from_json(manifest.facts["report"], f"forecaster {version}: report")
    verdict = gates.decide_perplexity(report, accuracy, context.config.perplexity_gate)
    facts = TrainForecasterFacts(version, report)
    if not verdict.passed:
        request = _request_labels(context, gates.labelling_request(verdict))
        facts = replace(facts, labelling_request=request)
    return Outcome(layout.model("forecaster", version), facts, verdict)


def _request_labels(context: Context, request: list[gates.RequestRow]) -> str:
    """Write a CSV of what people should label next, with a header alone if it is nothing; return its key."""
    key = layout.labelling_request(context.run.run_id, context.move.label_round)
    table = pd.DataFrame([row.to_json() for row in request], columns=gates.REQUEST_COLUMNS)
    context.store.write(key, table.to_csv(index=False).encode())
    return key


def worker(settings: ForecasterTraining) -> None:
    """Train on each DDP worker; the first one alone evaluates the network and writes the artifact."""
    import torch

    from fashiontrend import checkpoint
    from fashiontrend.forecaster import training as training_loop
    from fashiontrend.forecaster.shares import windows

    torch.set_num_threads(1)
    cfg = settings.forecaster
    series = windows.read_series(settings.store.read_partition(settings.shares, "shares"))
    split = windows.split_days(len(series.days), cfg)
    seen = windows.cut_windows(series, windows.training_origins(split), cfg, split.first_held_out)
    net = training_loop.build(cfg, settings.seed)
    model = ray.train.torch.prepare_model(net)

    def on_epoch_end(state: "TrainState") -> None:
        if state.epoch % CHECKPOINT_EVERY == 0 and state.epoch < cfg.epochs:
            name = f"epoch-{state.epoch - 1:03d}"
            training.report(state.history[-1], name, lambda folder: checkpoint.save(folder, state))

    training_loop.fit(
        model,
        seen,
        cfg,
        seed=settings.seed,
        start=training.last_state(),
        on_epoch_end=on_epoch_end,
        device=str(ray.train.torch.get_device()),
    )
    training.finish(lambda: _evaluate(net, series, split, settings))


def _evaluate(
    net: "TrendModel", series: Any, split: Any, settings: ForecasterTraining
) -> training.TrainedModel:
    """The artifact, and the report on the held-out origins."""
    from fashiontrend.forecaster import artifact
    from fashiontrend.forecaster.shares import evaluate, predict, windows

    cfg = settings.forecaster
    seen = windows.cut_windows(series, windows.training_origins(split), cfg, split.first_held_out)
    calibration = predict.calibrate(net, seen)
    report = evaluate.backtest(net, calibration, series, split, cfg).to_json()
    attributes = {a: v for (_, a), v in zip(series.pairs, series.values, strict=True)}
    made = artifact.Artifact(net, cfg, calibration, attributes, settings.taxonomy_digest, report)
    return training.TrainedModel(artifact.dump(made), {"report": report})
