"""Only the first worker of a training judges; the others report beside it. Needs no Ray."""

import pytest

from fashiontrend.attrnet.network import model
from fashiontrend.forecaster.shares import evaluate, predict
from ray_jobs import train_attrnet, train_forecaster

MEAN = [10.0, 20.0, 30.0]


def forbid(monkeypatch, module, name):
    def never(*_, **__):
        pytest.fail(f"{name} is the first worker's")

    monkeypatch.setattr(module, name, never)


def note_means(monkeypatch):
    """The channel mean of every network that is built."""
    seen, build = [], model.build

    def noting(cfg, num_values, mean, seed):
        seen.append(list(mean))
        return build(cfg, num_values, mean, seed)

    monkeypatch.setattr(model, "build", noting)
    return seen


def test_another_worker_neither_judges_the_recogniser_nor_decodes_for_the_mean(
    attrnet_settings, shard_tables, predicted_on, run_worker, monkeypatch
):
    forbid(monkeypatch, train_attrnet, "channel_mean")
    means = note_means(monkeypatch)
    second = run_worker(
        train_attrnet.worker,
        attrnet_settings,
        batches=shard_tables,
        rank=1,
        size=2,
        from_first=MEAN,
    )
    assert means == [MEAN]
    assert predicted_on() == []
    assert second.reported == {"epoch-000": None, "final": None}, "Ray waits for every worker"


def test_the_first_worker_judges_the_recogniser_and_measures_the_mean(
    attrnet_settings, shard_tables, predicted_on, run_worker, monkeypatch
):
    means = note_means(monkeypatch)
    first = run_worker(train_attrnet.worker, attrnet_settings, batches=shard_tables, rank=0, size=2)
    assert len(means) == 1
    assert all(0 < channel < 255 for channel in means[0])
    assert len(predicted_on()) == 1
    assert first.facts["report"]["pictures"] == 8


def test_another_worker_does_not_judge_the_forecaster(forecaster_settings, run_worker, monkeypatch):
    forbid(monkeypatch, predict, "calibrate")
    forbid(monkeypatch, evaluate, "backtest")
    second = run_worker(train_forecaster.worker, forecaster_settings, rank=1, size=2)
    assert second.reported == {"final": None}, "Ray waits for every worker"


def test_the_first_worker_judges_the_forecaster(forecaster_settings, run_worker):
    first = run_worker(train_forecaster.worker, forecaster_settings, rank=0, size=2)
    assert first.facts["report"]["origins_used"] > 0
