"""A reader's desk: a folder in which the commands of a document are typed as they stand."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.documented import ROOT, commands

PROGRAM = f'#!/bin/sh\nexec "{sys.executable}" -m fashiontrend "$@"\n'


def block(heading: str) -> list[str]:
    """The lines under a heading of the README."""
    return [c.text for c in commands(ROOT / "README.md") if c.heading == heading]


@dataclass(frozen=True)
class Desk:
    """A folder, and the environment in which `fashiontrend` is this working tree's."""

    folder: Path
    environment: dict[str, str]

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def type_in(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            line, shell=True, cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=400,
        )  # fmt: skip

    def start(self, line: str) -> subprocess.Popen[bytes]:
        """A command that ends only when it is stopped."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                f"exec {line}", shell=True, cwd=self.folder, env=self.environment, stdout=log, stderr=log
            )  # fmt: skip

    @contextmanager
    def started(self, line: str) -> Iterator[subprocess.Popen[bytes]]:
        """The same, stopped at the end by its process id."""
        process = self.start(line)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)  # Ctrl-C
            try:
                process.wait(timeout=90)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def until(self, ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 180
        while not ready():
            assert process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.5)


def set_up(folder: Path) -> Desk:
    """An empty desk."""
    program = folder / "bin" / "fashiontrend"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    (folder / "desk").mkdir()
    return Desk(folder / "desk", {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)})
