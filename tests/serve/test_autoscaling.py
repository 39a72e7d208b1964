"""Replicas follow the requests in progress; a body that is still being received is no load."""

from types import SimpleNamespace

import pytest

from fashiontrend.serve.autoscaling import replicas_for_load


def context(metrics, queued=0.0, replicas=2):
    config = SimpleNamespace(get_target_ongoing_requests=lambda: 8.0)
    return SimpleNamespace(
        aggregated_metrics=metrics,
        total_queued_requests=queued,
        total_num_requests=500.0,  # with all bodies that are being received
        target_num_replicas=replicas,
        config=config,
    )


@pytest.mark.parametrize(
    ("processing", "queued", "wanted"),
    [
        pytest.param({"a": 8.0, "b": 8.0}, 0.0, 2.0, id="as many as they should hold"),
        pytest.param({"a": 20.0, "b": 12.0}, 0.0, 4.0, id="twice as many"),
        pytest.param({"a": 0.0, "b": 0.0}, 0.0, 0.0, id="idle, whatever is being received"),
        pytest.param({"a": 8.0}, 8.0, 2.0, id="some wait for a replica"),
    ],
)
def test_replicas_follow_the_requests_in_progress(processing, queued, wanted):
    assert replicas_for_load(context({"processing": processing}, queued)) == (wanted, {})


@pytest.mark.parametrize("metrics", [None, {}, {"processing": {}}])
def test_before_a_replica_has_reported_their_number_stays(metrics):
    assert replicas_for_load(context(metrics)) == (2, {})
