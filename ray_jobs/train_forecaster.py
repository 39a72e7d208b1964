"""Train the two-layer LSTM (A8, C) on Ray Train with DDP, and judge it on days it never saw (A9)."""

from dataclasses import replace
from typing import Any

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

#: A checkpoint costs more than an epoch of so small a model.
CHECKPOINT_EVERY = 10


def train(context: Context) -> Outcome:
    """Train on the run's shares, or take what an earlier attempt committed, and judge it."""
    shares = context.run.latest(Step.SHARES)
    cfg = context.config.forecaster
    seed = context.config.seed + context.move.label_round - 1
    version = digest([shares.output, context.taxonomy.digest, cfg.model_dump(), seed])
    settings = {
        "shares": shares.output,
        "forecaster": cfg.model_dump(),
        "taxonomy_digest": context.taxonomy.digest,
        "seed": seed,
        "epochs": cfg.epochs,
    }
    manifest = training.train_once(
        context.config, context.store, "forecaster", version, worker, settings
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
    """Write down what people should label next, a header alone if nothing; return where."""
    key = layout.labelling_request(context.run.run_id, context.move.label_round)
    table = pd.DataFrame([row.to_json() for row in request], columns=gates.REQUEST_COLUMNS)
    context.store.write(key, table.to_csv(index=False).encode())
    return key


def worker(settings: dict[str, Any]) -> None:
    """What each DDP worker runs; the first one alone judges and writes the artifact."""
    import torch

    from fashiontrend import checkpoint
    from fashiontrend.forecaster import training as training_loop
    from fashiontrend.forecaster.shares import windows

    torch.set_num_threads(1)
    store: Store = settings["store"]
    cfg = ForecasterConfig(**settings["forecaster"])
    series = windows.read_series(store.read_partition(settings["shares"], "shares"))
    split = windows.split_days(len(series.days), cfg)
    seen = windows.cut_windows(series, windows.training_origins(split), cfg, split.first_held_out)
    net = training_loop.build(cfg, settings["seed"])
    model = ray.train.torch.prepare_model(net)

    def on_epoch_end(state: Any) -> None:
        if state.epoch % CHECKPOINT_EVERY == 0 and state.epoch < cfg.epochs:
            name = f"epoch-{state.epoch - 1:03d}"
            training.report(state.history[-1], name, lambda folder: checkpoint.save(folder, state))

    training_loop.fit(
        model,
        seen,
        cfg,
        seed=settings["seed"],
        start=training.last_state(),
        on_epoch_end=on_epoch_end,
        device=str(ray.train.torch.get_device()),
    )
    training.finish(lambda: _judge(net, series, split, cfg, settings))


def _judge(
    net: Any, series: Any, split: Any, cfg: ForecasterConfig, settings: dict[str, Any]
) -> training.Judgement:
    """The artifact's files, and the report of the held-out origins."""
    from fashiontrend.forecaster import artifact
    from fashiontrend.forecaster.shares import evaluate, predict, windows

    seen = windows.cut_windows(series, windows.training_origins(split), cfg, split.first_held_out)
    calibration = predict.calibrate(net, seen)
    report = evaluate.backtest(net, calibration, series, split, cfg).to_json()
    attributes = {a: v for (_, a), v in zip(series.pairs, series.values, strict=True)}
    made = artifact.Artifact(net, cfg, calibration, attributes, settings["taxonomy_digest"], report)
    return artifact.dump(made), {"report": report}
