"""Every set of values before the real tools: lint, schemas of four Kubernetes versions, kube-linter."""

import os

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


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("values", SETS)
def test_objects_are_valid(values, version):
    schemas = CACHE / "schemas"
    if not (schemas / "crds").exists():
        text = f"no schemas in {schemas}: `make check-deploy` makes them"
        (pytest.fail if os.environ.get("DEPLOY_TOOLS") == "required" else pytest.skip)(text)
    locations = [
        f"{schemas}/{{{{ .NormalizedKubernetesVersion }}}}-standalone{{{{ .StrictSuffix }}}}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json",
        f"{schemas}/crds/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json",
    ]
    options = [f"-schema-location={place}" for place in locations]
    text = rendered(values)
    done = run(
        tool("kubeconform"),
        "-strict",
        "-summary",
        f"-kubernetes-version={version}.0",
        *options,
        text=text,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Valid: {len(objects(text))}" in done.stdout
    assert "Skipped: 0" in done.stdout


@pytest.mark.parametrize("values", SETS)
def test_kube_linter_finds_nothing_beyond_the_exemptions(values, tmp_path):
    file = tmp_path / "all.yaml"
    file.write_text(rendered(values), "utf-8")
    done = run(tool("kube-linter"), "lint", f"--config={ROOT}/helm/kube-linter.yaml", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
