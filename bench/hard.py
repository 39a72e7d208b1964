"""Stress `fashiontrend serve`: overload, stalled clients, invalid JSON, and varying load.

It prints one JSON document; `--plot FILE` draws replicas and rate over time. Run it on an idle
machine.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.server import Server, draw_pictures, end_on_sigterm, failed, load, ours

ONE = {"min_replicas": 1, "max_replicas": 1}
#: A replica should hold 8 requests; ours may have three.
SCALED = {
    "min_replicas": 1, "max_replicas": 3, "target_ongoing_requests": 8,
    "upscale_delay_s": 2, "downscale_delay_s": 10,
}  # fmt: skip
CAPACITY = 8
PARTS = ("overload", "slow", "malformed", "scale")
MALFORMED = {
    "100,000 deep": b"[" * 100_000,
    "100,000 deep, closed": b"[" * 100_000 + b"]" * 100_000,
    "NaN": b'{"images": [{"url": "https://a.example/a.jpg", "context": {"x": NaN}}]}',
    "a key twice": b'{"images": [], "images": []}',
    "bad UTF-8": b'{"images": [{"url": "https://a.example/\xff.jpg"}]}',
    "cut off": b'{"images": [{"url": "https',
}


class Watcher:
    """Samples a number every half second in a thread."""

    def __init__(self, look: Callable[[], float]) -> None:
        self.seen: list[tuple[float, float]] = []
        self.begun, self.ended = time.monotonic(), threading.Event()
        self.thread = threading.Thread(target=self._watch, args=(look,), daemon=True)
        self.thread.start()

    def _watch(self, look: Callable[[], float]) -> None:
        while not self.ended.wait(0.5):
            self.seen.append((round(time.monotonic() - self.begun, 1), look()))

    def stop(self) -> list[tuple[float, float]]:
        """Return the samples as (seconds, number)."""
        self.ended.set()
        self.thread.join()
        return self.seen


def overload(server: Server, pictures: Path, seconds: float) -> dict[str, Any]:
    """Measure half load, three times saturation, and half load again."""
    full = load(server, pictures, seconds, 16)["rate"]
    half = load(server, pictures, seconds, 64, full / 2)
    before = server.memory_mb()
    memory = Watcher(server.memory_mb)
    over = load(server, pictures, 2 * seconds, 600, full * 3)
    seen = [mb for _, mb in memory.stop()]
    after = load(server, pictures, seconds, 64, full / 2)
    return {
        "saturation_rate": full,
        "half": half,
        "three_times": over,
        "after": after,
        "memory_mb": {
            "before": round(before),
            "first_half": round(statistics.mean(seen[: len(seen) // 2])),
            "second_half": round(statistics.mean(seen[len(seen) // 2 :])),
            "most": round(max(seen)),
            "after": round(server.memory_mb()),
        },
    }


@contextmanager
def stalled(server: Server, reports: list[dict[str, int]]) -> Iterator[None]:
    """Keep 500 slow headers and 500 slow bodies open while the context lasts."""
    command = [sys.executable, "-m", "bench.stall", "--port", str(server.port)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        time.sleep(5)
        try:
            yield
        finally:
            reports.append(json.loads(process.communicate("")[0]))


def slow_clients(server: Server, pictures: Path, seconds: float, rounds: int) -> dict[str, Any]:
    """Measure half load alone and with stalled connections, interleaved."""
    rate = load(server, pictures, 5, CAPACITY)["rate"] / 2  # more would start another replica
    before, beside = [], []
    connections: list[dict[str, int]] = []
    for _ in range(rounds):
        before.append(load(server, pictures, seconds, 64, rate))
        with stalled(server, connections):
            beside.append(load(server, pictures, seconds, 64, rate))
    ratios = [b["p99_ms"] / a["p99_ms"] for a, b in zip(before, beside, strict=True)]
    return {
        "rate": rate,
        "p99_ms_before": [r["p99_ms"] for r in before],
        "p99_ms_beside": [r["p99_ms"] for r in beside],
        "p50_ms": [statistics.median(r["p50_ms"] for r in side) for side in (before, beside)],
        "p99_ratio": round(statistics.median(ratios), 2),
        "failed": sum(failed(r) for r in (*before, *beside)),
        "stalled": connections,
        "replicas": server.replicas(),
    }


def malformed(server: Server, rounds: int = 20) -> dict[str, Any]:
    """Send bodies that are no JSON, and return statuses and the longest response time per kind."""
    results: dict[str, Any] = {}
    headers = {"content-type": "application/json"}
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", headers=headers) as client:
        for kind, body in MALFORMED.items():
            statuses, took = set(), []
            for _ in range(rounds):
                begun = time.monotonic()
                statuses.add(client.post("/v1/recognise", content=body).status_code)
                took.append(1000 * (time.monotonic() - begun))
            results[kind] = {"statuses": sorted(statuses), "most_ms": round(max(took), 1)}
    return results


def scale(server: Server, pictures: Path, seconds: float) -> dict[str, Any]:
    """Apply one connection's load, then eight times a replica's target, and then one again."""
    _await_one(server)
    watcher = Watcher(server.replicas)
    phases, starts = [], []
    for connections, lasts in ((1, seconds / 2), (8 * CAPACITY, 2 * seconds), (1, 2 * seconds)):
        starts.append(round(time.monotonic() - watcher.begun, 1))
        phases.append(load(server, pictures, lasts, connections))
    _await_one(server)
    seen = watcher.stop()
    return {
        "starts_s": starts,
        "phases": phases,
        "most_replicas": max(n for _, n in seen),
        "last_replicas": seen[-1][1],
        "second_replica_s": next((t for t, n in seen if n > 1), None),
        "one_again_s": next((t for t, n in reversed(seen) if n > 1), None),
        "failed": sum(failed(p) for p in phases),
        "replicas_over_time": seen,
    }


def _await_one(server: Server) -> None:
    """Wait until one replica is left, for at most a minute."""
    deadline = time.monotonic() + 60
    while server.replicas() > 1 and time.monotonic() < deadline:
        time.sleep(1)


def plot(results: dict[str, Any], file: Path) -> None:
    """Draw replicas and responses per second over time."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.rcParams["svg.hashsalt"] = "fashiontrend"
    figure, (above, below) = pyplot.subplots(2, 1, figsize=(7, 3.6), sharex=True)
    above.step(*zip(*results["replicas_over_time"], strict=True), where="post")
    above.set(ylabel="replicas", ylim=(0, None), yticks=range(5))
    names = ("1 connection", f"{8 * CAPACITY} connections", "1 connection")
    for height, start, phase, name in zip(
        (3.6, 3.25, 3.6), results["starts_s"], results["phases"], names, strict=True
    ):
        rates = phase["good_by_second"][:-1]
        below.plot([start + n for n in range(len(rates))], rates, color="tab:blue")
        for axis in (above, below):
            axis.axvline(start, color="grey", linewidth=0.5)
        above.text(start, height, " " + name, fontsize=8)
    below.set(xlabel="seconds", ylabel="responses a second", ylim=(0, None))
    figure.savefig(file, bbox_inches="tight", metadata={"Date": None})


