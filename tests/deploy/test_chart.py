"""The chart, one behaviour a test: what a value does to the objects."""

import hashlib
import json

import pytest
import yaml

from fashiontrend import config as configuration
from fashiontrend.config import ServeConfig
from fashiontrend.serve import environment
from fashiontrend.typed_yaml import check
from tests.deploy.conftest import CHART, one, run, tool

pytestmark = pytest.mark.deploy
N = "ft-fashiontrend"


def kinds(found):
    return {i["kind"] for i in found}


def rayjob(found, name):
    return yaml.safe_load(one(found, "ConfigMap", f"{N}-rayjobs")["data"][f"{name}.yaml"])


def worker(cluster, group="cpu"):
    return next(g for g in cluster["workerGroupSpecs"] if g["groupName"] == group)


def settings(found):
    text = one(found, "ConfigMap", f"{N}-config")["data"]["config.yaml"]
    return check(configuration.Config, yaml.safe_load(text), "chart")


def test_the_configuration_that_pods_read_is_one_that_the_program_takes(render):
    read = settings(render(**{"config.attrnet.epochs": 4}))
    assert read.attrnet.epochs == 4
    assert read.ray.address == "auto"
    assert read.serve.tokens_file == "/etc/fashiontrend-tokens/tokens.yaml"
    assert read.serve.auth == "required"


def test_a_setting_of_the_user_wins_over_the_charts(render):
    assert settings(render(**{"config.serve.auth": "none"})).serve.auth == "none"


def test_a_changed_configuration_makes_new_pods(render):
    def mark(**values):
        cluster = one(render(**values), "RayService", N)["spec"]["rayClusterConfig"]
        return cluster["headGroupSpec"]["template"]["metadata"]["annotations"]["checksum/config"]

    assert mark() == mark()
    assert mark() != mark(**{"config.seed": 3})


