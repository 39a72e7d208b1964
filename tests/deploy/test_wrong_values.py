"""Wrong values are refused before anything is installed, by a message that names the key."""

import pytest

from tests.deploy.conftest import template

pytestmark = pytest.mark.deploy

#: setting, its wrong value as JSON, what the message must hold
WRONG = [
    ("imag", "{}", "imag"),
    ("image.tag", '"latest"', "/image/tag"),
    ("image.tag", "1.2", "/image/tag"),
    ("image.digest", '"sha256:abc"', "/image/digest"),
    ("image.repository", '""', "/image/repository"),
    ("image.pullPolicy", '"Sometimes"', "/image/pullPolicy"),
    ("image.pullSecrets", '"registry"', "/image/pullSecrets"),
    ("fullnameOverride", '"a-name-that-is-much-too-long-for-a-day"', "/fullnameOverride"),
    ("fullnameOverride", '"Upper"', "/fullnameOverride"),
    ("crds.onMissing", '"ignore"', "/crds/onMissing"),
    ("config.attrnet.epoch", "4", "epoch"),
    ("config.attrnet.epochs", "0", "/config/attrnet/epochs"),
    ("config.attrnet.epochs", '"many"', "/config/attrnet/epochs"),
    ("config.accuracy_gate.threshold", "1.5", "/config/accuracy_gate/threshold"),
    ("config.attrnet.pooling", '"mean"', "/config/attrnet/pooling"),
    ("config.store.secret_key", '"x"', "secret_key"),
    (
        "config.crawl.platforms",
        '[{"name": "Shop A", "kind": "shopify"}]',
        "/config/crawl/platforms/0/name",
    ),
    (
        "config.crawl.platforms",
        '[{"name": "a", "kind": "magento"}]',
        "/config/crawl/platforms/0/kind",
    ),
    ("config.crawl.platforms", '[{"name": "a"}]', "kind"),
    ("config.serve.port", "80000", "/config/serve/port"),
    ("files", '{"../passwd": "x"}', "../passwd"),
    ("pod.env", '{"A": "b"}', "/pod/env"),
    ("pod.runAsUser", "0", "/pod/runAsUser"),
    ("pod.tolerations", '"all"', "/pod/tolerations"),
    ("gpuPod.nodeselector", "{}", "nodeselector"),
    ("ray.version", '"2.60"', "/ray/version"),
    (
        "batch.head.resources.requests",
        '{"memory": "8 GB"}',
        "/batch/head/resources/requests/memory",
    ),
    ("batch.head.resources.request", "{}", "request"),
    ("batch.cpuWorkers.maxReplicas", "0", "/batch/cpuWorkers/maxReplicas"),
    ("batch.cpuWorkers.minReplicas", "-1", "/batch/cpuWorkers/minReplicas"),
    ("batch.gpuWorkers.gpus", "0.5", "/batch/gpuWorkers/gpus"),
    ("batch.submissionMode", '"InteractiveMode"', "/batch/submissionMode"),
    ("schedules.daily.cron", '"every day"', "/schedules/daily/cron"),
    ("schedules.daily.cron", '"0 2 * *"', "/schedules/daily/cron"),
    ("schedules.daily.cron", '"99 2 * * *"', "/schedules/daily/cron"),
    ("schedules.timeZone", '"+02:00"', "/schedules/timeZone"),
    ("schedules.retrain.env", '{"EPOCHS": "4"}', "EPOCHS"),
    ("schedules.weekly", '{"cron": "0 0 * * 0"}', "weekly"),
    ("jobs", '[{"stage": "train", "day": "2026-11-24"}]', "/jobs/0/stage"),
    ("jobs", '[{"stage": "crawl", "day": "yesterday"}]', "/jobs/0/day"),
    ("jobs", '[{"stage": "crawl"}]', "day"),
    ("serving.port", "0", "/serving/port"),
    ("serving.upgrade.type", '"Rolling"', "/serving/upgrade/type"),
    ("serving.ingress.host", '"https://trends.example"', "/serving/ingress/host"),
    (
        "serving.podDisruptionBudget.maxUnavailable",
        "0",
        "/serving/podDisruptionBudget/maxUnavailable",
    ),
    ("redis.external.address", '"cache.example"', "/redis/external/address"),
    ("redis.persistence.size", '"big"', "/redis/persistence/size"),
    ("s3.secretKey", '"x"', "secretKey"),
    ("monitoring.links.runbook", '"docs/operations.md"', "/monitoring/links/runbook"),
    ("monitoring.interval", "30", "/monitoring/interval"),
    ("networkPolicy.store.cidrs", '["10.0.0.0"]', "/networkPolicy/store/cidrs/0"),
    ("networkPolicy.apiServer.ports", "[443000]", "/networkPolicy/apiServer/ports/0"),
    ("networkPolicy.cloudIdentity", '[{"cidr": "169.254.169.254/32"}]', "port"),
    ("serviceAccounts.batch.annotations", '{"a": 1}', "/serviceAccounts/batch/annotations/a"),
    ("preflight.deadlineSeconds", "5", "/preflight/deadlineSeconds"),
]


