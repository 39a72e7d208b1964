"""Hard times for `fashiontrend serve`: load that grows and goes, and clients that never finish a request.

Prints one JSON document; `--plot FILE` draws replicas and rate over time. Run it on an idle machine.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import torch
import yaml
from serve import Server, draw_pictures, free_port, load, release

from fashiontrend.config import StoreConfig
from fashiontrend.store import open_store

STALLED = 500


def replicas(server: Server) -> int:
    """Recogniser replicas that are alive."""
    alive = 0
    for process in server.tree():
        try:
            alive += "ServeReplica:recognise" in " ".join(process.cmdline())
        except psutil.NoSuchProcess:
            continue
    return alive


class Watcher:
    """Counts replicas every half second in a thread."""

    def __init__(self, server: Server) -> None:
        self.seen: list[tuple[float, int]] = []
        self.begun, self.ended = time.monotonic(), threading.Event()
        self.thread = threading.Thread(target=self._watch, args=(server,), daemon=True)
        self.thread.start()

    def _watch(self, server: Server) -> None:
        while not self.ended.wait(0.5):
            self.seen.append((round(time.monotonic() - self.begun, 1), replicas(server)))

    def stop(self) -> list[tuple[float, int]]:
        """What was seen."""
        self.ended.set()
        self.thread.join()
        return self.seen


def scale(server: Server, pictures: Path, seconds: float) -> dict[str, Any]:
    """One connection's load, eight times as many as a replica should have, and one again."""
    watcher = Watcher(server)
    phases = [load(server, pictures, seconds, n) for n in (1, 64, 1)]
    deadline = time.monotonic() + 120
    while replicas(server) > 1 and time.monotonic() < deadline:
        time.sleep(1)
    seen = watcher.stop()
    return {
        "phases": phases,
        "most_replicas": max(n for _, n in seen),
        "last_replicas": seen[-1][1],
        "failed": sum(n for p in phases for s, n in p["statuses"].items() if s != "200"),
        "replicas_over_time": seen,
    }


async def stall(port: int, ended: asyncio.Event) -> int:
    """Open connections that send half a header, or half a body, and then nothing; returns how many stood."""
    half_head = b"POST /v1/recognise HTTP/1.1\r\nHost: x\r\nContent-Le"
    half_body = (
        b"POST /v1/recognise HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1000\r\n\r\n{"
    )
    writers = []
    for n in range(2 * STALLED):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            continue
        writer.write(half_head if n % 2 else half_body)
        writers.append(writer)
    await ended.wait()
    for writer in writers:
        writer.close()
    return len(writers)


def slow_clients(server: Server, pictures: Path, seconds: float) -> dict[str, Any]:
    """Normal load, and the same beside 500 slow headers and 500 slow bodies."""
    before = load(server, pictures, seconds, 4)
    loop, ended = asyncio.new_event_loop(), asyncio.Event()
    opened: list[int] = []
    thread = threading.Thread(
        target=lambda: opened.append(loop.run_until_complete(stall(server.port, ended)))
    )
    thread.start()
    time.sleep(2)
    beside = load(server, pictures, seconds, 4)
    loop.call_soon_threadsafe(ended.set)
    thread.join()
    return {"before": before, "beside": beside, "stalled_connections": opened[0]}


def plot(seen: list[tuple[float, int]], file: Path) -> None:
    """Replicas over time."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(7, 2.5))
    axis.step(*zip(*seen, strict=True), where="post")
    axis.set(xlabel="seconds", ylabel="replicas", ylim=(0, None))
    figure.savefig(file, bbox_inches="tight")


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--proxy", choices=("haproxy", "serve"), default="haproxy")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--only", choices=("scale", "slow"))
    told = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(run(told, Path(name)), indent=1))


def run(told: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Both, in a folder that is thrown away."""
    store = open_store(StoreConfig(url=str(folder / "store")))
    release(store, folder / "model", "resnet18", 96)
    draw_pictures(folder / "pictures", 256)
    port = free_port()
    recogniser = {
        "min_replicas": 1, "max_replicas": 3, "cpus": 0.5, "target_ongoing_requests": 8,
        "max_ongoing_requests": 64, "upscale_delay_s": 2, "downscale_delay_s": 10,
    }  # fmt: skip
    settings = {"port": port, "proxy": told.proxy, "auth": "none", "recogniser": recogniser}
    tables = {"min_replicas": 1, "max_replicas": 1, "cpus": 0.25}
    tree = {
        "store": {"url": str(folder / "store")},
        "ray": {"num_cpus": 2},
        "serve": {**settings, "tables": tables},
    }
    (folder / "hard.yaml").write_text(yaml.safe_dump(tree))
    for variable in ("STATS", "METRICS"):
        os.environ[f"RAY_SERVE_HAPROXY_{variable}_PORT"] = str(free_port())
    command = [sys.executable, "-m", "fashiontrend.cli", "serve"]
    server = Server([*command, "--config", str(folder / "hard.yaml")], port, folder / "hard.log")
    result: dict[str, Any] = {"settings": {k: str(v) for k, v in vars(told).items()}}
    try:
        if told.only != "scale":
            result["slow"] = slow_clients(server, folder / "pictures", min(told.seconds, 15.0))
        if told.only != "slow":
            result["scale"] = scale(server, folder / "pictures", told.seconds)
            if told.plot:
                plot(result["scale"]["replicas_over_time"], told.plot)
    finally:
        print(json.dumps(result), file=sys.stderr)  # a drain takes half a minute with HAProxy
        server.stop()
    return result


if __name__ == "__main__":
    main()