def main() -> None:
    """Parse the arguments, measure, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of a phase of the scaling")
    parser.add_argument("--rounds", type=int, default=5, help="alone and beside stalled clients")
    parser.add_argument("--proxy", choices=("haproxy", "serve"), default="haproxy")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    options = parser.parse_args()
    end_on_sigterm()
    with tempfile.TemporaryDirectory() as name:
        run(options, Path(name))


def run(options: argparse.Namespace, folder: Path) -> None:
    """Run all parts in a temporary folder, and print each when it is done."""
    pictures = folder / "pictures"
    draw_pictures(pictures)
    if "overload" in options.only:
        with ours(folder / "one", "large", options.proxy, ONE) as server:
            load(server, pictures, 3, 16)
            show("overload", overload(server, pictures, min(options.seconds, 10.0)))
    if set(options.only) == {"overload"}:
        return
    with ours(folder / "scaled", "small", options.proxy, SCALED) as server:
        load(server, pictures, 3, 4)
        if "slow" in options.only:
            seconds = min(options.seconds, 8.0)
            show("slow", slow_clients(server, pictures, seconds, options.rounds))
        if "malformed" in options.only:
            show("malformed", malformed(server))
        if "scale" in options.only:
            seen = scale(server, pictures, options.seconds)
            show("scale", seen)
            if options.plot:
                plot(seen, options.plot)


def show(part: str, seen: dict[str, Any]) -> None:
    """Print a line of JSON at once, before the servers drain, which takes half a minute."""
    print(json.dumps({part: seen}), flush=True)


if __name__ == "__main__":
    main()
