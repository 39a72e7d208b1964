"""A release on a real node, from the operator to an empty namespace, in the order in which a person does it.

Nothing runs unless `make check-cluster` asks for it (`tests/deploy/cluster.py` says what it needs).
Each test is a step of one life: after one that failed the others are skipped.
"""

import json
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import pytest

from fashiontrend.demo.garments import draw_garment
from fashiontrend.loop import Step
from tests.deploy import cluster, node_faults, node_jobs, node_wrong
from tests.deploy.cluster import RELEASE, SPACE, Cluster
from tests.deploy.confinement import CONFINED, Confinement

pytestmark = [pytest.mark.deploy, pytest.mark.cluster, pytest.mark.timeout(2400)]
TODAY = datetime.now(tz=UTC).date()
DAILY = f"{RELEASE}-daily-{TODAY}"
WORN = {"colour": "red", "pattern": "plain", "sleeve_length": "long", "neckline": "crew_round"}
#: A loop or a stage on two cores, others running beside it.
LONG_S = 1800.0
#: (component of the pod, container): all that the life of a release starts.
CONTAINERS = {
    *((f"{role}-head", c) for role in ("batch", "serving") for c in ("ray-head", "autoscaler")),
    *((f"{role}-worker", "ray-worker") for role in ("batch", "serving")),
    *(
        (c, c)
        for c in ("preflight", "watched", "cleanup", "schedule", "exporter", "redis", "s3", "shops")
    ),
    ("test", "test"),
    ("submitter", "ray-job-submitter"),
}


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    cluster.asked_for()
    life = Cluster(tmp_path_factory.mktemp("life"))
    if up := life.environment.get("CLUSTER_UP"):
        with life.step("cluster up, images imported"):
            life.do(up)
    assert life.run(f"kubectl get namespace {SPACE}").returncode, f"namespace {SPACE} exists"
    life.watch = Confinement(life.environment)
    life.watch.start()
    yield life
    life.watch.stop()
    if down := life.environment.get("CLUSTER_DOWN"):
        with life.step("cluster down"):
            life.do(down)


@pytest.fixture
def life(one):
    if one.failed:
        pytest.skip(f"{one.failed!r} failed before")
    return one