def test_the_daily_cronjob_starts_no_second_and_names_its_template(render):
    spec = one(render(), "CronJob", f"{N}-daily")["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["timeZone"] == "Etc/UTC"
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["command"] == ["python", "-m", "fashiontrend.submit.schedule"]
    assert f"--cronjob={N}-daily" in pod["containers"][0]["args"]


def test_no_ray_cronjob_is_made_while_it_is_alpha(render):
    assert "RayCronJob" not in kinds(render("full"))


def test_retraining_is_the_same_job_with_one_setting_changed(render):
    found = render()
    daily, retrain = rayjob(found, "daily"), rayjob(found, "retrain")
    wanted = {"env_vars": {"FASHIONTREND__LOOP__RETRAIN_DAYS": "1"}}
    assert yaml.safe_load(retrain["spec"].pop("runtimeEnvYAML")) == wanted
    assert retrain["spec"] == daily["spec"]


def test_a_job_ends_cleans_up_and_is_not_submitted_twice(render):
    spec = rayjob(render(), "daily")["spec"]
    assert spec["entrypoint"] == "fashiontrend run --day {day}"
    assert "shutdownAfterJobFinishes" not in spec, "excludes deletionRules"
    rules = {
        (r["policy"], r["condition"]["jobStatus"]): r
        for r in spec["deletionStrategy"]["deletionRules"]
    }
    for status in ("SUCCEEDED", "FAILED"):
        cluster, job = rules["DeleteCluster", status], rules["DeleteSelf", status]
        assert cluster["condition"]["ttlSeconds"] < job["condition"]["ttlSeconds"]


def test_every_ray_cluster_asks_for_a_token_and_scales_with_version_two(render):
    found = render()
    clusters = [
        rayjob(found, "stage")["spec"]["rayClusterSpec"],
        one(found, "RayService", N)["spec"]["rayClusterConfig"],
    ]
    for cluster in clusters:
        assert cluster["authOptions"]["mode"] == "token"
        assert cluster["rayVersion"]
        assert cluster["autoscalerOptions"]["version"] == "v2"
        assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_without_the_autoscaler_a_head_has_no_token_and_no_way_to_the_api_server(render):
    found = render("digest")
    head = rayjob(found, "daily")["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]
    assert head["spec"]["automountServiceAccountToken"] is False
    assert "fashiontrend.io/reaches-api-server" not in head["metadata"]["labels"]


def test_jobs_do_not_hang_on_a_log_that_somebody_follows(render):
    """Seen on a node: the log of a submitter broke off under load, and its job was failed."""
    assert rayjob(render(), "daily")["spec"]["submissionMode"] == "HTTPMode"
    assert "submitterPodTemplate" not in rayjob(render(), "daily")["spec"]
    submitted = rayjob(render("digest"), "daily")["spec"]
    assert submitted["submitterConfig"] == {"backoffLimit": 0}
    assert submitted["submitterPodTemplate"]["spec"]["securityContext"]["runAsNonRoot"] is True


def test_single_jobs_are_made_from_values(render):
    found = render(jobs=[{"stage": "crawl", "day": "2026-11-24"}])
    job = one(found, "RayJob", f"{N}-crawl-2026-11-24")
    assert job["spec"]["entrypoint"] == "fashiontrend crawl --day 2026-11-24"


def test_gpu_workers_get_their_own_block_over_the_shared_one(render):
    cluster = rayjob(render("gpu"), "daily")["spec"]["rayClusterSpec"]
    gpu, cpu = worker(cluster, "gpu")["template"]["spec"], worker(cluster)["template"]["spec"]
    assert gpu["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert gpu["nodeSelector"] == {"pool": "gpu"}
    assert cpu["nodeSelector"] == {"pool": "general"}
    assert gpu["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert "tolerations" not in cpu
    assert "NCCL_DEBUG" in {e["name"] for e in gpu["containers"][0]["env"]}
    assert "NCCL_DEBUG" not in {e["name"] for e in cpu["containers"][0]["env"]}


def test_the_shared_block_reaches_every_pod_of_ours(render):
    found = render("full")
    specs = [
        one(found, "Deployment", f"{N}-exporter")["spec"]["template"],
        one(found, "CronJob", f"{N}-daily")["spec"]["jobTemplate"]["spec"]["template"],
        rayjob(found, "daily")["spec"]["rayClusterSpec"]["headGroupSpec"]["template"],
        worker(one(found, "RayService", N)["spec"]["rayClusterConfig"])["template"],
    ]
    for pod in specs:
        assert pod["metadata"]["labels"]["team"] == "trends"
        assert pod["metadata"]["annotations"]["example.org/owner"] == "trends"
        container = pod["spec"]["containers"][0]
        assert "HTTPS_PROXY" in {e["name"] for e in container["env"]}
        assert container["envFrom"] == [{"secretRef": {"name": "more"}}]
        assert "/etc/ca" in {m["mountPath"] for m in container["volumeMounts"]}
        assert pod["spec"]["nodeSelector"] == {"pool": "general"}
        assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]


def test_serving_pods_have_their_own_priority(render):
    found = render("full")
    serving = one(found, "RayService", N)["spec"]["rayClusterConfig"]
    assert worker(serving)["template"]["spec"]["priorityClassName"] == "fashiontrend-serving"
    batch = rayjob(found, "daily")["spec"]["rayClusterSpec"]
    assert worker(batch)["template"]["spec"]["priorityClassName"] == "fashiontrend-batch"


@pytest.mark.filterwarnings("ignore:Using extra keyword arguments")  # of Ray
def test_the_service_is_the_one_that_the_program_describes(render):
    from ray_jobs import serve

    found = render()
    seen = yaml.safe_load(one(found, "RayService", N)["spec"]["serveConfigV2"])
    wanted = serve.serve_config(settings(found))
    for application in wanted["applications"]:
        application.pop("deployments", None)  # the builders read them from the same configuration
    assert seen["http_options"] == wanted["http_options"]
    assert seen["proxy_location"] == wanted["proxy_location"]
    for ours, theirs in zip(seen["applications"], wanted["applications"], strict=True):
        trees = [a["args"].pop("config", {}) for a in (ours, theirs)]
        read = [check(configuration.Config, tree, "chart, program") for tree in trees]
        assert read[0] == read[1]
        assert ours == theirs


@pytest.mark.filterwarnings("ignore:Using extra keyword arguments")  # of Ray
def test_traffic_waits_for_longer_than_a_probe_takes(render):
    """Seen: with one worker 462 of 2,001 requests failed, because traffic moved before the probe had passed."""
    from ray_jobs import standby

    cluster = one(render(), "RayService", N)["spec"]["rayClusterConfig"]
    container = worker(cluster)["template"]["spec"]["containers"][0]
    probe = container["readinessProbe"]
    assert probe["httpGet"] == {"path": standby.HEALTH_PATH, "port": "serve"}
    assert 2 * probe["periodSeconds"] + probe["timeoutSeconds"] < standby.SETTLED_S
    batch = rayjob(render(), "daily")["spec"]["rayClusterSpec"]
    assert "readinessProbe" not in worker(batch)["template"]["spec"]["containers"][0]


@pytest.mark.parametrize(
    ("values", "serve"),
    [
        ("development", {}),
        ("full", {"proxy": "haproxy"}),
        ("full", {"proxy": "haproxy", "body_timeout_s": 2.5}),
    ],
)
def test_ray_serve_is_told_what_a_laptops_is_before_it_starts(render, values, serve):
    found = render(values, **{f"config.serve.{k}": v for k, v in serve.items()})
    cluster = one(found, "RayService", N)["spec"]["rayClusterConfig"]
    container = worker(cluster)["template"]["spec"]["containers"][0]
    env = {e["name"]: e.get("value") for e in container["env"]}
    wanted = environment.variables(ServeConfig(**serve))
    told = {name: value for name, value in env.items() if name.startswith("RAY_SERVE_")}
    assert told == wanted


def test_gcs_fault_tolerance_is_on_with_a_bundled_redis(render):
    found = render()
    options = one(found, "RayService", N)["spec"]["rayClusterConfig"]["gcsFaultToleranceOptions"]
    assert options["redisAddress"] == f"redis://{N}-redis:6379"
    assert options["redisPassword"]["valueFrom"]["secretKeyRef"]["name"] == f"{N}-redis"
    assert one(found, "StatefulSet", f"{N}-redis")


def test_an_external_redis_replaces_the_bundled_one(render):
    found = render("external-redis")
    assert "StatefulSet" not in kinds(found)
    options = one(found, "RayService", N)["spec"]["rayClusterConfig"]["gcsFaultToleranceOptions"]
    assert options["redisAddress"] == "rediss://cache.example:6380"
    egress = one(found, "NetworkPolicy", f"{N}-reaches-redis")["spec"]["egress"][0]
    assert egress["ports"] == [{"protocol": "TCP", "port": 6380}]


def test_without_fault_tolerance_there_is_no_redis(render):
    found = render("digest")
    assert "StatefulSet" not in kinds(found)
    cluster = one(found, "RayService", N)["spec"]["rayClusterConfig"]
    assert "gcsFaultToleranceOptions" not in cluster


def test_a_drawn_token_matches_its_record_and_an_existing_secret_is_used_instead(render):
    data = one(render(), "Secret", f"{N}-tokens")["stringData"]
    record = yaml.safe_load(data["tokens.yaml"])[0]
    assert record["sha256"] == hashlib.sha256(data["token"].encode()).hexdigest()
    assert data["token"].startswith("ft_")
    found = render(**{"serving.tokenSecret": "mine"})
    cluster = one(found, "RayService", N)["spec"]["rayClusterConfig"]
    volumes = worker(cluster)["template"]["spec"]["volumes"]
    assert "mine" in {v["secret"]["secretName"] for v in volumes if "secret" in v}


def test_keys_of_the_store_come_from_the_named_secret(render):
    found = render("external-s3")
    env = one(found, "Deployment", f"{N}-exporter")["spec"]["template"]["spec"]["containers"][0][
        "env"
    ]
    keys = {e["name"]: e["valueFrom"]["secretKeyRef"] for e in env if "valueFrom" in e}
    assert keys["AWS_ACCESS_KEY_ID"] == {"name": "s3-keys", "key": "id"}


def test_with_a_cloud_identity_there_is_no_key_anywhere(render):
    found = render("cloud-identity")
    assert "AWS_SECRET_ACCESS_KEY" not in yaml.safe_dump_all(found)
    account = one(found, "ServiceAccount", f"{N}-batch")
    assert "eks.amazonaws.com/role-arn" in account["metadata"]["annotations"]
    store = one(found, "NetworkPolicy", f"{N}-reaches-store")["spec"]["egress"]
    assert {"ipBlock": {"cidr": "169.254.170.23/32"}} in [t for rule in store for t in rule["to"]]


def test_the_development_s3_is_where_everything_points(render):
    found = render("development")
    assert settings(found).store.endpoint == f"http://{N}-s3:8333"
    assert one(found, "StatefulSet", f"{N}-s3")
    egress = one(found, "NetworkPolicy", f"{N}-reaches-store")["spec"]["egress"]
    assert [p["port"] for rule in egress for p in rule["ports"]] == [8333]


def test_absent_crds_leave_out_what_needs_them(render):
    found = render("no-crds")
    assert not {"RayService", "CronJob", "PodMonitor", "PrometheusRule", "HTTPRoute"} & kinds(found)
    assert "Deployment" in kinds(found)


def test_the_least_set_has_no_service_and_one_schedule(render):
    found = render("minimal")
    assert [i["metadata"]["name"] for i in found if i["kind"] == "CronJob"] == [f"{N}-daily"]
    assert not {"RayService", "StatefulSet", "PodDisruptionBudget", "PodMonitor"} & kinds(found)


def test_ingress_and_route_lead_to_the_service_of_kuberay(render):
    found = render("full")
    path = one(found, "Ingress", N)["spec"]["rules"][0]["http"]["paths"][0]
    assert path["backend"]["service"] == {"name": f"{N}-serve-svc", "port": {"number": 8000}}
    backend = one(found, "HTTPRoute", N)["spec"]["rules"][0]["backendRefs"][0]
    assert backend == {"name": f"{N}-serve-svc", "port": 8000}


def test_roles_hold_nothing_that_is_not_used(render):
    rules = one(render(), "Role", f"{N}-schedule")["rules"]
    assert [(r["resources"], r["verbs"]) for r in rules] == [
        (["rayjobs"], ["list", "create"]),
        (["cronjobs"], ["get"]),
    ]
    assert "ClusterRole" not in kinds(render("full"))


def test_the_preflight_runs_before_anything_and_ends_within_a_minute(render):
    found = render("external-s3")
    job = one(found, "Job", f"{N}-preflight")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert job["spec"]["activeDeadlineSeconds"] <= 60
    assert job["spec"]["backoffLimit"] == 0
    checks = "taxonomy,weights,platforms,store"
    assert command(job) == ["fashiontrend", "doctor", "--only", checks]


def command(job):
    return job["spec"]["template"]["spec"]["containers"][0]["command"]


def test_the_preflight_asks_for_nothing_that_the_install_has_yet_to_make(render):
    """Image, taxonomy and weights are tried everywhere; the development S3 and its keys are not there yet."""
    job = one(render("development"), "Job", f"{N}-preflight")
    assert command(job)[-1] == "taxonomy,weights,platforms"
    pod = job["spec"]["template"]
    assert "AWS_ACCESS_KEY_ID" not in {e["name"] for e in pod["spec"]["containers"][0]["env"]}
    assert not [label for label in pod["metadata"]["labels"] if "reaches" in label]
    minimal = one(render("minimal"), "Job", f"{N}-preflight")
    assert command(minimal)[-1] == "taxonomy,weights,platforms"


@pytest.mark.parametrize("off", [{"enabled": False}, {"enabled": True, "suspend": True}])
def test_the_preflight_asks_for_shops_only_where_a_schedule_will_crawl_them(render, off):
    """Who serves a release of others, or looks around first, has none to name."""
    one_off = render(**{"schedules.retrain": off})
    assert command(one(one_off, "Job", f"{N}-preflight"))[-1] == "taxonomy,weights,platforms"
    both = render(**{f"schedules.{n}": off for n in ("daily", "retrain")})
    assert command(one(both, "Job", f"{N}-preflight"))[-1] == "taxonomy,weights"


def test_what_the_uninstall_hook_needs_comes_with_the_hook(render):
    """Seen on a node: an install that its preflight had refused could not be uninstalled for four minutes."""
    found = [i for i in render() if i["metadata"]["name"] == f"{N}-cleanup"]
    assert {i["kind"] for i in found} == {"ServiceAccount", "Role", "RoleBinding", "Job"}
    assert {i["metadata"]["annotations"]["helm.sh/hook"] for i in found} == {"pre-delete"}
    weights = {i["kind"]: int(i["metadata"]["annotations"]["helm.sh/hook-weight"]) for i in found}
    assert all(weights[k] < weights["Job"] for k in ("ServiceAccount", "Role", "RoleBinding"))
    pod = one(found, "Job", f"{N}-cleanup")["spec"]["template"]["spec"]
    assert pod["volumes"][0]["configMap"]["optional"] is True


def test_a_submitted_stage_is_tried_once_and_a_schedule_again(render):
    """Seen on a node: `submit --wait` told of the failure while a second cluster was starting for it."""
    found = render()
    tries = {n: rayjob(found, n)["spec"]["backoffLimit"] for n in ("daily", "retrain", "stage")}
    assert tries == {"daily": 1, "retrain": 1, "stage": 0}


def test_metrics_are_scraped_by_the_names_of_ports(render):
    found = render()
    head = one(found, "PodMonitor", f"{N}-ray-head")["spec"]["podMetricsEndpoints"]
    assert [e["port"] for e in head] == ["metrics", "as-metrics", "dash-metrics"]
    cluster = one(found, "RayService", N)["spec"]["rayClusterConfig"]
    ports = cluster["headGroupSpec"]["template"]["spec"]["containers"][0]["ports"]
    assert {e["port"] for e in head} <= {p["name"] for p in ports}


def alerts_and_dashboards(found):
    groups = one(found, "PrometheusRule", N)["spec"]["groups"]
    runbooks = {
        r["annotations"]["runbook_url"].split("#")[0]
        for g in groups
        for r in g["rules"]
        if "alert" in r
    }
    board = one(found, "ConfigMap", f"{N}-dashboard-gates")["data"]["gates.json"]
    return runbooks, {link["title"]: link["url"] for link in json.loads(board)["links"]}


def test_alerts_and_dashboards_lead_to_addresses_that_exist(render):
    """Seen: runbook addresses were bare paths, which nobody can open from an alert."""
    runbook = "https://wiki.example/operations"
    found = render(
        **{"monitoring.links.runbook": runbook, "monitoring.links.board": "https://b.example/"}
    )
    assert alerts_and_dashboards(found) == (
        {runbook},
        {"Board": "https://b.example/", "Runbook": runbook},
    )


def test_the_board_of_an_ingress_is_known_and_a_link_without_an_address_is_left_out(render):
    assert alerts_and_dashboards(render()) == ({"docs/operations.md"}, {})
    assert alerts_and_dashboards(render("full"))[1] == {"Board": "https://trends.example/"}


def test_notes_are_the_next_three_commands(tmp_path):
    name = ("install", "ft", str(CHART), "--namespace=trends", "--dry-run=client")
    nowhere = f"--kubeconfig={tmp_path}/none"
    notes = run(tool("helm"), *name, nowhere, "--set=crds.onMissing=render").stdout
    commands = [line.strip() for line in notes.split("NOTES:")[1].splitlines() if "kubectl" in line]
    assert commands[0] == f"kubectl -n trends create job --from=cronjob/{N}-daily {N}-now"
    assert commands[1].endswith("get rayjobs -l app.kubernetes.io/instance=ft --watch")
    assert commands[2].endswith(f"port-forward service/{N}-serve-svc 8000")


def test_the_longest_name_leaves_room_for_every_stage_and_day(render):
    name = "a" * 28
    found = render(fullnameOverride=name, jobs=[{"stage": "train-forecaster", "day": "2026-11-24"}])
    templates = one(found, "ConfigMap", f"{name}-rayjobs")["data"].values()
    words = [
        t.replace("{stage}", "train-forecaster").replace("{day}", "2026-11-24") for t in templates
    ]
    names = [yaml.safe_load(w)["metadata"]["name"] for w in words]
    names += [i["metadata"]["name"] for i in found if i["kind"] == "RayJob"]
    assert len(names) == 4
    assert max(map(len, names)) <= 47
