"""Every set of values before the real tools: lint, schemas of four Kubernetes versions, kube-linter."""

import os
from pathlib import Path

import pytest

from tests.deploy.conftest import CACHE, CHART, ROOT, SETS, objects, rendered, run, tool
from tests.deploy.schemas import KUBERNETES

pytestmark = pytest.mark.deploy


@pytest.mark.parametrize("values", SETS)
def test_helm_lint_finds_nothing(values):
    options = ["--strict", f"--values={CHART}/ci/{values}-values.yaml"]
    if values != "no-crds":
        options.append("--set=crds.onMissing=render")
    done = run(tool("helm"), "lint", str(CHART), *options)
    assert done.returncode == 0, done.stdout + done.stderr


def everything(values: str) -> str:
    """What a set renders, with the RayJobs of its templates filled in."""
    text = rendered(values)
    filled = [
        body.replace("{day}", "2026-11-24").replace("{stage}", "train-forecaster")
        for item in objects(text)
        if item["kind"] == "ConfigMap" and item["metadata"]["name"].endswith("-rayjobs")
        for body in item["data"].values()
    ]
    return "\n---\n".join([text, *filled])


@pytest.fixture(scope="module")
def conform():
    """kubeconform over texts by name, strictly, for one version of Kubernetes."""
    schemas = CACHE / "schemas"
    if not (schemas / "crds").exists():
        text = f"no schemas in {schemas}: `make check-deploy` makes them"
        (pytest.fail if os.environ.get("DEPLOY_TOOLS") == "required" else pytest.skip)(text)
    kind = "{{ .ResourceKind }}{{ .KindSuffix }}.json"
    folder = "{{ .NormalizedKubernetesVersion }}-standalone{{ .StrictSuffix }}"
    places = [
        f"-schema-location={schemas}/{folder}/{kind}",
        f"-schema-location={schemas}/crds/{kind}",
    ]

    def call(version: str, folder: Path):
        known = ["-strict", "-summary", f"-kubernetes-version={version}.0"]
        return run(tool("kubeconform"), *known, *places, str(folder))

    return call


@pytest.mark.parametrize("version", KUBERNETES)
def test_every_object_of_every_set_is_valid(version, conform, tmp_path):
    texts = {values: everything(values) for values in SETS}
    for values, text in texts.items():
        (tmp_path / f"{values}.yaml").write_text(text, "utf-8")
    done = conform(version, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Valid: {sum(len(objects(t)) for t in texts.values())}" in done.stdout
    assert "Skipped: 0" in done.stdout


def test_an_unknown_field_of_a_rayjob_would_be_seen(conform, tmp_path):
    text = everything("minimal").replace("backoffLimit: 1", "backofLimit: 1")
    (tmp_path / "wrong.yaml").write_text(text, "utf-8")
    done = conform("1.36", tmp_path)
    assert done.returncode == 1
    assert "backofLimit" in done.stdout


@pytest.mark.parametrize("values", SETS)
def test_kube_linter_finds_nothing_beyond_the_exemptions(values, tmp_path):
    file = tmp_path / "all.yaml"
    file.write_text(rendered(values), "utf-8")
    done = run(tool("kube-linter"), "lint", f"--config={ROOT}/helm/kube-linter.yaml", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
