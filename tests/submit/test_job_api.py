"""Every job through the job API of a real Ray with token authentication, by the command that people type."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import yaml

from fashiontrend.commands.demo_run import LAST_DAY, prepare
from fashiontrend.config import StoreConfig
from fashiontrend.demo import shops
from fashiontrend.demo.world import World
from fashiontrend.loop import Step
from fashiontrend.outcomes import TrainAttrnetFacts, TrainForecasterFacts, Verdict
from fashiontrend.storage import ledger, releases
from fashiontrend.storage.object_store import open_store

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
WORLD = World(3, LAST_DAY, num_days=12, first_live=25, born_daily=3, annotated=(40, 30))
TRAINED = LAST_DAY - timedelta(days=1)
SETTINGS = {
    "attrnet": {"epochs": 2, "batch_size": 16, "input_px": 48},
    "accuracy_gate": {"threshold": 0.0, "floor": 0.0, "min_support": 10},
    "forecaster": {"context_length": 4, "prediction_length": 1, "origins": 2, "epochs": 2},
    "perplexity_gate": {"max_rounds": 1, "min_days": 4, "min_origins": 2},
    "series": {"window_days": 3, "bootstrap": 20},
    "ray": {"num_cpus": 2, "train_workers": 1, "cpus_per_worker": 0.5},
}
PORTS = 9041
TRAINING = ("crawl", "ingest", "label", "train-attrnet", "recognise", "shares", "train-forecaster")


@pytest.fixture(scope="module")
def token() -> dict[str, str]:
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a-token-of-this-test-and-no-other"}


def free_ports(count: int) -> list[int]:
    """Different ports that nothing listens on."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def command_of(folder: str, ports: list[int]) -> list[str]:
    """`ray start --block`: a head that lives as long as the command, beside other Rays of the machine."""
    names = ("port", "dashboard-port", "dashboard-agent-listen-port", "ray-client-server-port")
    return [
        sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block",
        "--node-ip-address=127.0.0.1", "--num-cpus=2", f"--object-store-memory={200 << 20}",
        "--disable-usage-stats", f"--temp-dir={folder}",
        *(f"--{name}={port}" for name, port in zip(names, ports, strict=True)),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def head(token, type_in_at):
    """Address of a cluster that requires a token, once it takes jobs."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # jobs say `python`
    environment = {**os.environ, **token, "PYTHONPATH": str(ROOT), "PATH": path}
    ports = free_ports(4)
    address = f"http://127.0.0.1:{ports[1]}"
    with ExitStack() as stack:
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="ft", dir="/tmp")
        )  # short: sockets
        log = stack.enter_context(Path(folder, "head.log").open("w"))
        process = subprocess.Popen(
            command_of(folder, ports), stdout=log, stderr=log, env=environment
        )
        stack.callback(process.wait, timeout=60)
        stack.callback(process.terminate)
        deadline = time.monotonic() + 240
        while type_in_at(address, "submit", "crawl", "--day", "2026-01-01").returncode == 40:
            assert process.poll() is None, Path(log.name).read_text()
            assert time.monotonic() < deadline, "the head takes no job"
        yield address


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    prepare(folder, WORLD, SETTINGS, PORTS)
    return folder


@pytest.fixture(scope="module")
def type_in_at(token):
    """type_in_at(address, arguments): the command against a cluster."""

    def run(
        address: str, *arguments: str, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "fashiontrend", *arguments, "--address", address]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=600, cwd=ROOT,
            env={**os.environ, "COLUMNS": "200", **(token if environment is None else environment)},
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def type_in(head, type_in_at):
    return partial(type_in_at, head)


def submit(type_in, stage: str, file: Path, day) -> subprocess.CompletedProcess:
    return type_in("submit", stage, "-c", str(file), "--day", str(day), "--wait")


def test_every_job_can_be_submitted_and_ends_as_its_stage_does(type_in, world):
    """A training day stage by stage; then, on its models, the next day as one job."""
    file = world / "fashiontrend.yaml"
    store = open_store(StoreConfig(url=str(world / "store")))
    with shops.serve(WORLD, PORTS):
        for stage in TRAINING:
            done = submit(type_in, stage, file, TRAINED)
            assert done.returncode in (0, 11), done.stdout + done.stderr
            run = ledger.load(store, ledger.runs(store)[0])
            closed = run.entries[-1].done.passed is False  # so few days may well fit badly
            assert done.returncode == (11 if closed else 0), done.stdout + done.stderr
            assert run.entries[-1].step == stage
        releases.publish(store, release_of(run))
        for stage in ("run", "publish"):
            done = submit(type_in, stage, file, LAST_DAY)
            assert done.returncode == 0, done.stdout + done.stderr
    newest = [ledger.load(store, r) for r in ledger.runs(store)][-1]
    assert newest.entries[-1].step is Step.PUBLISH
    table = type_in("jobs", "-c", str(file)).stdout
    assert all(f"{stage}-2026" in table for stage in (*TRAINING, "run", "publish"))


def release_of(run: ledger.Run) -> releases.Release:
    """The two models as a release, whatever the gates said: what is tested is the submission."""
    attrnet, forecaster = run.facts(TrainAttrnetFacts), run.facts(TrainForecasterFacts)
    opened = Verdict(passed=True)
    return releases.Release(
        "r1", str(run.day), run.run_id, attrnet.version, forecaster.version,
        attrnet.dataset, run.taxonomy_version, run.taxonomy_digest, opened, opened,
    )  # fmt: skip


def test_a_failed_job_gives_its_exit_code_and_its_last_lines(type_in, tmp_path):
    file = tmp_path / "empty.yaml"
    platforms = [{"name": "shop", "kind": "replay"}]
    tree = {"store": {"url": str(tmp_path / "store")}, "crawl": {"platforms": platforms}}
    file.write_text(yaml.safe_dump(tree))
    done = submit(type_in, "run", file, LAST_DAY)
    assert done.returncode == 20
    assert "nothing to learn from" in done.stdout
    assert "exit code 20" in done.stderr
    name = done.stdout.splitlines()[0]
    printed = type_in("logs", name, "-c", str(file), "--lines", "5")
    assert printed.returncode == 20
    assert "nothing to learn from" in printed.stdout
    assert type_in("logs", "no-such-job", "-c", str(file)).returncode == 30


def test_without_the_token_the_response_is_401(type_in, head, tmp_path):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{head}/api/jobs/")
    assert refused.value.code == 401
    refused.value.close()
    file = tmp_path / "my.yaml"
    file.write_text("{}")
    for arguments in (("jobs",), ("submit", "crawl"), ("logs", "x")):
        wrong = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a-wrong-token-of-this-very-test"}
        done = type_in(*arguments, "-c", str(file), environment=wrong)
        assert done.returncode == 40, done.stderr
        assert "RAY_AUTH_TOKEN" in done.stderr


def test_rays_own_command_works_with_a_working_directory(head, token, tmp_path):
    code = tmp_path / "code"
    for package in ("fashiontrend", "ray_jobs"):
        shutil.copytree(
            ROOT / package, code / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    tree = {"store": {"url": str(tmp_path / "s")}, "ray": {"address": "auto"},
            "crawl": {"platforms": [{"name": "shop", "kind": "replay"}]}}  # fmt: skip
    (code / "my.yaml").write_text(yaml.safe_dump(tree))
    command = [
        sys.executable, "-m", "ray.scripts.scripts", "job", "submit", "--address", head,
        "--working-dir", str(code), "--", "python", "-m", "ray_jobs.run", "crawl", "--config", "my.yaml",
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=600, env={**os.environ, **token}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(next(Path(tmp_path / "s/runs").glob("*/steps/001.json")).read_text())
