"""`fashiontrend serve` beside a hand-written server and the bare model: requests a second and CPU a picture.

Same random weights, same pictures, one model process with one thread on each side, load from a
process of its own, interleaved rounds, medians. CPU is user and system time of the whole process
tree with its exited children, what the tree uses when idle taken off. Then p99 beside p50 at half
load. Prints one JSON document; run it on an idle machine.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from bench.server import MODELS, Server, draw_pictures, end_on_sigterm, failed, load, ours, plain
from fashiontrend.attrnet.inference.predict import Recogniser

ONE = {"min_replicas": 1, "max_replicas": 1}
IDLE_S = 5.0


def idle(server: Server) -> float:
    """CPU seconds a second that the tree uses when nobody asks."""
    before = server.cpu_s()
    time.sleep(IDLE_S)
    return (server.cpu_s() - before) / IDLE_S


def measure(
    server: Server, at_rest: float, pictures: Path, told: argparse.Namespace
) -> dict[str, Any]:
    """One round at saturation: rate, times, CPU milliseconds a picture."""
    before, clock = server.cpu_s(), time.monotonic()
    seen = load(server, pictures, told.seconds, told.connections)
    used, took = server.cpu_s() - before, time.monotonic() - clock
    good = max(seen["good"], 1)
    return {
        **{n: seen[n] for n in ("rate", "p50_ms", "p99_ms")},
        "cpu_ms": 1000 * (used - at_rest * took) / good,
        "cpu_ms_with_idle": 1000 * used / good,
        "failed": failed(seen),
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


def ratio(mine: list[dict[str, Any]], other: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Median over rounds of one side's number to the other's, and the least and the most."""
    found = [a[name] / b[name] for a, b in zip(mine, other, strict=True)]
    middle, low, high = (round(f(found), 3) for f in (statistics.median, min, max))
    return {"median": middle, "range": [low, high]}


def compare(told: argparse.Namespace, kind: str, folder: Path) -> dict[str, Any]:
    """Interleaved rounds of one model, then half load."""
    pictures = folder / "pictures"
    data = [p.read_bytes() for p in sorted(pictures.glob("*.jpg"))]
    with ours(folder / kind, kind, told.proxy, ONE) as mine, plain(folder / kind) as other:
        recogniser = Recogniser(folder / kind / "model", threads=1)
        at_rest = {}
        for server in (mine, other):
            load(server, pictures, 3.0, told.connections)  # warm
            at_rest[server] = idle(server)
        rounds: dict[str, list[dict[str, Any]]] = {"ours": [], "plain": [], "bare": []}
        for _ in range(told.rounds):
            rounds["ours"].append(measure(mine, at_rest[mine], pictures, told))
            rounds["plain"].append(measure(other, at_rest[other], pictures, told))
            rounds["bare"].append(bare(recogniser, data, told.seconds / 3))
        half = load(mine, pictures, 2 * told.seconds, 64, median(rounds["ours"], "rate") / 2)
    names = ("rate", "cpu_ms", "cpu_ms_with_idle", "p50_ms", "p99_ms", "failed")
    return {
        "medians": {
            side: {n: median(found, n) for n in names if n in found[0]}
            for side, found in rounds.items()
        },
        "idle_cores": round(at_rest[mine], 3),
        "ours_to_plain": {n: ratio(rounds["ours"], rounds["plain"], n) for n in ("cpu_ms", "rate")},
        "ours_to_bare": {"cpu_ms": ratio(rounds["ours"], rounds["bare"], "cpu_ms")},
        "half_load": {**half, "p99_to_p50": round(half["p99_ms"] / half["p50_ms"], 2)},
    }


def main() -> None:
    """Read the command line, measure, print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=7.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--proxy", choices=("haproxy", "serve"), default="haproxy")
    parser.add_argument("--only", choices=tuple(MODELS))
    told = parser.parse_args()
    torch.set_num_threads(1)
    end_on_sigterm()
    result: dict[str, Any] = {"settings": dict(vars(told))}
    with tempfile.TemporaryDirectory() as name:
        draw_pictures(Path(name) / "pictures")
        for kind in [told.only] if told.only else MODELS:
            result[kind] = compare(told, kind, Path(name))
            print(json.dumps({kind: result[kind]}, indent=1), flush=True)


if __name__ == "__main__":
    main()
