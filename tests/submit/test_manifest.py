"""What is sent to Kubernetes: a RayJob that its schema knows and that a restricted namespace admits."""

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from fashiontrend.config import ClusterConfig
from fashiontrend.errors import ConfigError
from fashiontrend.loop import Step
from fashiontrend.submit.jobs import STAGES, ask
from fashiontrend.submit.manifest import fill, rayjob

DAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 6, 7, 8, tzinfo=UTC)
PLAIN = ClusterConfig(image="registry.example/fashiontrend:0.1.0")
FULL = ClusterConfig(
    image="registry.example/fashiontrend@sha256:0",
    image_pull_secrets=("pull",),
    secrets=("s3",),
    auth_secret="ray-token",
    service_account="jobs",
    labels={"team": "trends"},
    node_selector={"gpu": "yes"},
    priority_class="batch",
    queue="ml",
    worker={"cpu": "8", "memory": "32Gi", "gpus": 1},
    max_workers=4,
)


def made(cfg: ClusterConfig = PLAIN, stage: str = "recognise") -> dict:
    return rayjob(ask(stage, DAY, NOW), cfg)


def templates(job: dict) -> list[dict]:
    spec = job["spec"]
    cluster = spec["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [g["template"] for g in groups]


@pytest.mark.parametrize("stage", STAGES)
def test_the_entrypoint_is_the_module_of_the_stage(stage):
    job = made(stage=stage)
    module = job["spec"]["entrypoint"].split()[2]
    root = Path(__file__).parents[2]
    assert (root / f"{module.replace('.', '/')}.py").exists()
    assert job["spec"]["entrypoint"].endswith("--day 2026-11-23")
    assert len(job["metadata"]["name"]) <= 47, "KubeRay refuses longer names"


@pytest.mark.parametrize("cfg", [PLAIN, FULL], ids=["plain", "full"])
def test_every_container_is_admitted_by_pod_security_restricted(cfg):
    job = made(cfg)
    for template in templates(job):
        pod = template["spec"]["securityContext"]
        assert pod["runAsNonRoot"] is True
        assert pod["runAsUser"] == cfg.uid > 0
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {tuple(v) for v in template["spec"]["volumes"]} <= {
            ("name", "emptyDir"),
            ("name", "configMap"),
        }
    contexts = [c["securityContext"] for t in templates(job) for c in t["spec"]["containers"]]
    options = job["spec"]["rayClusterSpec"].get("autoscalerOptions")
    contexts += [options["securityContext"]] if options else []
    for context in contexts:
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["readOnlyRootFilesystem"] is True


def test_a_job_runs_once_with_a_token_and_leaves_nothing():
    spec = made()["spec"]
    assert spec["backoffLimit"] == 0
    assert spec["shutdownAfterJobFinishes"] is True
    assert spec["ttlSecondsAfterFinished"] == PLAIN.ttl_s
    assert spec["activeDeadlineSeconds"] == PLAIN.deadline_s
    assert spec["rayClusterSpec"]["authOptions"] == {"mode": "token"}


def test_only_where_it_is_scaled_may_the_head_ask_the_api_server():
    alone, scaled = (made(c)["spec"]["rayClusterSpec"] for c in (PLAIN, FULL))
    assert "enableInTreeAutoscaling" not in alone
    assert alone["headGroupSpec"]["template"]["spec"]["automountServiceAccountToken"] is False
    assert scaled["enableInTreeAutoscaling"] is True
    assert scaled["headGroupSpec"]["template"]["spec"]["automountServiceAccountToken"] is True
    worker = scaled["workerGroupSpecs"][0]["template"]["spec"]
    assert worker["automountServiceAccountToken"] is False


def test_the_operator_asks_the_head_itself():
    """A submitter pod follows the log; seen on a node: the log broke off, and the job was failed."""
    assert made()["spec"]["submissionMode"] == "HTTPMode"


def test_settings_reach_the_pods():
    job = made(FULL)
    head, worker = templates(job)
    assert job["spec"]["suspend"] is True
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "ml"
    assert head["metadata"]["labels"]["team"] == "trends"
    assert head["spec"]["containers"][0]["envFrom"] == [{"secretRef": {"name": "s3"}}]
    resources = worker["spec"]["containers"][0]["resources"]
    assert resources["requests"] == resources["limits"]
    assert resources["limits"]["nvidia.com/gpu"] == "1"
    assert worker["spec"]["nodeSelector"] == {"gpu": "yes"}


def test_without_an_image_nothing_is_made():
    with pytest.raises(ConfigError, match=r"cluster\.image"):
        made(ClusterConfig())


def test_a_stage_that_is_not_one_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'recognise'"):
        ask("recognize", DAY, NOW)
    assert {str(s) for s in Step} < set(STAGES)


def test_the_charts_template_is_filled_in_and_a_word_that_is_left_is_refused():
    text = yaml.safe_dump(
        {
            "kind": "RayJob",
            "metadata": {"name": "my-{stage}-{day}"},
            "spec": {"entrypoint": "fashiontrend {stage} --day {day}"},
        }
    )
    job = fill(text, stage="recognise", day=str(DAY))
    assert job["metadata"]["name"] == "my-recognise-2026-11-23"
    assert job["spec"]["entrypoint"] == "fashiontrend recognise --day 2026-11-23"
    with pytest.raises(ConfigError, match="not filled in"):
        fill(text.replace("{day}", "{date}"), stage="recognise", day=str(DAY))
    with pytest.raises(ConfigError, match="no RayJob"):
        fill("kind: Pod", stage="recognise", day=str(DAY))


def strict(schema: dict) -> dict:
    """As the API server's strict field validation: a field that the schema does not know is refused."""
    if isinstance(schema, dict):
        closed = {k: strict(v) for k, v in schema.items()}
        if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            closed["properties"] = {k: strict(v) for k, v in schema["properties"].items()}
            closed.setdefault("additionalProperties", False)
        if schema.get("x-kubernetes-int-or-string"):
            closed = {"type": ["integer", "string"]}
        return closed
    return [strict(s) for s in schema] if isinstance(schema, list) else schema


@pytest.fixture(scope="module")
def schema() -> dict:
    folder = os.environ.get("KUBERAY_CRDS")
    if not folder:
        pytest.skip("KUBERAY_CRDS names no folder with KubeRay's CRDs (ray.io_rayjobs.yaml)")
    text = Path(folder, "ray.io_rayjobs.yaml").read_text("utf-8")
    crd = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    (version,) = (v for v in crd["spec"]["versions"] if v["name"] == "v1")
    whole = version["schema"]["openAPIV3Schema"]
    whole["properties"]["metadata"] = {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
    }
    return strict(whole)


@pytest.mark.parametrize("cfg", [PLAIN, FULL], ids=["plain", "full"])
def test_kuberays_schema_knows_every_field(cfg, schema):
    import jsonschema

    errors = list(jsonschema.Draft202012Validator(schema).iter_errors(made(cfg)))
    assert [f"{e.json_path}: {e.message[:200]}" for e in errors] == []


def test_the_schema_would_refuse_a_misspelt_field(schema):
    import jsonschema

    job = made()
    job["spec"]["ttlSecondsAfterFinish"] = 3
    job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["imag"] = (
        "x"
    )
    errors = list(jsonschema.Draft202012Validator(schema).iter_errors(job))
    assert len(errors) == 2
