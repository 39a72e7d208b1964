"""How many workers a training asks of Ray."""

import pytest

from fashiontrend.config import Config, RayConfig
from ray_jobs import training


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
