"""`fashiontrend serve` beside a hand-written server and the bare model: requests a second and CPU a picture.

Same random weights, same pictures, one model process with one thread on each side, load from a
process of its own, interleaved rounds, medians. CPU is user and system time of the whole process
tree with its exited children, what the tree uses when idle taken off. Run it on an idle machine.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import torch
import yaml
from PIL import Image, ImageFilter

from fashiontrend import paths, registry, taxonomy
from fashiontrend.attrnet import artefact, model
from fashiontrend.attrnet.predict import Recogniser
from fashiontrend.config import AttrNetConfig, ForecasterConfig, StoreConfig
from fashiontrend.forecaster import artefact as forecaster
from fashiontrend.forecaster.model import TrendModel
from fashiontrend.forecaster.predict import Calibration
from fashiontrend.store import Store, open_store

HERE = Path(__file__).parent
OPENED = {"passed": True, "reasons": [], "checks": []}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def draw_pictures(folder: Path, side: int, count: int = 32) -> None:
    """JPEGs of smooth noise, about as large in bytes as a shop's."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for n in range(count):
        pixels = rng.integers(0, 255, (side, side, 3), dtype=np.uint8)
        image = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(2))
        image.save(folder / f"{n:03d}.jpg", quality=85)


def release(store: Store, folder: Path, backbone: str, input_px: int) -> None:
    """A release of random weights; what it says does not matter, what it costs does."""
    words = taxonomy.load().subset(())
    cfg = AttrNetConfig(backbone=backbone, input_px=input_px)
    net = model.build(cfg, list(words.num_values.values()), (120.0, 120.0, 120.0), 0)
    counts = {a: [1.0] * (v + 1) for a, v in words.num_values.items()}
    artefact.save(folder, net, artefact.make_card(words, net, counts, {}))
    store.upload(paths.model("attrnet", "bench"), folder, {})
    small = ForecasterConfig(hidden_size=4)
    halves = Calibration((1.0,) * small.prediction_length, (2.0,) * small.prediction_length)
    made = forecaster.Artefact(TrendModel(small), small, halves, {}, words.digest, {})
    partition = paths.model("forecaster", "bench")
    files = forecaster.dump(made)
    for name, data in files.items():
        store.write(f"{partition}/{name}", data)
    store.commit(partition, [f"{partition}/{n}" for n in files], {})
    facts = ("bench", "2026-01-01", "bench", "bench", "bench", "bench", words.version, words.digest)
    registry.publish(store, registry.Release(*facts, OPENED, OPENED))


class Server:
    """A server process and its descendants."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.port = port
        with log.open("w") as sink:
            self.process = subprocess.Popen(command, stdout=sink, stderr=sink)
        deadline = time.monotonic() + 240
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command[1:4]} does not answer:\n{log.read_text()[-3000:]}")
            time.sleep(0.5)

    def tree(self) -> list[psutil.Process]:
        """The process and all below it."""
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def cpu_s(self) -> float:
        """User and system time of the tree so far, exited and reaped children too."""
        total = 0.0
        for process in self.tree():
            try:
                total += sum(process.cpu_times()[:4])
            except psutil.NoSuchProcess:
                continue
        return total

    def memory_mb(self) -> float:
        """Resident memory of the tree; shared pages count in each process."""
        return sum(p.memory_info().rss for p in self.tree() if p.is_running()) / 1e6

    def stop(self) -> None:
        """End it, and whatever of it stays."""
        left = self.tree()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=90)
        except subprocess.TimeoutExpired:
            self.process.kill()
        for process in left:
            if process.is_running():
                process.kill()


def load(
    server: Server, pictures: Path, seconds: float, connections: int, rate: float = 0.0
) -> dict[str, Any]:
    """Load from another process."""
    command = [sys.executable, str(HERE / "load.py"), "--port", str(server.port)]
    command += ["--pictures", str(pictures), "--seconds", str(seconds)]
    command += ["--connections", str(connections), "--rate", str(rate)]
    told: dict[str, Any] = json.loads(
        subprocess.run(command, capture_output=True, check=True).stdout
    )
    return told


def measure(server: Server, pictures: Path, seconds: float, connections: int) -> dict[str, Any]:
    """One round at saturation: rate, times, CPU milliseconds a picture beyond the idle ones."""
    before, idle = server.cpu_s(), min(seconds, 5.0)
    time.sleep(idle)
    at_rest = (server.cpu_s() - before) / idle
    before, clock = server.cpu_s(), time.monotonic()
    told = load(server, pictures, seconds, connections)
    used, took = server.cpu_s() - before, time.monotonic() - clock
    good = max(told["good"], 1)
    return {
        "rate": told["rate"],
        "p50_ms": told["p50_ms"],
        "p99_ms": told["p99_ms"],
        "cpu_ms": 1000 * (used - at_rest * took) / good,
        "cpu_ms_with_idle": 1000 * used / good,
        "failed": sum(n for s, n in told["statuses"].items() if s != "200"),
    }


def bare(recogniser: Recogniser, pictures: list[bytes], seconds: float) -> dict[str, Any]:
    """Decode and forward in batches of 16, in this process, one thread."""
    batch, done = (pictures * 16)[:16], 0
    before, until = time.process_time(), time.monotonic() + seconds
    while time.monotonic() < until:
        recogniser.describe(batch, top_k=3, min_confidence=0.5)
        done += len(batch)
    used = time.process_time() - before
    return {"rate": done / seconds, "cpu_ms": 1000 * used / done}


def median(rounds: list[dict[str, Any]], name: str) -> float:
    """Over rounds."""
    return round(statistics.median(r[name] for r in rounds if r.get(name) is not None), 3)


def overload(server: Server, pictures: Path, rate: float, seconds: float) -> dict[str, Any]:
    """Half load, three times saturation, and half load again."""
    half = load(server, pictures, seconds, 64, rate / 2)
    memory = server.memory_mb()
    over = load(server, pictures, seconds, 600, rate * 3)
    after = load(server, pictures, seconds, 64, rate / 2)
    grown = server.memory_mb() - memory
    return {"half": half, "three_times": over, "after": after, "memory_grown_mb": round(grown, 1)}


def main() -> None:
    """Read the command line, measure, print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--proxy", choices=("haproxy", "serve"), default="haproxy")
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--input-px", type=int, default=96)
    parser.add_argument("--picture-px", type=int, default=256)
    parser.add_argument("--no-overload", action="store_true")
    told = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(run(told, Path(name)), indent=1))


