"""The pod of a schedule: one RayJob a day, none while another is unfinished."""

import json
import threading
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from fashiontrend.errors import StoreError
from fashiontrend.submit import schedule
from fashiontrend.submit.kube import KubeClient, connect, explain
from fashiontrend.submit.manifest import fill

TEMPLATE = """
apiVersion: ray.io/v1
kind: RayJob
metadata: {name: "ft-daily-{day}", namespace: trends, labels: {app.kubernetes.io/instance: ft}}
spec: {entrypoint: "fashiontrend run --day {day}"}
"""


def job(name, state=None):
    return {"metadata": {"name": name}, "status": {"jobDeploymentStatus": state} if state else {}}


def test_the_first_of_a_day_is_created():
    assert schedule.decide("ft-daily-2026-11-24", []).create


@pytest.mark.parametrize("state", [None, "Running", "Complete", "Failed"])
def test_a_day_has_one_job_whatever_became_of_it(state):
    decision = schedule.decide("d", [job("d", state)])
    assert not decision.create
    assert "exists already" in decision.reason


@pytest.mark.parametrize(
    "state", [None, "Initializing", "Running", "Retrying", "Suspended", "Waiting"]
)
def test_none_is_created_while_another_is_unfinished(state):
    decision = schedule.decide("d", [job("yesterday", state), job("older", "Complete")])
    assert not decision.create
    assert "yesterday is unfinished" in decision.reason


@pytest.mark.parametrize("state", ["Complete", "Failed", "ValidationFailed"])
def test_finished_ones_do_not_hold_up_the_next(state):
    assert schedule.decide("d", [job("yesterday", state)]).create


def test_a_finished_job_is_deleted_when_its_time_is_over_and_no_other():
    """In a queue KubeRay deletes no RayJob by itself: the namespace would fill up."""
    now, week = datetime(2026, 11, 24, 3, tzinfo=UTC), timedelta(days=7)

    def ended(name, state, day):
        found = job(name, state)
        found["status"]["endTime"] = f"2026-11-{day:02d}T04:00:00Z"
        return found

    jobs = [
        ended("old", "Complete", 10),
        ended("old-failed", "Failed", 10),
        ended("young", "Complete", 20),
        ended("tried-again", "Retrying", 10),
        job("queued", "Suspended"),
        job("refused", "ValidationFailed"),
    ]
    assert schedule.outlived(jobs, week, now) == ["old", "old-failed"]


def test_the_deletion_goes_to_the_releases_jobs_only():
    asked, deleted = [], []

    class Client:
        def find(self, plural, selector):
            asked.append((plural, selector))
            old = job("old", "Complete")
            old["status"]["endTime"] = "2026-11-01T00:00:00Z"
            return [old]

        def delete(self, plural, name):
            deleted.append((plural, name))

    wanted = fill(TEMPLATE, day="2026-11-24")
    now = datetime(2026, 11, 24, tzinfo=UTC)
    assert schedule.clear(wanted, timedelta(days=7), Client(), now) == ["old"]
    assert asked == [("rayjobs", "app.kubernetes.io/instance=ft")]
    assert deleted == [("rayjobs", "old")]


def test_a_refusal_is_reported_in_the_servers_words():
    import kubernetes

    error = kubernetes.client.ApiException(status=403, reason="Forbidden")
    error.body = '{"message": "rayjobs is forbidden"}'
    with (
        pytest.raises(StoreError, match="403 Forbidden: rayjobs is forbidden") as caught,
        explain("create it"),
    ):
        raise error
    assert caught.value.exit_code == 40


@pytest.fixture
def cluster():
    """An API server in two objects: CronJobs that are there, and RayJobs."""
    import kubernetes

    class Cluster:
        def __init__(self):
            self.jobs, self.conflict = [], False

        def read_namespaced_cron_job(self, name, namespace, **_):
            return SimpleNamespace(metadata=SimpleNamespace(name=name, uid="u-1"))

        def list_namespaced_custom_object(self, *place, label_selector, **_):
            assert label_selector == "app.kubernetes.io/instance=ft"
            return {"items": [*self.jobs]}

        def create_namespaced_custom_object(self, group, version, namespace, plural, body, **_):
            if self.conflict:
                raise kubernetes.client.ApiException(status=409, reason="AlreadyExists")
            assert (group, namespace, plural) == ("ray.io", "trends", "rayjobs")
            self.jobs = [*self.jobs, body]

    return Cluster()


def start(cluster, day):
    client = KubeClient("trends", cluster, cluster, cluster)
    return schedule.start(fill(TEMPLATE, day=str(day)), "ft-daily", client)


def test_the_same_day_twice_makes_one_job(cluster):
    first = start(cluster, date(2026, 11, 24))
    second = start(cluster, date(2026, 11, 24))
    assert (first.create, second.create) == (True, False)
    assert [j["metadata"]["name"] for j in cluster.jobs] == ["ft-daily-2026-11-24"]
    assert cluster.jobs[0]["metadata"]["ownerReferences"][0]["uid"] == "u-1"


def test_two_that_start_at_the_same_moment_make_one_job(cluster):
    cluster.conflict = True
    decision = start(cluster, date(2026, 11, 24))
    assert not decision.create
    assert "created by another" in decision.reason


def test_an_api_server_that_cannot_be_reached_is_reported_with_what_to_look_at(cluster):
    import urllib3

    def silent(*_, **__):
        raise urllib3.exceptions.ConnectTimeoutError("timed out")

    cluster.list_namespaced_custom_object = silent
    with pytest.raises(StoreError, match="NetworkPolicy reaches-api-server"):
        start(cluster, date(2026, 11, 24))


@pytest.fixture
def api_server(tmp_path, monkeypatch):
    """A loopback server that speaks as much of the Kubernetes API as the pod uses."""
    jobs = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/apis/batch/v1/namespaces/trends/cronjobs/ft-daily":
                job = {"spec": {"template": {}}}
                spec = {"schedule": "0 2 * * *", "jobTemplate": job}
                self.answer(200, {"metadata": {"name": "ft-daily", "uid": "u-2"}, "spec": spec})
            else:
                assert self.path.startswith(
                    "/apis/ray.io/v1/namespaces/trends/rayjobs?labelSelector"
                )
                self.answer(200, {"items": jobs})

        def do_POST(self):
            jobs.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(201, jobs[-1])

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    at = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    known = {"clusters": [at], "users": [{"name": "u", "user": {}}], "contexts": [context]}
    file = tmp_path / "kubeconfig"
    file.write_text(
        json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "c", **known})
    )
    for place in ("kubernetes.config", "kubernetes.config.kube_config"):
        monkeypatch.setattr(f"{place}.KUBE_CONFIG_DEFAULT_LOCATION", str(file))
    yield jobs
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_real_client_creates_the_job_once(api_server):
    client = connect("trends")
    first, second = (
        schedule.start(fill(TEMPLATE, day=f"2026-11-{day}"), "ft-daily", client) for day in (24, 25)
    )
    assert first.create
    assert "ft-daily-2026-11-24 is unfinished" in second.reason
    assert [j["metadata"]["ownerReferences"][0]["uid"] for j in api_server] == ["u-2"]
