"""The README's blocks, typed as they stand, in order, in an empty folder.

Substituted is only what the README tells the reader to: the shops' names, files of one's own, and a
free port in place of 8000. `fit-attrnet` is not typed: its recipe takes minutes on the smallest set.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml

from fashiontrend.client import Client
from fashiontrend.config import StoreConfig
from fashiontrend.demo import shops
from fashiontrend.demo.world import World
from fashiontrend.loop import Step
from fashiontrend.storage import ledger
from fashiontrend.storage.object_store import open_store, parquet_bytes
from tests.documented import ROOT, commands
from tests.integration.conftest import free_port
from tests.serve.conftest import draw, publish, save_forecaster, save_recogniser, write_run

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]
PROGRAM = f'#!/bin/sh\nexec "{sys.executable}" -m fashiontrend "$@"\n'


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Path:
    """An empty folder to type in; `fashiontrend` is on PATH and of this working tree."""
    program = tmp_path / "bin" / "fashiontrend"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    folder = tmp_path / "desk"
    folder.mkdir()
    return folder


def block(heading: str) -> list[str]:
    return [c.text for c in commands(ROOT / "README.md") if c.heading == heading]


def type_in(desk: Path, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(line, shell=True, cwd=desk, capture_output=True, text=True, timeout=400)


@contextmanager
def started(desk: Path, line: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command that ends only when it is stopped; stopped by its process id."""
    with (desk / "log").open("ab") as log:
        process = subprocess.Popen(f"exec {line}", shell=True, cwd=desk, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)  # Ctrl-C
            try:
                process.wait(timeout=90)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def until(ready: Callable[[], bool], desk: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 180
    while not ready():
        assert process.poll() is None, (desk / "log").read_text()
        assert time.monotonic() < deadline, (desk / "log").read_text()
        time.sleep(0.5)


@pytest.fixture
def address() -> Iterator[str]:
    """A shop that shows what it sells today, and nothing of other days."""
    today = datetime.now(tz=UTC).date()
    world = World(3, today, num_days=1, first_live=4, outage_offsets=())
    port = shops.find_ports(9041)
    with shops.serve(world, port):
        yield f"http://{shops.LOOPBACK}:{port}/day/{today}"


def name_the_shop(file: Path, address: str) -> None:
    text = file.read_text("utf-8").replace("https://shop.example", address)
    file.write_text(text.replace('contact_url: ""', "contact_url: http://127.0.0.1/"), "utf-8")


def write_weeks(file: Path) -> None:
    weeks = pd.date_range(date(2019, 1, 7), periods=156, freq=timedelta(weeks=1))
    wave = 2 + np.sin(2 * np.pi * np.arange(156) / 52)
    pd.DataFrame({"date": weeks, "skirts": wave, "coats": 4 - wave}).to_csv(file, index=False)


def test_use_it_on_your_shops(desk, address):
    """Seen: `run` named a day that was over and ended with 20, and without one it ended with 1."""
    ended = {}
    write_weeks(desk / "weekly.csv")
    for line in block("Use it on your shops"):
        done = type_in(desk, line)
        command = line.split()[1]
        ended[command] = done.returncode
        if command == "init":
            name_the_shop(desk / "my.yaml", address)
        elif command == "run":
            assert "labels.annotations" in " ".join(done.stderr.split()), done.stderr
    # Nobody has annotated a picture of this shop yet: the README says that `run` ends with 10.
    assert ended == {"init": 0, "doctor": 0, "run": 10, "status": 0, "forecast": 0}
    store = open_store(StoreConfig(url=str(desk / "store")))
    (run_id,) = ledger.runs(store)
    steps = [e.step for e in ledger.load(store, run_id).entries]
    assert steps == [Step.CRAWL, Step.INGEST, Step.LABEL]
    assert len(pd.read_csv(desk / "ahead.csv")) == 2 * 52


def write_demo(folder: Path) -> None:
    """What `make demo` leaves behind, with networks that were never trained."""
    store = open_store(StoreConfig(url=str(folder / "store")))
    save_recogniser(store, folder / "a1", "a1")
    save_forecaster(store, "f1")
    publish(store, "r1")
    write_run(store)
    table = pa.table({"id": ["a"], "image": [draw(1)]})
    store.write("uploads/c.parquet", parquet_bytes(table))
    tree = {"store": {"url": str(folder / "store")}, "ray": {"num_cpus": 2}}
    (folder / "fashiontrend.yaml").write_text(yaml.safe_dump(tree))


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def test_serve(desk, monkeypatch):
    """Seen: `recognitions work` without --config waited at the store of nobody."""
    port = free_port()
    monkeypatch.setenv("FASHIONTREND__SERVE__PORT", str(port))
    write_demo(desk / "build" / "demo")
    (desk / "pictures").mkdir()
    (desk / "pictures" / "a.png").write_bytes(draw(2))
    serve, recognise, work = block("Serve")
    address = f"http://127.0.0.1:{port}"
    with started(desk, serve) as server:
        until(lambda: answers(f"{address}/readyz"), desk, server)
        assert answers(f"{address}/")
        done = type_in(desk, recognise.replace("8000", str(port)))
        assert done.returncode == 0, done.stderr
        assert (desk / "predictions.csv").exists()
        with Client(address) as client:
            job = client.submit(["uploads/"])
            with started(desk, work) as worker:
                until(lambda: client.job(job.id).status == "succeeded", desk, worker)
    assert server.returncode == 0, (desk / "log").read_text()
