"""Every object before a real API server, in a namespace that enforces Pod Security "restricted"."""

import pytest
import yaml

from fashiontrend.submit.jobs import STAGES
from fashiontrend.submit.manifest import fill
from tests.deploy import api_server
from tests.deploy.conftest import ROOT, SETS, objects, pods, rendered, run, template, tool
from tests.deploy.schemas import Loader, crd_folders
from tests.deploy.test_tools import everything

pytestmark = [pytest.mark.deploy, pytest.mark.cluster]
SPACE = "trends"
DRY = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """With all CRDs, and a namespace as k8s/namespace.yaml makes it."""
    with api_server.serve(tmp_path_factory.mktemp("api")) as running:
        for folder in crd_folders():
            for path in sorted(folder.glob("*.yaml")):
                if is_crd(path.read_text("utf-8")):
                    running.apply(path.read_text("utf-8"))
        running.apply((ROOT / "k8s/namespace.yaml").read_text("utf-8"))
        running.apply((ROOT / "k8s/priority.yaml").read_text("utf-8"))
        running.apply(
            (ROOT / "k8s/namespace.yaml")
            .read_text("utf-8")
            .replace("name: fashiontrend", f"name: {SPACE}")
        )
        waited = running.kubectl("wait", "--for=condition=Established", "crd", "--all")
        assert waited.returncode == 0, waited.stderr
        yield running


def is_crd(text: str) -> bool:
    return any(
        d and d.get("kind") == "CustomResourceDefinition" for d in yaml.load_all(text, Loader)
    )


def taken(server, text: str, space: str = SPACE) -> int:
    """How many objects the server would take; nothing may be refused or warned of."""
    done = server.kubectl(*DRY, f"--namespace={space}", text=text)
    assert (done.returncode, done.stderr) == (0, "")
    return len(done.stdout.splitlines())


def as_pods(found) -> str:
    """The pods that controllers would make, KubeRay's autoscaler beside a head included."""
    made = []
    for n, (place, spec) in enumerate(pods(found).items()):
        spec = dict(spec)
        for item in found:
            options = autoscaler(item)
            if options and place.endswith("headGroupSpec.template.spec"):
                kept = ("env", "resources", "securityContext", "volumeMounts")
                beside = {k: options[k] for k in kept if k in options}
                beside |= {"name": "autoscaler", "image": spec["containers"][0]["image"]}
                spec["containers"] = [spec["containers"][0], beside]
        meta = {"name": f"pod-{n}", "annotations": {"place": place}}
        made.append({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    return yaml.safe_dump_all(made)


def autoscaler(item):
    spec = item["spec"] if item["kind"] in ("RayJob", "RayService") else {}
    cluster = spec.get("rayClusterSpec") or spec.get("rayClusterConfig") or {}
    return cluster.get("autoscalerOptions")


@pytest.mark.parametrize("values", SETS)
def test_every_object_of_every_set_is_taken_without_a_warning(server, values):
    text = everything(values)
    assert taken(server, text) == len(objects(text))


@pytest.mark.parametrize("values", SETS)
def test_every_pod_that_would_be_made_is_admitted(server, values):
    claims = "PersistentVolumeClaim"
    text = as_pods(objects(everything(values)))
    assert claims not in text
    taken(server, without_claims(text))


def without_claims(text: str) -> str:
    """A StatefulSet's claims become volumes when its controller makes the pod."""
    made = list(yaml.safe_load_all(text))
    for pod in made:
        volumes = pod["spec"].setdefault("volumes", [])
        known = {v["name"] for v in volumes}
        for container in pod["spec"]["containers"]:
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in known:
                    known.add(mount["name"])
                    claim = {"claimName": mount["name"]}
                    volumes.append({"name": mount["name"], "persistentVolumeClaim": claim})
    return yaml.safe_dump_all(made)


def test_an_upgrade_with_a_cloud_identity_is_taken_too(server):
    done = template(
        "--is-upgrade", f"--values={ROOT}/helm/fashiontrend/ci/cloud-identity-values.yaml"
    )
    assert done.returncode == 0, done.stderr
    assert "preflight" in done.stdout
    assert taken(server, done.stdout) == len(objects(done.stdout))


def test_the_namespace_really_refuses_what_is_not_restricted(server):
    pod = yaml.safe_load(as_pods(objects(rendered("minimal"))).split("---")[0])
    del pod["spec"]["securityContext"], pod["spec"]["containers"][0]["securityContext"]
    done = server.kubectl(*DRY, f"--namespace={SPACE}", text=yaml.safe_dump(pod))
    assert done.returncode == 1
    assert 'violates PodSecurity "restricted' in done.stderr


def test_the_base_for_kustomize_and_what_an_administrator_installs_are_taken(server):
    built = run(tool("kustomize"), "build", str(ROOT / "k8s/base"))
    assert built.returncode == 0, built.stderr
    assert taken(server, built.stdout, "fashiontrend") == len(objects(built.stdout))
    quota = (ROOT / "k8s/quota.yaml").read_text("utf-8")
    assert taken(server, quota, "fashiontrend") == 2


@pytest.mark.parametrize("stage", STAGES)
def test_a_submitted_stage_and_its_pods_are_taken(server, stage):
    (templates,) = (
        item["data"]
        for item in yaml.safe_load_all(rendered("full"))
        if item and item["kind"] == "ConfigMap" and item["metadata"]["name"].endswith("-rayjobs")
    )
    job = fill(templates["stage.yaml"], stage=stage, day="2026-11-23")
    del job["metadata"]["namespace"]
    assert taken(server, yaml.safe_dump(job)) == 1
    assert taken(server, without_claims(as_pods([job]))) >= 2
