"""The forecaster of any series on Ray Train is the one of one process, its work shared out."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from fashiontrend.config import Config
from fashiontrend.errors import StoreError
from fashiontrend.forecaster import artifact
from fashiontrend.forecaster.any_series import ensemble
from fashiontrend.forecaster.any_series.tables import from_arrays
from fashiontrend.storage.object_store import Store, open_store
from ray_jobs import train_series

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(400),
    pytest.mark.usefixtures("local_ray"),
    pytest.mark.filterwarnings("default"),  # what Ray and its dependencies deprecate is theirs
]

HORIZON, SEED = 4, 3
MEMBERS = [{"context_length": 12, "epochs": 1}, {"context_length": 24, "epochs": 2}]


@pytest.fixture
def config(tmp_path):
    tiny = {"members": MEMBERS, "hidden_size": 4, "steps_per_epoch": 2}
    return Config.model_validate(
        {
            "store": {"url": str(tmp_path / "store")},
            "forecaster": {"univariate": tiny},
            "ray": {"num_cpus": 2, "cpus_per_worker": 0.5, "max_failures": 1},
        }
    )


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    t = np.arange(60)
    values = [10 + 4 * np.sin(2 * np.pi * (t + i) / 12) + rng.uniform(-1, 1, 60) for i in range(5)]
    dates = pd.date_range("2015-01-01", periods=60, freq="MS")
    return from_arrays([f"s{i}" for i in range(5)], list(dates), np.stack(values))


@pytest.fixture
def alone(table, config):
    """What one process without Ray forecasts."""
    torch.set_num_threads(1)
    fitted = ensemble.fit_series(table, config.forecaster.univariate, horizon=HORIZON, seed=SEED)
    return ensemble.predict_series(fitted, table, HORIZON)


def fit(table, config, workers):
    fitted = train_series.fit(table, config, workers=workers, horizon=HORIZON, seed=SEED)
    return fitted, ensemble.predict_series(fitted, table, HORIZON)


def test_two_workers_forecast_what_one_process_does_but_for_rounding(
    table, config, alone, monkeypatch
):
    fitted, found = fit(table, config, workers=2)
    for name in ("median", "q10", "q90"):
        np.testing.assert_allclose(getattr(found, name), getattr(alone, name), rtol=2e-3)
    assert open_store(config.store).keys("training/") == []

    def never(*args, **kwargs):
        pytest.fail("it is in the store already")

    monkeypatch.setattr("ray_jobs.training.TorchTrainer", never)
    again, _ = fit(table, config, workers=2)
    assert artifact.dump(again) == artifact.dump(fitted)


@pytest.mark.slow
def test_a_worker_that_dies_goes_on_after_its_last_finished_network(
    table, config, alone, tmp_path, monkeypatch
):
    started, store = tmp_path / "started", tmp_path / "store"

    def dies_in_the_third_network(settings):
        import time

        from fashiontrend.forecaster import training
        from ray_jobs import train_series

        def is_known():
            """Whether Ray has noted the checkpoint of the second network, three epochs in."""
            notes = Path(store).glob("training/series/*/checkpoint_manager_snapshot.json")
            return any("epoch-002" in n.read_text() for n in notes)

        optimise = training.optimise

        def counted(*args, **kwargs):
            with Path(started).open("a") as file:
                file.write("x")
            if Path(started).stat().st_size == 3:
                deadline = time.monotonic() + 60
                while not is_known() and time.monotonic() < deadline:
                    time.sleep(0.1)
                os._exit(1)
            return optimise(*args, **kwargs)

        training.optimise = counted
        train_series.worker(settings)

    monkeypatch.setattr(train_series, "worker", dies_in_the_third_network)
    _, found = fit(table, config, workers=1)
    # Two members of the fit and two of its calibration; the third one was begun twice.
    assert started.read_text() == "x" * 5
    np.testing.assert_array_equal(found.median, alone.median)
    np.testing.assert_array_equal(found.q10, alone.q10)


def test_a_driver_that_was_stopped_before_its_upload_takes_the_artifact_that_was_reported(
    table, config, alone, monkeypatch
):
    """Its next start trains nothing: the last report is the newest checkpoint and stays it."""
    store, upload, kept = open_store(config.store), Store.upload, []

    def snapshot():
        """What Ray noted of the checkpoints, which names every report."""
        (key,) = (k for k in store.keys("training/") if k.endswith("manager_snapshot.json"))
        return store.read_json(key)["checkpoint_results"]

    def stopped(*_):
        raise StoreError("stopped here.")

    def noting(*arguments):
        kept.append(snapshot())
        return upload(*arguments)

    monkeypatch.setattr(Store, "upload", stopped)
    with pytest.raises(StoreError, match="stopped here"):
        fit(table, config, workers=1)
    before = snapshot()
    assert "final" in str(before)
    monkeypatch.setattr(Store, "upload", noting)
    _, found = fit(table, config, workers=1)
    assert kept == [before]
    np.testing.assert_array_equal(found.median, alone.median)