def test_an_administrator_installs_operator_namespace_quota_and_priorities(life):
    if chart := life.environment.get("OPERATOR_CHART"):
        with life.step("operator by its chart, until ready"):
            life.type_in(
                "helm install kuberay-operator",
                f"{cluster.options('OPERATOR_VALUES')} --wait",
                ("kuberay/kuberay-operator --version 1.7.0", chart),
            )
    with life.step("namespace with Pod Security, quota, priority classes"):
        life.type_in("kubectl apply --server-side -f k8s/namespace.yaml")
        labels = json.loads(life.do(f"kubectl get namespace {SPACE} -o json"))["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_demos_shops_open_and_the_chart_is_installed(life):
    with life.step("the demo's three shops"):
        life.type_in("kubectl apply -f k8s/demo-shops.yaml")
        life.type_in("cp k8s/demo-values.yaml")
        life.kubectl("rollout status deployment/shops --timeout=180s")
    with life.step("helm install"):
        told = life.type_in("helm install fashiontrend ", cluster.options("CLUSTER_VALUES"))
        assert "Next:" in told
    with life.step("S3, Redis and exporter ready"):
        life.kubectl(f"rollout status statefulset/{RELEASE}-s3 --timeout=180s")
        life.kubectl(f"rollout status statefulset/{RELEASE}-redis --timeout=180s")
        life.kubectl(f"rollout status deployment/{RELEASE}-exporter --timeout=180s")
    with life.step("Ray of the service started; it waits for a release"):
        # Two Rays that start at the same moment on two cores may both run out of Ray's 30 seconds.
        life.until("Ray of the service", lambda: started_ray(life), 300)


def started_ray(life):
    """Whether head and worker of the service run, their init containers done."""
    pods = life.get("pods -l 'app.kubernetes.io/component in (serving-head,serving-worker)'")
    return len(pods) == 2 and all(
        status["started"]
        for pod in pods
        for status in pod["status"].get("containerStatuses", [{"started": False}])
    )


def rayjobs(life):
    return {j["metadata"]["name"]: j.get("status", {}) for j in life.get("rayjobs")}


def started(life, schedule, name):
    """What the pod of a schedule said when a Job was made of it by hand."""
    line = f"kubectl -n {SPACE} create job --from=cronjob/fashiontrend-daily fashiontrend-now"
    life.type_in(line, instead=("daily fashiontrend-now", f"{schedule} {name}"))
    life.kubectl(f"wait --for=condition=Complete job/{name} --timeout=180s")
    return life.kubectl(f"logs job/{name}")


def test_the_schedule_makes_one_rayjob_and_none_while_it_is_unfinished(life):
    with life.step("CronJob's job to RayJob"):
        assert f"created: {DAILY}" in started(life, "daily", "fashiontrend-now")
        assert list(rayjobs(life)) == [DAILY]
    with life.step("two more while it is unfinished") as row:
        assert f"{DAILY} exists already" in started(life, "daily", "again")
        assert f"{DAILY} is unfinished" in started(life, "retrain", "other")
        assert list(rayjobs(life)) == [DAILY]
        row.seen = "none made"


def the_run(life, day=TODAY):
    """The ledger's newest run of a day, as the release's own pods see it."""
    told = life.kubectl(f"exec deployment/{RELEASE}-exporter -- fashiontrend status --json")
    run = json.loads(told)
    assert run["day"] == str(day)
    return run


def test_the_loop_runs_as_one_rayjob_from_the_crawl_to_the_release(life):
    with life.step("the whole loop as one RayJob, cluster included") as row:
        life.until(
            "the loop",
            lambda: rayjobs(life)[DAILY].get("jobDeploymentStatus") in ("Complete", "Failed"),
            LONG_S,
            every=5.0,
        )
        status = rayjobs(life)[DAILY]
        assert status["jobStatus"] == "SUCCEEDED", status.get("message")
        assert status.get("failed", 0) == 0, "one cluster, one attempt"
        run = the_run(life)
        assert [e["step"] for e in run["entries"]] == list(Step)
        row.seen = ", ".join(f"{e['step']} {e['seconds']:.0f} s" for e in run["entries"])
        gates = [e["verdict"]["passed"] for e in run["entries"] if e["verdict"]]
        assert gates == [True, True]


def test_the_service_is_ready_and_answers_with_a_token_only(life):
    with life.step("RayService ready after the first release"):
        life.kubectl(f"wait --for=condition=Ready rayservice/{RELEASE} --timeout=600s")
    with life.step("recognise, forecasts, keywords") as row:
        assert answers(life) == {200}
        assert answers(life, token=False) == {401}
        row.seen = "200 with the token, 401 without"


def answers(life, token=True):
    secret = life.type_in("kubectl -n fashiontrend get secret fashiontrend-tokens")
    headers = {"Authorization": f"Bearer {secret.strip()}"} if token else {}
    picture = draw_garment(WORN, np.random.default_rng(0)).image
    with (
        life.forward(f"{RELEASE}-serve-svc", 8000) as url,
        httpx.Client(base_url=url, headers=headers, timeout=60) as client,
    ):
        seen = [
            client.get("/v1/keywords"),
            client.get("/v1/forecasts"),
            client.post("/v1/recognise", files={"image": picture}),
        ]
        assert not token or seen[0].json()["keywords"], "no keyword on the board"
        return {a.status_code for a in seen}


def test_helm_tests_pass(life):
    with life.step("helm test"):
        assert "Phase:          Succeeded" in life.type_in("helm test")


def test_the_same_day_a_second_time_commits_nothing(life):
    before = the_run(life)
    with life.step("the same day again, as a RayJob of its own") as row:
        life.do(f"fashiontrend submit run --day {TODAY} --wait")
        assert the_run(life) == before
        row.seen = "nothing committed"


def test_a_wrong_configuration_is_told_within_a_minute_and_makes_nothing(life):
    node_wrong.wrong_keys(life)
    for case in node_wrong.CASES:
        node_wrong.try_it(life, case)
    life.kubectl("delete secret wrong-keys")


def test_every_job_file_by_the_job_api_and_a_catalogue_job_that_scales(life):
    with node_jobs.ray_cluster(life) as jobs:
        jobs.refuse_without_the_token()
        jobs.scale_a_catalogue_job()  # first: trainings may ask for a second worker too
        jobs.submit_every_file(TODAY)


def traffic(life):
    """Name of the Ray cluster that answers now."""
    status = life.get(f"rayservice {RELEASE}").get("status", {})
    return status.get("activeServiceStatus", {}).get("rayClusterName")


def moved(life, before):
    life.until("traffic on the new cluster", lambda: traffic(life) != before, 600)
    assert answers(life) == {200}


def test_an_upgrade_and_the_way_back_move_traffic(life):
    before = traffic(life)
    with life.step("helm upgrade, until traffic moved"):
        life.type_in(
            "helm upgrade fashiontrend",
            "--set config.serve.retry_after_s=2 --set batch.submissionMode=K8sJobMode",
        )
        moved(life, before)
    before = traffic(life)
    with life.step("a failed stage, by a submitter pod") as row:
        done = life.run(f"fashiontrend submit publish --day {TODAY - timedelta(days=9)} --wait")
        assert done.returncode == 1
        assert "publish is not due; `fashiontrend crawl` is" in done.stdout
        row.seen = "exit code 1 and the last lines"
    with life.step("helm rollback, until traffic moved"):
        life.type_in("helm rollback")
        moved(life, before)


@pytest.mark.usefixtures("socket_enabled")  # a Service's address is no loopback
def test_faults_under_load_fail_no_request_but_what_a_killed_replica_had(life):
    def upgrade(options):
        before = traffic(life)
        life.type_in("helm upgrade fashiontrend", options)
        moved(life, before)

    node_faults.try_all(life, upgrade)


def test_every_stage_runs_by_itself(life):
    """Yesterday, stage by stage: a training of its own, each in a cluster of its own."""
    yesterday = TODAY - timedelta(days=1)
    for stage in Step:
        with life.step(f"stage by stage: {stage}", last=False):
            life.do(f"fashiontrend submit {stage} --day {yesterday} --wait")


def test_uninstall_leaves_nothing(life):
    with life.step("helm uninstall"):
        life.type_in("helm uninstall")
    with life.step("nothing left"):
        mine = f"-l app.kubernetes.io/instance={RELEASE}"
        kinds = "all,cm,secret,sa,role,rolebinding,networkpolicy,pdb,pvc,rayjob,rayservice"
        life.until("no pod", lambda: not life.get(f"pods {mine}"), 180)
        assert life.get(f"{kinds} {mine}") == []
        assert life.get("rayclusters") == []
        life.do(f"kubectl delete namespace {SPACE} --timeout=180s")


def test_every_container_of_ours_was_confined(life):
    life.watch.stop()
    with life.step("containers looked into while they ran") as row:
        apart = {
            k: v for k, seen in life.watch.seen.items() if (v := [s for s in seen if s != CONFINED])
        }
        assert apart == {}
        row.seen = f"{sum(map(len, life.watch.seen.values()))}, each uid 1000 and confined"
        missing = CONTAINERS - set(life.watch.seen)
        assert not missing, f"not seen: {missing}"
