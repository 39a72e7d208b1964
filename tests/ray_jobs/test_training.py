"""How many workers a training asks of Ray, and what a start after the last report does. Needs no Ray."""

import pytest

from fashiontrend.config import Config, RayConfig
from ray_jobs import train_attrnet, train_forecaster, training


@pytest.mark.parametrize(
    ("settings", "workers"),
    [
        pytest.param({"train_workers": 4}, 4, id="all or none"),
        pytest.param({"train_workers": 4, "min_train_workers": 2}, (2, 4), id="elastic"),
    ],
)
def test_a_training_is_elastic_where_fewer_workers_are_allowed(settings, workers):
    scaling = training.scale(Config(ray=RayConfig(**settings, resize_check_s=30)))
    assert scaling.num_workers == workers
    assert scaling.elastic_resize_monitor_interval_s == 30
    assert scaling.resources_per_worker == {"CPU": 0.5}
    assert not scaling.use_gpu


def test_a_worker_on_a_gpu_has_it_alone():
    scaling = training.scale(Config(ray=RayConfig(use_gpu=True)))
    assert scaling.resources_per_worker == {"CPU": 0.5, "GPU": 1}


@pytest.mark.parametrize(
    ("worker", "settings"),
    [
        pytest.param(train_attrnet.worker, "attrnet_settings", id="the recogniser"),
        pytest.param(train_forecaster.worker, "forecaster_settings", id="the forecaster"),
    ],
)
def test_a_start_after_the_last_report_trains_nothing_and_keeps_the_artifact(
    worker, settings, shard_tables, run_worker, request
):
    """Seen: the driver was killed before it uploaded the artifact; every later start ended with DataError."""
    settings = request.getfixturevalue(settings)
    first = run_worker(worker, settings, batches=shard_tables)
    again = run_worker(worker, settings, batches=shard_tables, kept=first.reported["final"])
    assert again.reported == {}, "what was reported last stays the newest checkpoint"
