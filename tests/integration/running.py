"""`fashiontrend serve` as a process over a store of tiny models."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
import yaml

from fashiontrend.config import StoreConfig
from fashiontrend.storage.object_store import Store, open_store
from tests.integration import desk
from tests.integration.conftest import free_port
from tests.serve.conftest import publish, save_forecaster, save_recogniser, write_run

#: Where `make demo` leaves the configuration and the store that the README's commands name.
DEMO = "build/demo"


class Running:
    """A server process over a store of tiny models, on a desk where `make demo` seems to have run."""

    def __init__(
        self, place: Path, line: str = f"fashiontrend serve --folder {DEMO}", **serve: object
    ) -> None:
        self.place = place
        folder = place / DEMO
        folder.mkdir(parents=True)
        self.store: Store = open_store(StoreConfig(url=str(folder / "store")))
        for name, seed in (("a1", 0), ("a2", 1)):
            save_recogniser(self.store, folder / name, name, seed)
        save_forecaster(self.store, "f1")
        publish(self.store, "r1")
        write_run(self.store)
        self.port = free_port()
        tree = {
            "store": {"url": str(folder / "store")},
            "ray": {"num_cpus": 2},
            "serve": {
                "port": self.port,
                "release_poll_s": 0.5,
                "recogniser": {"min_replicas": 2, "max_replicas": 2, "cpus": 0.5},
                "tables": {"max_replicas": 1, "cpus": 0.5},
                **serve,
            },
        }
        self.config = folder / "fashiontrend.yaml"
        self.config.write_text(yaml.safe_dump(tree))
        with pytest.MonkeyPatch.context() as patch:
            desk.put_on_path(place, patch)
            self.process = desk.start(place, line)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "fashiontrend", *words, "--config", str(self.config)]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait(self) -> None:
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.place / "log").read_text()
            try:
                if httpx.get(f"{self.address}/readyz", timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.5)
        pytest.fail("not ready within four minutes")

    def replicas(self) -> list[psutil.Process]:
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [p for p in children if "ServeReplica:recognise" in _command_line(p)]


def _command_line(process: psutil.Process) -> str:
    """Empty where the process ended meanwhile."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@contextmanager
def drained(running: Running, end: signal.Signals = signal.SIGTERM) -> Iterator[Running]:
    try:
        running.wait()
        yield running
    finally:
        running.process.send_signal(end)
        code = running.process.wait(timeout=120)
    assert code == 0, "a drained server ends with 0"
