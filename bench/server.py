"""Run a server as a separate process, and measure its CPU time and memory."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx
import numpy as np
import psutil
import yaml
from PIL import Image, ImageFilter

from bench import examples
from fashiontrend import taxonomy
from fashiontrend.config import AttrNetConfig, ForecasterConfig, StoreConfig
from fashiontrend.forecaster import artifact as forecaster
from fashiontrend.forecaster.shares.model import TrendModel
from fashiontrend.forecaster.shares.predict import IntervalCalibration
from fashiontrend.outcomes import Verdict
from fashiontrend.storage import layout, releases
from fashiontrend.storage.object_store import Store, open_store

OPENED = Verdict(passed=True)
#: Backbone and input side of models that cost at least 4 and about 2 ms of CPU a picture, decoding included.
MODELS = {"large": ("resnet18", 96), "small": ("small", 80)}
PICTURE_PX = 256


def end_on_sigterm() -> None:
    """Make SIGTERM end the servers, as an interrupt does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def draw_pictures(folder: Path, count: int = 32) -> None:
    """Write JPEGs of smooth noise, with about as many bytes as a shop's pictures."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for n in range(count):
        pixels = rng.integers(0, 255, (PICTURE_PX, PICTURE_PX, 3), dtype=np.uint8)
        image = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(2))
        image.save(folder / f"{n:03d}.jpg", quality=85)


def release(store: Store, folder: Path, kind: str) -> None:
    """Commit a release of random weights, which costs as much as a trained one."""
    backbone, input_px = MODELS[kind]
    full_taxonomy = taxonomy.load().subset(())
    cfg = AttrNetConfig(backbone=backbone, input_px=input_px)
    examples.save_untrained(folder, cfg, full_taxonomy)
    store.upload(layout.model("attrnet", "bench"), folder, {})
    small = ForecasterConfig(hidden_size=4)
    halves = IntervalCalibration((1.0,) * small.prediction_length, (2.0,) * small.prediction_length)
    made = forecaster.Artifact(TrendModel(small), small, halves, {}, full_taxonomy.digest, {})
    partition = layout.model("forecaster", "bench")
    files = forecaster.dump(made)
    for name, data in files.items():
        store.write(f"{partition}/{name}", data)
    store.commit(partition, [f"{partition}/{n}" for n in files], {})
    facts = (
        "bench",
        "2026-01-01",
        "bench",
        "bench",
        "bench",
        "bench",
        full_taxonomy.version,
        full_taxonomy.digest,
    )
    releases.publish(store, releases.Release(*facts, OPENED, OPENED))


class Server:
    """A server process with its descendants; a context manager."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.port, self.command, self.log = port, command, log

    def __enter__(self) -> Self:
        with self.log.open("w") as sink:
            self.process = subprocess.Popen(self.command, stdout=sink, stderr=sink)
        try:
            self._wait(time.monotonic() + 240)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End the process and all that remains of its descendants."""
        left = self.tree() if self.process.poll() is None else []
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=90)
        except subprocess.TimeoutExpired:
            self.process.kill()
        for process in left:
            if process.is_running():
                process.kill()

    def _wait(self, deadline: float) -> None:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).status_code == 200:
                    return
            if self.process.poll() is not None or time.monotonic() > deadline:
                results = self.log.read_text()[-3000:]
                raise SystemExit(f"{self.command[1:4]} does not respond:\n{results}")
            time.sleep(0.5)

    def tree(self) -> list[psutil.Process]:
        """Return the process and its descendants."""
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def cpu_s(self) -> float:
        """Return the user and system time of the tree in seconds, with exited children."""
        total = 0.0
        for process in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += sum(process.cpu_times()[:4])
        return total

    def memory_mb(self) -> float:
        """Return the resident memory of the tree; shared pages count in each process."""
        total = 0.0
        for process in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss / 1e6
        return total

    def replicas(self) -> int:
        """Return the number of live recogniser replicas."""
        alive = 0
        for process in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                alive += "ServeReplica:recognise" in " ".join(process.cmdline())
        return alive


def ours(folder: Path, kind: str, proxy: str, recogniser: dict[str, Any]) -> Server:
    """Start `fashiontrend serve` with a new release below `folder`."""
    folder.mkdir(parents=True)
    store = open_store(StoreConfig(url=str(folder / "store")))
    release(store, folder / "model", kind)
    port = free_port()
    tree = {
        "store": {"url": str(folder / "store")},
        "ray": {"num_cpus": 2},
        "serve": {
            "port": port, "proxy": proxy, "auth": "none",
            "recogniser": {"cpus": 0.5, **recogniser},
            "tables": {"min_replicas": 1, "max_replicas": 1, "cpus": 0.25},
        },
    }  # fmt: skip
    (folder / "bench.yaml").write_text(yaml.safe_dump(tree))
    for variable in ("STATS", "METRICS"):
        os.environ[f"RAY_SERVE_HAPROXY_{variable}_PORT"] = str(free_port())
    command = [sys.executable, "-m", "fashiontrend.cli", "serve", "--config"]
    return Server([*command, str(folder / "bench.yaml")], port, folder / "serve.log")


def plain(folder: Path) -> Server:
    """Start the hand-written server with the model that `ours` wrote below `folder`."""
    port = free_port()
    command = [sys.executable, "-m", "bench.plain_server", "--folder", str(folder / "model")]
    return Server([*command, "--port", str(port)], port, folder / "plain.log")


def load(
    server: Server, pictures: Path, seconds: float, connections: int, rate: float = 0.0
) -> dict[str, Any]:
    """Apply load from another process, in a closed loop or at a rate."""
    command = [sys.executable, "-m", "bench.load", "--port", str(server.port)]
    command += ["--pictures", str(pictures), "--seconds", str(seconds)]
    command += ["--connections", str(connections), "--rate", str(rate)]
    done = subprocess.run(command, capture_output=True, check=True)
    results: dict[str, Any] = json.loads(done.stdout)
    return results


def failed(report: dict[str, Any]) -> int:
    """Return the number of requests whose response was not 200."""
    return int(sum(n for status, n in report["statuses"].items() if status != "200"))
