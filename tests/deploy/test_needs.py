"""`make check-cluster` and `make check-deploy` say what they need before they begin."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.deploy import cluster, schemas


def test_the_typed_commands_find_the_environment_that_runs_the_tests(tmp_path, monkeypatch):
    """Seen: `fashiontrend` was not found where the environment was not activated, an hour into the life."""
    monkeypatch.setenv("PATH", "/nowhere")
    places = cluster.Cluster(tmp_path).environment["PATH"].split(os.pathsep)
    assert str(Path(sys.executable).parent) in places
    assert places.index(str(Path(sys.executable).parent)) < places.index("/nowhere")


def test_a_program_that_is_missing_is_told_before_anything_is_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("CLUSTER", "required")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(cluster, "CACHE", tmp_path)
    monkeypatch.setattr(cluster.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(pytest.fail.Exception, match="kubectl, helm, fashiontrend: not found"):
        cluster.asked_for()


@pytest.mark.parametrize(
    ("name", "advice"),
    [(next(iter(schemas.KUBERAY)), "KUBERAY_CRDS"), ("k8s.io/kubernetes@v1.36.3", "GOPROXY")],
)
def test_a_module_that_a_proxy_refuses_is_told_with_what_to_do(monkeypatch, name, advice):
    refused = SimpleNamespace(stdout=json.dumps({"Error": "403 Forbidden"}), stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: refused)
    monkeypatch.setattr(schemas.shutil, "which", lambda _: "/usr/bin/go")
    with pytest.raises(SystemExit) as caught:
        schemas.module(name)
    assert "403 Forbidden" in str(caught.value)
    assert advice in str(caught.value)


def test_without_go_the_check_says_so(monkeypatch):
    monkeypatch.setattr(schemas.shutil, "which", lambda _: None)
    with pytest.raises(SystemExit, match="go is not here"):
        schemas.module("k8s.io/kubernetes@v1.36.3")
