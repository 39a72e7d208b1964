"""An empty folder in which a test types what the documents show, as a reader would."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.documented import ROOT, commands

PROGRAMS = {"fashiontrend": "-m fashiontrend", "python": ""}


def put_on_path(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Make `fashiontrend` and `python` programs of this working tree."""
    programs = folder / "bin"
    programs.mkdir()
    for name, options in PROGRAMS.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {options} "$@"\n')
        program.chmod(0o755)
    patch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    patch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Path:
    """An empty folder to type in."""
    put_on_path(tmp_path, monkeypatch)
    folder = tmp_path / "desk"
    folder.mkdir()
    return folder


def block(heading: str) -> list[str]:
    """The lines under a heading of the README."""
    return [c.text for c in commands(ROOT / "README.md") if c.heading == heading]


def type_in(desk: Path, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(line, shell=True, cwd=desk, capture_output=True, text=True, timeout=400)


def start(desk: Path, line: str) -> subprocess.Popen[bytes]:
    """Start a command that ends only when it is stopped; what it says goes to `log` in the folder."""
    with (desk / "log").open("ab") as log:
        return subprocess.Popen(f"exec {line}", shell=True, cwd=desk, stdout=log, stderr=log)


@contextmanager
def started(desk: Path, line: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command that is stopped at the end, by its process id."""
    process = start(desk, line)
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
