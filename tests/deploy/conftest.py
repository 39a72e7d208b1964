"""The chart rendered by the real helm; without it these tests skip, in `make check-deploy` they fail."""

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "fashiontrend"
CACHE = Path(os.environ.get("DEPLOY_CACHE", Path.home() / ".cache" / "fashiontrend"))
APIS = ("ray.io/v1", "monitoring.coreos.com/v1", "gateway.networking.k8s.io/v1")
SETS = sorted(p.name.removesuffix("-values.yaml") for p in CHART.glob("ci/*-values.yaml"))
Objects = list[dict[str, Any]]


def tool(name: str) -> str:
    """Path of a program of `make tools`."""
    folder = os.environ.get("GOBIN") or str(CACHE / "bin")
    found = shutil.which(name, path=f"{folder}{os.pathsep}{os.environ.get('PATH', '')}")
    if found:
        return found
    text = f"{name} is not here: `make tools` installs it"
    if os.environ.get("DEPLOY_TOOLS") == "required":
        pytest.fail(text)
    pytest.skip(text)


def run(*command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def template(*options: str, apis: tuple[str, ...] = APIS) -> subprocess.CompletedProcess[str]:
    known = [f"--api-versions={api}" for api in apis]
    place = ("template", "ft", str(CHART), "--namespace=trends", "--kube-version=1.36.0")
    return run(tool("helm"), *place, *known, *options)


@functools.cache
def rendered(values: str) -> str:
    apis = () if values == "no-crds" else APIS
    done = template(f"--values={CHART}/ci/{values}-values.yaml", apis=apis)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(text: str) -> Objects:
    return [d for d in yaml.safe_load_all(text) if d]


@pytest.fixture
def render() -> Callable[..., Objects]:
    """Objects of a set in ci/, or of the default values with settings: `render(**{"a.b": "c"})`."""

    def call(values: str = "", **settings: object) -> Objects:
        if values and not settings:
            return objects(rendered(values))
        options = [f"--values={CHART}/ci/{values}-values.yaml"] if values else []
        options += [f"--set-json={k}={json.dumps(v)}" for k, v in settings.items()]
        done = template(*options)
        assert done.returncode == 0, done.stderr
        return objects(done.stdout)

    return call


def one(found: Objects, kind: str, name: str) -> dict[str, Any]:
    hits = [o for o in found if o["kind"] == kind and o["metadata"]["name"] == name]
    assert len(hits) == 1, f"{kind} {name}: {[(o['kind'], o['metadata']['name']) for o in found]}"
    return hits[0]


def pods(found: Objects) -> dict[str, dict[str, Any]]:
    """Every pod specification in the objects, also those inside RayJob templates; by where it stands."""
    specs: dict[str, dict[str, Any]] = {}

    def walk(node: Any, place: str) -> None:
        if isinstance(node, list):
            for n, item in enumerate(node):
                walk(item, f"{place}[{n}]")
        elif isinstance(node, dict):
            if isinstance(node.get("containers"), list):
                specs[place] = node
            for key, value in node.items():
                walk(value, f"{place}.{key}")

    for item in found:
        where = f"{item['kind']}/{item['metadata']['name']}"
        walk(item, where)
        if item["kind"] == "ConfigMap" and item["metadata"]["name"].endswith("-rayjobs"):
            for name, text in item["data"].items():
                walk(yaml.safe_load(text), f"{where}/{name}")
    return specs
