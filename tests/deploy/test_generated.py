"""What is generated equals what it is generated from."""

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.conftest import CHART, ROOT, run, tool


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "helm" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_schema_is_that_of_the_configuration_and_the_chart():
    written = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    assert written == script("schema").schema(), "make render"


def test_every_value_of_the_chart_is_in_the_schema_and_every_branch_has_its_value():
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    known = script("schema").schema()["properties"]
    assert set(values) == set(known) - {"global"}


@pytest.mark.deploy
def test_the_kustomize_base_is_the_rendered_chart():
    files = script("render").render(tool("helm"))
    there = {p.name: p.read_text("utf-8") for p in (ROOT / "k8s/base").glob("*.yaml")}
    assert there == files, "make render"


@pytest.mark.deploy
def test_kustomize_builds_the_base_and_loses_nothing():
    done = run(tool("kustomize"), "build", str(ROOT / "k8s/base"))
    assert done.returncode == 0, done.stderr
    built = [d for d in yaml.safe_load_all(done.stdout) if d]
    files = script("render").render(tool("helm"))
    wanted = [
        d for n, t in files.items() if n != "kustomization.yaml" for d in yaml.safe_load_all(t)
    ]
    key = lambda d: (d["kind"], d["metadata"]["name"])  # noqa: E731
    assert sorted(map(key, built)) == sorted(map(key, wanted))
    assert {d["metadata"]["namespace"] for d in built} == {"fashiontrend"}


@pytest.mark.deploy
def test_the_readme_of_the_chart_is_that_of_its_values(tmp_path):
    shutil.copytree(CHART, tmp_path / "chart")
    done = run(tool("helm-docs"), f"--chart-search-root={tmp_path}", "--sort-values-order=file")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "chart/README.md").read_text() == (CHART / "README.md").read_text(), (
        "make chart-docs"
    )


def test_a_registry_that_does_not_answer_leaves_nothing_written(tmp_path):
    crane = tmp_path / "crane"
    crane.write_text("#!/bin/sh\necho no such host >&2\nexit 1\n")
    crane.chmod(0o755)
    told = subprocess.run(
        ["python3", str(ROOT / "helm/pin.py"), str(crane)], capture_output=True, text=True
    )
    assert told.returncode != 0
    assert told.stdout == ""
    assert "no digest" in told.stderr


def test_digests_are_written_where_the_values_have_them(tmp_path):
    crane = tmp_path / "crane"
    digest = "sha256:" + "a" * 64
    crane.write_text(f"#!/bin/sh\necho {digest}\n")
    crane.chmod(0o755)
    told = subprocess.run(
        ["python3", str(ROOT / "helm/pin.py"), str(crane)], capture_output=True, text=True
    )
    wanted = {"image": {"digest": digest}}
    assert yaml.safe_load(told.stdout) == {**wanted, "redis": wanted, "s3": wanted}


def test_the_administrators_files_are_yaml():
    for path in Path(ROOT / "k8s").glob("*.yaml"):
        assert list(yaml.safe_load_all(path.read_text("utf-8")))
