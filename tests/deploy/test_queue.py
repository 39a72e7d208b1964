"""Kueue: labels, suspension and quota, by what its webhook and KubeRay's validation demand of an object.

Seen in Kueue 0.17.0 (`rayjob_webhook.go`, `raycluster/common.go`): a RayJob in a queue has `shutdownAfterJobFinishes`
and no autoscaler unless it is elastic. Seen in KubeRay 1.7 (`validation.go`): deletion rules and that field exclude each
other, and only a RayJob with that field may be suspended.
"""

import pytest
import yaml

from fashiontrend import config
from fashiontrend.errors import ConfigError
from fashiontrend.submit.manifest import fill
from fashiontrend.typed_yaml import check
from tests.deploy.conftest import one, template

pytestmark = pytest.mark.deploy
N = "ft-fashiontrend"
QUEUE, PRIORITY = "kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/priority-class"
ELASTIC = "kueue.x-k8s.io/elastic-job"
BATCH = {"batch.queue.name": "trends", "batch.queue.priorityClass": "nightly"}
RENDER = {"crds.onMissing": "render"}


def templates(found):
    data = one(found, "ConfigMap", f"{N}-rayjobs")["data"]
    return [fill(text, stage="crawl", day="2026-11-24") for text in data.values()]


def test_every_rayjob_of_a_release_waits_in_its_queue(render):
    jobs = [{"stage": "crawl", "day": "2026-11-24"}]
    found = render(**BATCH, **RENDER, jobs=jobs)
    rendered = [o for o in found if o["kind"] == "RayJob"]
    assert len(rendered) == 1
    for job in [*templates(found), *rendered]:
        assert job["metadata"]["labels"][QUEUE] == "trends"
        assert job["metadata"]["labels"][PRIORITY] == "nightly"
        assert job["spec"]["shutdownAfterJobFinishes"] is True
        assert job["spec"]["ttlSecondsAfterFinished"] == 600
        assert "deletionStrategy" not in job["spec"]
        assert "enableInTreeAutoscaling" not in job["spec"]["rayClusterSpec"]


def test_a_job_that_is_submitted_starts_suspended_and_one_that_helm_owns_does_not(render):
    """Kueue takes the suspension back; were it Helm's, the next upgrade would suspend a running job."""
    found = render(**BATCH, **RENDER, jobs=[{"stage": "crawl", "day": "2026-11-24"}])
    assert [job["spec"]["suspend"] for job in templates(found)] == [True] * 3
    assert all("suspend" not in o["spec"] for o in found if o["kind"] == "RayJob")
    assert "suspend" not in one(found, "RayService", N)["spec"]


def test_without_a_queue_nothing_is_changed(render):
    found = render()
    for job in templates(found):
        assert QUEUE not in job["metadata"]["labels"]
        assert "suspend" not in job["spec"]
        assert job["spec"]["deletionStrategy"]["deletionRules"]
        assert job["spec"]["rayClusterSpec"]["enableInTreeAutoscaling"] is True


def test_an_elastic_job_keeps_its_autoscaler_and_says_so_to_kueue(render):
    for job in templates(render(**BATCH, **RENDER, **{"batch.queue.elastic": True})):
        assert job["metadata"]["annotations"][ELASTIC] == "true"
        assert job["spec"]["rayClusterSpec"]["enableInTreeAutoscaling"] is True


def test_a_head_without_an_autoscaler_has_no_token_and_reaches_no_api_server(render):
    job = templates(render(**BATCH, **RENDER))[0]
    head = job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]
    assert head["spec"]["automountServiceAccountToken"] is False
    assert "fashiontrend.io/reaches-api-server" not in head["metadata"]["labels"]


def test_the_service_has_a_queue_of_its_own(render):
    found = render(**RENDER, **{"serving.queue.name": "answers"})
    service = one(found, "RayService", N)
    assert service["metadata"]["labels"][QUEUE] == "answers"
    assert PRIORITY not in service["metadata"]["labels"]
    assert "enableInTreeAutoscaling" not in service["spec"]["rayClusterConfig"]
    assert all(QUEUE not in job["metadata"]["labels"] for job in templates(found))


def test_the_schedule_deletes_what_kuberay_does_not(render):
    """KubeRay deletes a RayJob by a deletion rule, which a RayJob in a queue cannot have."""
    found = render(**BATCH, **RENDER)
    pod = one(found, "CronJob", f"{N}-daily")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert "--keep-seconds=604800" in pod["containers"][0]["args"]
    assert one(found, "Role", f"{N}-schedule")["rules"][0]["verbs"] == ["list", "create", "delete"]
    plain = one(render(), "CronJob", f"{N}-daily")["spec"]["jobTemplate"]["spec"]["template"]
    assert not [a for a in plain["spec"]["containers"][0]["args"] if "keep-seconds" in a]


@pytest.mark.parametrize("role", ["batch", "serving"])
def test_a_queue_without_kueue_is_refused(role):
    done = template(f"--set={role}.queue.name=trends")
    assert done.returncode != 0
    assert f"{role}.queue.name is trends and Kueue's CRDs" in done.stderr


@pytest.mark.parametrize("role", ["batch", "serving"])
def test_a_priority_without_a_queue_is_refused(role):
    done = template(f"--set={role}.queue.priorityClass=high")
    assert f"{role}.queue.name is empty" in done.stderr


@pytest.mark.parametrize(
    "gpu",
    [
        {"batch.queue.name": "t", "batch.gpuWorkers.enabled": "true", "config.ray.use_gpu": "true"},
        {
            "serving.queue.name": "t",
            "serving.gpuWorkers.enabled": "true",
            "serving.gpuWorkers.minReplicas": "0",
            "config.serve.recogniser.gpus": "1",
        },
    ],
)
def test_gpu_workers_that_would_never_come_are_refused(gpu):
    """No autoscaler in a queue, and no worker to begin with: the job would wait for ever."""
    done = template("--set=crds.onMissing=render", *(f"--set={k}={v}" for k, v in gpu.items()))
    assert "gpuWorkers.minReplicas is 0 and clusters of queue t do not grow" in done.stderr


@pytest.mark.parametrize("name", ["Trends", "a b", "x" * 64, "-a"])
def test_a_name_that_is_no_label_is_refused(name):
    done = template(f"--set=batch.queue.name={name}")
    assert "/batch/queue/name" in done.stderr


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("queue", "batch.queue.name"),
        ("priority_class", "batch.priorityClassName"),
        ("node_selector", "pod.nodeSelector"),
        ("labels", "pod.labels"),
    ],
)
def test_what_the_template_describes_is_refused_in_the_configuration(setting, value):
    """Seen: `submit` dropped them in silence where a template was given. The chart's value is named."""
    text = f"cluster: {{template: ft-rayjobs, {setting}: x}}"
    with pytest.raises(ConfigError) as caught:
        check(config.Config, yaml.safe_load(text), "my.yaml", removed=config.REMOVED)
    assert f"cluster.{setting}" in str(caught.value)
    assert value in str(caught.value)
