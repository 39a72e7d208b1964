"""RayJobs through the official client, against an API server that behaves as the real one does."""

import json
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from fashiontrend.config import ClusterConfig
from fashiontrend.errors import ConfigError, Conflict, StoreError
from fashiontrend.submit.jobs import State, last_lines, make_request, read_exit_code, wait
from fashiontrend.submit.kube import KubeClient
from fashiontrend.submit.rayjobs import RayJobs, read_job

kubernetes = pytest.importorskip("kubernetes", reason="pip install fashiontrend[kubernetes]")

REQUEST = make_request("recognise", date(2026, 11, 23), datetime(2026, 11, 23, 6, tzinfo=UTC))
CFG = ClusterConfig(template="my-rayjobs")
#: Of the chart's ConfigMap.
TEMPLATE = "{kind: RayJob, metadata: {name: 'my-{stage}-{day}'}, spec: {entrypoint: 'x {stage}'}}"
#: KubeRay's message about a job whose entrypoint failed.
FAILED = (
    "Job entrypoint command failed with exit code 10, "
    "last available logs (truncated to 20,000 chars):\nmean_accuracy is 0.7\n"
)


class Api:
    """Keeps RayJobs; returns `statuses` in turn."""

    def __init__(self, *statuses: dict, pods=(), error=None, texts=None) -> None:
        self.statuses, self.listed, self.error = list(statuses), list(pods), error
        self.texts = {"stage.yaml": TEMPLATE} if texts is None else texts
        self.created: list[dict] = []

    def create_namespaced_custom_object(self, group, version, namespace, plural, body, **_):
        if self.error:
            raise self.error
        assert (group, version, namespace, plural) == ("ray.io", "v1", CFG.namespace, "rayjobs")
        self.created.append(body)

    def get_namespaced_custom_object(self, group, version, namespace, plural, name, **_):
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return {"metadata": {"name": name}, "spec": {"entrypoint": "python"}, "status": status}

    def list_namespaced_custom_object(self, *_, label_selector, **__):
        items = [
            {"metadata": {"name": f"job-{n}", "creationTimestamp": f"2026-11-2{9 - n}T00:00:00Z"},
             "spec": {}, "status": s}
            for n, s in enumerate(self.statuses)
        ]  # fmt: skip
        return {"items": items}

    def list_namespaced_pod(self, namespace, label_selector, **_):
        return SimpleNamespace(
            items=[SimpleNamespace(metadata=SimpleNamespace(name=p)) for p in self.listed]
        )

    def read_namespaced_pod_log(self, name, namespace, container, **_):
        return "one\ntwo\n"

    def read_namespaced_config_map(self, name, namespace, **_):
        if name != CFG.template:
            raise refusal(404, f'configmaps "{name}" not found')
        return SimpleNamespace(data=self.texts, metadata=SimpleNamespace(uid="u-1"))


def over(api: Api, cfg: ClusterConfig = CFG) -> RayJobs:
    return RayJobs(cfg, KubeClient(cfg.namespace, api, api, api))


def refusal(status: int, message: str) -> Exception:
    error = kubernetes.client.ApiException(status=status, reason="Refused")
    error.body = json.dumps({"message": message})
    return error


def test_submit_creates_the_rayjob_of_the_charts_template_filled_in():
    api = Api()
    assert over(api).submit(REQUEST) == "my-recognise-2026-11-23"
    (job,) = api.created
    assert job["spec"]["entrypoint"] == "x recognise"
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "my-rayjobs", "uid": "u-1"}
    assert job["metadata"]["ownerReferences"] == [owner]  # an uninstall deletes it


@pytest.mark.parametrize(
    ("cfg", "texts", "seen"),
    [
        pytest.param(ClusterConfig(), None, "cluster.template is not set", id="none named"),
        pytest.param(ClusterConfig(template="gone"), None, '"gone" not found', id="none there"),
        pytest.param(CFG, {}, r"my-rayjobs holds no stage\.yaml", id="another ConfigMap"),
    ],
)
def test_without_the_charts_template_the_error_says_how_to_find_it(cfg, texts, seen):
    with pytest.raises(ConfigError, match=seen) as caught:
        over(Api(texts=texts), cfg).submit(REQUEST)
    assert caught.value.exit_code == 30
    command = "kubectl --namespace fashiontrend get configmap"
    assert command in str(caught.value)
    assert "FASHIONTREND__CLUSTER__TEMPLATE" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "kind", "advice"),
    [
        pytest.param(409, Conflict, "exists already", id="exists"),
        pytest.param(403, StoreError, "chart's Roles", id="forbidden"),
        pytest.param(422, ConfigError, "Correct the chart's values", id="invalid"),
        pytest.param(404, ConfigError, "KubeRay is installed", id="no such kind"),
        pytest.param(500, StoreError, "Try again", id="broken"),
    ],
)
def test_a_refusal_says_what_to_do(status, kind, advice):
    api = Api(error=refusal(status, "because"))
    with pytest.raises(kind, match=f"because.*{advice}"):
        over(api).submit(REQUEST)


def test_an_api_server_that_cannot_be_reached_is_a_store_error():
    import urllib3

    api = Api(error=urllib3.exceptions.HTTPError("no route"))
    with pytest.raises(StoreError, match=r"cannot be reached.*NetworkPolicy reaches-api-server"):
        over(api).submit(REQUEST)


@pytest.mark.parametrize(
    ("status", "state", "code"),
    [
        pytest.param({}, State.WAITING, None, id="new"),
        pytest.param({"jobDeploymentStatus": "Initializing"}, State.WAITING, None, id="pods"),
        pytest.param({"jobStatus": "RUNNING"}, State.RUNNING, None, id="running"),
        pytest.param({"jobStatus": "SUCCEEDED"}, State.SUCCEEDED, 0, id="succeeded"),
        pytest.param({"jobStatus": "FAILED", "message": FAILED}, State.FAILED, 10, id="gate"),
        pytest.param(
            {"jobDeploymentStatus": "Failed", "reason": "DeadlineExceeded"}, State.FAILED, None,
            id="deadline",
        ),
    ],
)  # fmt: skip
def test_the_state_of_a_rayjob(status, state, code):
    job = read_job({"metadata": {"name": "x"}, "spec": {}, "status": status})
    assert (job.state, job.exit_code) == (state, code)
    assert job.result == (code if state is State.FAILED and code else int(state is State.FAILED))


def test_waiting_looks_until_the_end():
    api = Api({}, {"jobStatus": "RUNNING"}, {"jobStatus": "FAILED", "message": FAILED})
    pauses: list[float] = []
    job = wait(over(api), "x", pauses.append)
    assert job.result == 10
    assert len(pauses) == 2


def test_jobs_are_listed_oldest_first():
    api = Api({}, {}, {})
    assert [j.name for j in over(api).jobs()] == ["job-2", "job-1", "job-0"]


def test_the_log_is_the_submitters_or_what_the_status_kept_of_it():
    status = {"jobStatus": "FAILED", "message": FAILED}
    api = Api(status, pods=["x-abc"])
    assert over(api).logs("x") == "one\ntwo\n"
    gone = Api(status)
    assert "mean_accuracy" in over(gone).logs("x")


def test_the_end_of_a_log_and_the_exit_code_in_it():
    assert last_lines("a\nb\nc\n", 2) == "b\nc"
    assert read_exit_code(FAILED) == 10
    assert read_exit_code("deadline exceeded") is None
