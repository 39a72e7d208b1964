"""The device that Ray gives reaches every loop: training and its judgement, recognition, serving. Needs no Ray.

The stand-in refuses tensors of the CPU beside its own, as a GPU does, and computes what the CPU computes.
"""

import pytest

from fashiontrend.config import ForecasterConfig
from fashiontrend.forecaster.shares import evaluate, predict
from ray_jobs import train_forecaster
from tests.forecaster.conftest import make_shares
from tests.stand_in_device import DEVICE


@pytest.fixture
def forecaster_settings(store):
    store.commit_tables("shares", {"shares": make_shares(days=80, platforms=("a", "*"))}, {})
    cfg = ForecasterConfig(epochs=1, hidden_size=4, origins=2)
    return {
        "store": store, "shares": "shares", "forecaster": cfg.model_dump(), "seed": 1,
        "taxonomy_digest": "t",
    }  # fmt: skip


def note_devices(monkeypatch, module, name):
    """The device of the network that each call of a function gets."""
    seen, original = [], getattr(module, name)

    def noting(net, *args):
        seen.append(str(next(net.parameters()).device))
        return original(net, *args)

    monkeypatch.setattr(module, name, noting)
    return seen


def test_the_forecaster_is_trained_and_judged_where_ray_says(
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
