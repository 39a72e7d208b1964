"""The device that Ray gives reaches every loop: training and its judgement, recognition, serving. Needs no Ray.

The stand-in refuses tensors of the CPU beside its own, as a GPU does, and computes what the CPU computes.
"""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import ray

from fashiontrend.config import Config, UnivariateConfig
from fashiontrend.forecaster.any_series.tables import from_arrays
from fashiontrend.forecaster.shares import evaluate, predict
from fashiontrend.serve.recognition.served_model import Item
from fashiontrend.serve.schemas.requests import Options
from fashiontrend.storage import layout
from fashiontrend.storage.object_store import parquet_bytes
from ray_jobs import (
    batch_recognition,
    devices,
    recognise,
    train_attrnet,
    train_forecaster,
    train_series,
)
from tests.serve.conftest import TAXONOMY, draw, publish, save_recogniser
from tests.stand_in_device import DEVICE, StandInDevice


def note_devices(monkeypatch, module, name):
    """The device of the network that each call of a function gets."""
    seen, original = [], getattr(module, name)

    def noting(net, *args):
        seen.append(str(next(net.parameters()).device))
        return original(net, *args)

    monkeypatch.setattr(module, name, noting)
    return seen


def test_the_forecaster_is_trained_and_evaluated_where_ray_says(
    forecaster_settings, run_worker, monkeypatch
):
    on_cpu = run_worker(train_forecaster.worker, forecaster_settings)
    seen = [
        note_devices(monkeypatch, module, name)
        for module, name in ((predict, "calibrate"), (evaluate, "backtest"))
    ]
    on_device = run_worker(train_forecaster.worker, forecaster_settings, device=DEVICE)
    assert seen == [[DEVICE], [DEVICE]]
    assert on_device.reported == on_cpu.reported


def test_the_forecaster_of_any_series_is_trained_where_ray_says(run_worker):
    values = np.random.default_rng(0).uniform(5, 15, (2, 40))
    dates = list(pd.date_range("2015-01-01", periods=40, freq="MS"))
    tiny = UnivariateConfig.model_validate(
        {
            "members": [{"context_length": 12, "epochs": 1}],
            "hidden_size": 4, "steps_per_epoch": 2,
        }
    )  # fmt: skip
    table = from_arrays(["a", "b"], dates, values)
    settings = train_series.SeriesTraining(table, tiny, horizon=4, seed=1, season=None)
    on_cpu = run_worker(train_series.worker, settings)
    on_device = run_worker(train_series.worker, settings, device=DEVICE)
    assert on_device.reported == on_cpu.reported


def test_the_recogniser_is_trained_and_evaluated_where_ray_says(
    attrnet_settings, shard_tables, predicted_on, run_worker
):
    on_cpu = run_worker(train_attrnet.worker, attrnet_settings, batches=shard_tables)
    on_device = run_worker(
        train_attrnet.worker, attrnet_settings, batches=shard_tables, device=DEVICE
    )
    assert predicted_on() == ["cpu", DEVICE]
    assert on_device.reported == on_cpu.reported


@pytest.mark.parametrize(
    ("connected", "gpus", "device"),
    [
        pytest.param(True, ["3"], "cuda", id="Ray gives a GPU"),
        pytest.param(True, [], "cpu", id="Ray gives none"),
        pytest.param(False, [], "cpu", id="without Ray"),
    ],
)
def test_the_device_of_an_actor_is_what_ray_assigned_to_it(monkeypatch, connected, gpus, device):
    def get_gpu_ids():
        assert connected, "Ray raises where it is not connected"
        return gpus

    monkeypatch.setattr(ray, "is_initialized", lambda: connected)
    monkeypatch.setattr(ray, "get_gpu_ids", get_gpu_ids)
    assert devices.assigned_to_actor() == device


@pytest.fixture
def released(store, tmp_path):
    """A store with a release whose recogniser is `a1`, and two pictures."""
    save_recogniser(store, tmp_path / "a1", "a1")
    publish(store, "r1")
    return store


@pytest.fixture
def stand_in(monkeypatch):
    """Ray gives every actor the stand-in device."""
    monkeypatch.setattr(devices, "assigned_to_actor", lambda: DEVICE)
    with StandInDevice():
        yield


@pytest.mark.usefixtures("stand_in")
def test_the_daily_recognition_runs_where_ray_says(released, predicted_on):
    batch = {"picture_id": np.array(["p1", "p2"], object), "image": np.array([draw(1), draw(2)])}
    found = recognise.PredictionActor(released, "a1")(batch)
    assert predicted_on() == [DEVICE]
    assert found["picture_id"].to_pylist() == ["p1", "p2"]
    assert np.isfinite(found["box_score"].to_numpy()).all()


@pytest.mark.usefixtures("stand_in")
def test_catalogue_jobs_run_where_ray_says(released, predicted_on):
    pictures = pa.table({"id": ["1", "2"], "image": [draw(1), draw(2)]})
    released.write("uploads/a.parquet", parquet_bytes(pictures))
    record = {
        "id": "job", "created_at": "2026-11-24T06:00:00Z", "caller": "anonymous", "release": "r1",
        "request": {"input": ["uploads/a.parquet"], "options": {}},
    }  # fmt: skip
    config = Config(store=released.config).model_dump(mode="json")
    part = {"number": 0, "file": "uploads/a.parquet", "first": 0, "rows": 2}
    batch_recognition.PartRecogniser(config, record)({"part": [json.dumps(part)]})
    assert predicted_on() == [DEVICE]
    rows = released.read_partition(layout.recognition_part("job", 0)).to_pylist()
    assert [row["status"] for row in rows] == ["ok", "ok"]


@pytest.mark.usefixtures("stand_in")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Ray Serve's own models
def test_a_serving_replica_answers_where_ray_says(released, predicted_on):
    from ray_jobs import serve

    replica = serve.RecognitionDeployment(Config(store=released.config).model_dump(mode="json"))
    assert predicted_on() == [DEVICE]
    (found,) = replica.watch.current.run([Item(draw(1), None, Options())])
    assert {a.id for a in TAXONOMY.attributes} == set(found.attributes)
