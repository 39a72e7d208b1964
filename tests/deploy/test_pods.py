"""Every pod that the chart makes, or has made by KubeRay, keeps Pod Security "restricted" and one house style."""

import re

import pytest
import yaml

from tests.deploy.conftest import SETS, objects, one, pods, rendered

pytestmark = pytest.mark.deploy

ALLOWED_VOLUMES = {"configMap", "secret", "emptyDir", "persistentVolumeClaim"}


@pytest.fixture(params=SETS)
def found(request):
    return objects(rendered(request.param))


def test_every_pod_is_restricted(found):
    for place, spec in pods(found).items():
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True, place
        assert context["runAsUser"] == 1000, place
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, place
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), place
        for volume in spec.get("volumes", []):
            assert set(volume) - {"name"} <= ALLOWED_VOLUMES, place


def test_every_container_can_gain_nothing_and_write_nowhere_but_in_volumes(found):
    for place, spec in pods(found).items():
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, place
            assert context["readOnlyRootFilesystem"] is True, place
            assert context["capabilities"] == {"drop": ["ALL"]}, place


def test_the_autoscaler_beside_a_head_is_restricted_too_and_shares_the_session_folder(found):
    for text in _rayclusters(found):
        if "autoscalerOptions" not in text:
            continue
        options = text["autoscalerOptions"]
        assert options["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        head = text["headGroupSpec"]["template"]["spec"]
        names = {v["name"] for v in head["volumes"]}
        assert {m["name"] for m in options["volumeMounts"]} <= names
        shared = {m["mountPath"]: m["name"] for m in options["volumeMounts"]}
        own = {m["mountPath"]: m["name"] for m in head["containers"][0]["volumeMounts"]}
        assert shared["/tmp/ray"] == own["/tmp/ray"]


def test_home_and_temporary_folders_can_be_written(found):
    for place, spec in pods(found).items():
        empty = {v["name"] for v in spec.get("volumes", []) if "emptyDir" in v}
        for container in spec["containers"]:
            env = {e["name"]: e.get("value") for e in container.get("env", [])}
            where = {m["mountPath"] for m in container["volumeMounts"] if m["name"] in empty}
            if "HOME" in env:
                assert env["HOME"] in where, place
            if container["name"].startswith("ray-") and container["name"] != "ray-job-submitter":
                assert {"/tmp", "/tmp/ray"} <= where, place


def test_spreading_counts_the_pods_of_the_same_part(render):
    spread = [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}]
    found = render("development", **{"pod.topologySpreadConstraints": spread})
    parts = set()
    for place, spec in pods(found).items():
        (constraint,) = spec["topologySpreadConstraints"]
        chosen = constraint["labelSelector"]["matchLabels"]
        assert chosen["app.kubernetes.io/instance"] == "ft", place
        parts.add(chosen["app.kubernetes.io/component"])
    assert {"batch-worker", "serving-worker", "exporter", "schedule", "s3"} <= parts


def test_only_what_talks_to_the_api_server_gets_a_token(found):
    for place, spec in pods(found).items():
        wants = spec["automountServiceAccountToken"]
        needs = (
            any(key in place for key in ("headGroupSpec", "CronJob/", "-cleanup", "-watched"))
            and "workerGroupSpecs" not in place
        )
        assert not wants or needs, place


def test_mounts_name_volumes_that_exist(found):
    for place, spec in pods(found).items():
        volumes = {v["name"] for v in spec.get("volumes", [])} | _claims(found, place)
        for container in spec["containers"]:
            assert {m["name"] for m in container["volumeMounts"]} <= volumes, place


def test_every_container_asks_for_cpu_and_limits_its_memory(found):
    for place, spec in pods(found).items():
        for container in spec["containers"]:
            assert container["resources"]["requests"]["cpu"], place
            assert container["resources"]["limits"]["memory"], place


def test_images_have_a_tag_or_a_digest_and_never_latest(found):
    for place, spec in pods(found).items():
        for container in spec["containers"]:
            assert re.search(r"(:[^/:]+|@sha256:[0-9a-f]{64})$", container["image"]), place
            assert not container["image"].endswith(":latest"), place


def test_no_secret_value_stands_outside_a_secret(found):
    for item in found:
        if item["kind"] != "Secret":
            assert not re.search(r"ft_[A-Za-z0-9]{43}", yaml.safe_dump(item)), item["metadata"]


def test_names_leave_room_for_what_kuberay_appends(found):
    for item in found:
        if item["kind"] in ("RayJob", "RayService"):
            assert len(item["metadata"]["name"]) <= 47
        if item["kind"] == "ConfigMap" and item["metadata"]["name"].endswith("-rayjobs"):
            for text in item["data"].values():
                name = yaml.safe_load(text.replace("{day}", "2026-11-24"))["metadata"]["name"]
                assert len(name) <= 47


def test_selectors_find_pods_of_the_release(found):
    if not any(i["kind"] == "Deployment" for i in found):
        return
    name = next(i["metadata"]["name"] for i in found if i["kind"] == "Deployment")
    deployment = one(found, "Deployment", name)["spec"]
    wanted = deployment["selector"]["matchLabels"]
    assert wanted.items() <= deployment["template"]["metadata"]["labels"].items()
    assert "helm.sh/chart" not in wanted


def test_the_disruption_budget_is_one_that_kubernetes_can_count(render):
    """Pods of a RayCluster have no scale: maxUnavailable is refused for them at run time."""
    found = render(**{"serving.cpuWorkers.minReplicas": 3})
    budget = one(found, "PodDisruptionBudget", "ft-fashiontrend-serving")["spec"]
    assert budget["minAvailable"] == 2
    assert "maxUnavailable" not in budget


def test_every_ray_pod_ends_when_it_is_told_to(found):
    """Seen on a node: a deleted head stayed for its 60 s, and the service lost its workers meanwhile."""
    for cluster in _rayclusters(found):
        for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
            (ray,) = group["template"]["spec"]["containers"]
            assert ray["lifecycle"]["preStop"]["exec"]["command"][-1] == "ray stop"


def test_a_new_image_or_configuration_leaves_redis_and_s3_alone(render):
    """Both keep what they hold in the pod: a restart would empty them."""
    old = render("development")
    new = render("development", **{"image.tag": "9.9.9", "config.seed": 7})
    for name in ("ft-fashiontrend-redis", "ft-fashiontrend-s3"):
        templates = [one(o, "StatefulSet", name)["spec"]["template"] for o in (old, new)]
        assert templates[0] == templates[1]


def test_worker_groups_hold_all_that_the_operator_writes_into_them(found):
    """Else the operator's first update takes the list over, and `helm upgrade` ends with a conflict."""
    for cluster in _rayclusters(found):
        for group in cluster["workerGroupSpecs"]:
            assert group["scaleStrategy"] == {}


def _rayclusters(found):
    for item in found:
        if item["kind"] == "RayService":
            yield item["spec"]["rayClusterConfig"]
        if item["kind"] == "RayJob":
            yield item["spec"]["rayClusterSpec"]
        if item["kind"] == "ConfigMap" and item["metadata"]["name"].endswith("-rayjobs"):
            for text in item["data"].values():
                yield yaml.safe_load(text)["spec"]["rayClusterSpec"]


def _claims(found, place):
    kind, name = place.split(".")[0].split("/")[:2]
    if kind != "StatefulSet":
        return set()
    claims = one(found, kind, name)["spec"].get("volumeClaimTemplates", [])
    return {c["metadata"]["name"] for c in claims}