@pytest.mark.parametrize(("key", "value", "told"), WRONG, ids=[f"{k}={v}" for k, v, _ in WRONG])
def test_a_wrong_value_is_refused_by_name(key, value, told):
    done = template(f"--set-json={key}={value}")
    assert done.returncode != 0, f"{key}={value} was taken"
    assert "schema" in done.stderr
    assert told in done.stderr


def test_without_kuberay_it_says_what_to_do():
    done = template(apis=())
    assert done.returncode != 0
    assert "Install the operator first" in done.stderr


def test_an_incremental_upgrade_without_a_gateway_says_so():
    done = template("--set=serving.upgrade.type=NewClusterWithIncrementalUpgrade")
    assert "serving.upgrade.gatewayClassName is empty" in done.stderr


def test_an_external_redis_needs_its_addresses():
    done = template("--set=redis.external.address=cache.example:6379")
    assert "networkPolicy.redisCidrs is empty" in done.stderr


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("batch.gpuWorkers.enabled=true", "batch.gpuWorkers.enabled is true and config.ray.use_gpu is false"),
        ("config.ray.use_gpu=true", "batch.gpuWorkers.enabled is false and config.ray.use_gpu is true"),
        ("serving.gpuWorkers.enabled=true", "config.serve.recogniser.gpus is 0"),
        ("config.serve.recogniser.gpus=1", "serving.gpuWorkers.enabled is false"),
    ],
)  # fmt: skip
def test_gpu_workers_and_the_jobs_that_ask_for_them_come_together(value, message):
    """Seen: either was accepted alone, and jobs waited for ever, or a GPU stood idle."""
    done = template(f"--set={value}")
    assert done.returncode != 0
    assert message in done.stderr


def test_a_route_needs_its_gateway():
    done = template("--set=serving.httpRoute.enabled=true")
    assert "serving.httpRoute.parentRefs is empty" in done.stderr


@pytest.mark.parametrize("limit", ["256Mi", "0.5Gi", "1000M", "900000Ki", "536870912"])
@pytest.mark.parametrize("group", ["batch.head", "batch.cpuWorkers", "serving.head"])
def test_a_ray_pod_smaller_than_ray_itself_is_refused(group, limit):
    done = template(f"--set-string={group}.resources.limits.memory={limit}")
    assert f"{group}.resources.limits.memory is {limit}" in done.stderr
    assert f"Give it {2 if group.endswith('head') else 1}Gi at least" in done.stderr


@pytest.mark.parametrize("limit", ["2Gi", "2.5Gi", "2200M", "2097152Ki", "1Ti"])
def test_a_ray_pod_that_is_large_enough_is_taken(limit):
    done = template(
        f"--set-string=batch.head.resources.limits.memory={limit}",
        "--set-string=batch.gpuWorkers.resources.limits.memory=1Mi",  # not enabled
        "--set=crds.onMissing=render",
    )
    assert done.returncode == 0, done.stderr
