"""`fashiontrend exporter` as a pod starts it: it answers whatever the store does, and ends when told to."""

import re
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@contextmanager
def exporter(folder, **store):
    file = folder / "my.yaml"
    file.write_text(yaml.safe_dump({"store": store, "exporter": {"refresh_s": 0.2}}))
    command = [
        sys.executable, "-m", "fashiontrend", "exporter", "-c", str(file),
        "--port", "0", "--address", "127.0.0.1",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            lines = iter(process.stderr.readline, "")
            port = next(m[1] for line in lines if (m := re.search(r"on 127\.0\.0\.1:(\d+)", line)))
            yield f"http://127.0.0.1:{port}/metrics", process
        finally:
            process.terminate()


def read(address: str) -> dict[str, float]:
    with urllib.request.urlopen(address, timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {n: float(v) for n, v in (i.rsplit(" ", 1) for i in lines if not i.startswith("#"))}


def until(address: str, name: str, value: float) -> dict[str, float]:
    """The first scrape in which a metric has a value; the test's own limit ends the asking."""
    while (seen := read(address)).get(name) != value:
        pass
    return seen


def test_it_answers_and_ends_with_0_on_sigterm(tmp_path):
    with exporter(tmp_path, url=str(tmp_path / "store")) as (address, process):
        seen = until(address, "fashiontrend_exporter_up", 1.0)
        assert seen["fashiontrend_runs_total"] == 0
        assert seen["process_resident_memory_bytes"] > 0
        process.terminate()
        assert process.wait(timeout=30) == 0


def test_a_store_that_cannot_be_reached_does_not_keep_it_from_answering(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with exporter(tmp_path, url="s3://nowhere/x", endpoint="http://127.0.0.1:1") as (address, _):
        assert read(address)["fashiontrend_exporter_up"] == 0
