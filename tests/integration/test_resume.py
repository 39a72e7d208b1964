"""AttrNet's training through Ray Train goes on after a worker was killed, and repeats one epoch.

Ray's controller asks the workers every two seconds what they have reported. Epochs that end faster
than that, as here, may be lost two at a time, so the worker dies when the one before is known there.

Exact equality at the boundaries of epochs, in one process, is tested in tests/test_labelled.py and
tests/attrnet/test_checkpoint.py.
"""

import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ray import cloudpickle

from bench import drawn
from fashiontrend import ledger, taxonomy
from fashiontrend.config import Config
from fashiontrend.demo import curves
from fashiontrend.loop import Move, Step
from fashiontrend.store import open_store
from ray_jobs import train_attrnet, training
from ray_jobs.runtime import Context, disconnect

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("default"),  # what Ray and its dependencies deprecate is theirs
]

TRAIN, VAL, EPOCHS, KILLED = 192, 64, 4, "epoch-002"
DATASET = "datasets/resume"


@pytest.fixture
def context(tmp_path):
    config = Config.model_validate(
        {
            "store": {"url": str(tmp_path / "store")},
            "attrnet": {"batch_size": 32, "input_px": 48},
            "ray": {"num_cpus": 2, "train_workers": 2, "cpus_per_worker": 0.5},
        }
    )
    words, store = curves.restrict(taxonomy.load()), open_store(config.store)
    table = drawn.labelled(TRAIN + VAL, words)
    parts = {"train": table.slice(0, TRAIN), "val": table.slice(TRAIN)}
    store.commit_tables(DATASET, parts, {})
    run = ledger.Run("r", date(2026, 11, 23), "", config.model_dump(mode="json"), "", "", "", None)
    yield Context(config, store, words, run, Move(Step.TRAIN_ATTRNET, 1, 1))
    disconnect()


def mortal(settings: dict[str, Any]) -> None:
    """The real worker; notes each finished epoch, and dies once, with an epoch done but not kept."""
    import os
    import signal

    import ray.train

    from ray_jobs import train_attrnet, training

    report, grave = training.report, Path(settings["log"] + ".dead")

    def noted(metrics: dict[str, Any], name: str, save: Any) -> None:
        if ray.train.get_context().get_world_rank() == 0:
            with Path(settings["log"]).open("a") as file:
                file.write(f"{name}\n")
            if name == KILLED and not grave.exists():
                grave.touch()
                ray.train.get_all_reported_checkpoints()  # returns when the controller has them
                os.kill(os.getpid(), signal.SIGKILL)
        report(metrics, name, save)

    training.report = noted
    train_attrnet.worker(settings)


def test_a_killed_worker_costs_at_most_one_epoch(context, tmp_path):
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers do not import tests
    log = tmp_path / "killed"
    manifest = training.train_once(
        context.config, context.store, "attrnet", log.name, mortal,
        {
            "attrnet": context.config.attrnet.model_dump(), "epochs": EPOCHS, "seed": 0,
            "steps_per_epoch": TRAIN // context.config.attrnet.batch_size,
            "dataset": DATASET, "taxonomy": context.taxonomy.model_dump(mode="json"),
            "priors": {a: [1.0] * (n + 1) for a, n in context.taxonomy.num_values.items()},
            "log": str(log),
        },
        lambda: {"train": train_attrnet.stream(context, DATASET, EPOCHS)},
    )  # fmt: skip
    assert (tmp_path / "killed.dead").exists()
    epochs = Counter(log.read_text().split())
    assert {name: n for name, n in epochs.items() if n > 1} == {KILLED: 2}
    assert len(epochs) == EPOCHS + 1  # and the artefact
    assert manifest.facts["report"]["pictures"] == VAL
