"""Replicas follow what is answered; a body on its way is no work."""

from types import SimpleNamespace

import pytest

from fashiontrend.serve.autoscaling import by_answering


def context(metrics, queued=0.0, replicas=2):
    config = SimpleNamespace(get_target_ongoing_requests=lambda: 8.0)
    return SimpleNamespace(
        aggregated_metrics=metrics,
        total_queued_requests=queued,
        total_num_requests=500.0,  # with all bodies on their way
        target_num_replicas=replicas,
        config=config,
    )


@pytest.mark.parametrize(
    ("answering", "queued", "wanted"),
    [
        pytest.param({"a": 8.0, "b": 8.0}, 0.0, 2.0, id="as many as they should hold"),
        pytest.param({"a": 20.0, "b": 12.0}, 0.0, 4.0, id="twice as many"),
        pytest.param({"a": 0.0, "b": 0.0}, 0.0, 0.0, id="idle, whatever is on its way"),
        pytest.param({"a": 8.0}, 8.0, 2.0, id="some wait for a replica"),
    ],
)
def test_replicas_follow_the_requests_that_are_answered(answering, queued, wanted):
    assert by_answering(context({"answering": answering}, queued)) == (wanted, {})


@pytest.mark.parametrize("metrics", [None, {}, {"answering": {}}])
def test_before_a_replica_has_told_anything_their_number_stays(metrics):
    assert by_answering(context(metrics)) == (2, {})