def run(told: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Everything, in a folder that is thrown away."""
    store = open_store(StoreConfig(url=str(folder / "store")))
    release(store, folder / "model", told.backbone, told.input_px)
    draw_pictures(folder / "pictures", told.picture_px)
    ports = free_port(), free_port()
    one = {"min_replicas": 1, "max_replicas": 1, "cpus": 0.5}
    limits = {"max_ongoing_requests": 48, "max_queued_requests": 64}
    tree = {
        "store": {"url": str(folder / "store")},
        "ray": {"num_cpus": 2},
        "serve": {
            "port": ports[0], "proxy": told.proxy, "auth": "none",
            "recogniser": {**one, **limits}, "tables": one,
        },
    }  # fmt: skip
    (folder / "bench.yaml").write_text(yaml.safe_dump(tree))
    for variable in ("STATS", "METRICS"):
        os.environ[f"RAY_SERVE_HAPROXY_{variable}_PORT"] = str(free_port())
    python = sys.executable
    ours = [python, "-m", "fashiontrend.cli", "serve", "--config", str(folder / "bench.yaml")]
    plain = [python, str(HERE / "plain_server.py"), "--folder", str(folder / "model")]
    servers: dict[str, Server] = {}
    try:
        servers["ours"] = Server(ours, ports[0], folder / "ours.log")
        servers["plain"] = Server([*plain, "--port", str(ports[1])], ports[1], folder / "plain.log")
        return compare(told, servers, folder)
    finally:
        for server in servers.values():
            server.stop()


def compare(told: argparse.Namespace, servers: dict[str, Server], folder: Path) -> dict[str, Any]:
    """Interleaved rounds and their medians."""
    pictures, recogniser = folder / "pictures", Recogniser(folder / "model", threads=1)
    data = [p.read_bytes() for p in sorted(pictures.glob("*.jpg"))]
    for server in servers.values():  # warm
        load(server, pictures, min(3.0, told.seconds), told.connections)
    rounds: dict[str, list[dict[str, Any]]] = {"ours": [], "plain": [], "bare": []}
    for _ in range(told.rounds):
        for name, server in servers.items():
            rounds[name].append(measure(server, pictures, told.seconds, told.connections))
        rounds["bare"].append(bare(recogniser, data, told.seconds))
    names = ("rate", "cpu_ms", "cpu_ms_with_idle", "p50_ms", "p99_ms", "failed")
    medians = {
        side: {n: median(found, n) for n in names if n in found[0]}
        for side, found in rounds.items()
    }
    ratio: Callable[[str, str], float] = lambda n, other: round(  # noqa: E731
        statistics.median(a[n] / b[n] for a, b in zip(rounds["ours"], rounds[other], strict=True)),
        3,
    )
    result: dict[str, Any] = {
        "settings": dict(vars(told)),
        "medians": medians,
        "ours_to_plain": {"cpu": ratio("cpu_ms", "plain"), "rate": ratio("rate", "plain")},
        "ours_to_bare": {"cpu": ratio("cpu_ms", "bare")},
    }
    if not told.no_overload:
        rate = medians["ours"]["rate"]
        result["overload"] = overload(servers["ours"], pictures, rate, told.seconds)
    return result


if __name__ == "__main__":
    main()
