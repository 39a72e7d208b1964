"""Compare `fashiontrend serve` with a hand-written server and the bare model.

It measures requests per second and CPU time per picture. Each side has the same random weights and
pictures, and one model process with one thread. The load comes from a separate process, rounds are
interleaved, and medians are reported. CPU is user and system time of the process tree with exited
children, minus its use when idle. Then p50 and p99 are measured at half load. It prints one JSON
document; run it on an idle machine.
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
    """Return the CPU seconds per second that the tree uses without requests."""
    before = server.cpu_s()
    time.sleep(IDLE_S)
    return (server.cpu_s() - before) / IDLE_S


def measure(
    server: Server, at_rest: float, pictures: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Run one round at saturation; return rate, times and CPU milliseconds per picture."""
    before, clock = server.cpu_s(), time.monotonic()
    seen = load(server, pictures, options.seconds, options.connections)
    used, took = server.cpu_s() - before, time.monotonic() - clock
    good = max(seen["good"], 1)
    return {
        **{n: seen[n] for n in ("rate", "p50_ms", "p99_ms")},
        "cpu_ms": 1000 * (used - at_rest * took) / good,
        "cpu_ms_with_idle": 1000 * used / good,
        "failed": failed(seen),
    }


def bare(recogniser: Recogniser, pictures: list[bytes], seconds: float) -> dict[str, Any]:
    """Decode and predict in batches of 16, in this process, on one thread."""
    batch, done = (pictures * 16)[:16], 0
    before, until = time.process_time(), time.monotonic() + seconds
    while time.monotonic() < until:
        recogniser.describe(batch, top_k=3, min_confidence=0.5)
        done += len(batch)
    used = time.process_time() - before
    return {"rate": done / seconds, "cpu_ms": 1000 * used / done}


def median(rounds: list[dict[str, Any]], name: str) -> float:
    """Return the median over rounds."""
    return round(statistics.median(r[name] for r in rounds if r.get(name) is not None), 3)


def ratio(mine: list[dict[str, Any]], other: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return the median, minimum and maximum over rounds of the ratio of both sides."""
    found = [a[name] / b[name] for a, b in zip(mine, other, strict=True)]
    middle, low, high = (round(f(found), 3) for f in (statistics.median, min, max))
    return {"median": middle, "range": [low, high]}


def compare(options: argparse.Namespace, kind: str, folder: Path) -> dict[str, Any]:
    """Run interleaved rounds of one model, then half load."""
    pictures = folder / "pictures"
    data = [p.read_bytes() for p in sorted(pictures.glob("*.jpg"))]
    with ours(folder / kind, kind, options.proxy, ONE) as mine, plain(folder / kind) as other:
        recogniser = Recogniser(folder / kind / "model", threads=1)
        at_rest = {}
        for server in (mine, other):
            load(server, pictures, 3.0, options.connections)  # warm
            at_rest[server] = idle(server)
        rounds: dict[str, list[dict[str, Any]]] = {"ours": [], "plain": [], "bare": []}
        for _ in range(options.rounds):
            rounds["ours"].append(measure(mine, at_rest[mine], pictures, options))
            rounds["plain"].append(measure(other, at_rest[other], pictures, options))
            rounds["bare"].append(bare(recogniser, data, options.seconds / 3))
        half = load(mine, pictures, 2 * options.seconds, 64, median(rounds["ours"], "rate") / 2)
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
    """Parse the arguments, measure, and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=7.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--proxy", choices=("haproxy", "serve"), default="haproxy")
    parser.add_argument("--only", choices=tuple(MODELS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    end_on_sigterm()
    result: dict[str, Any] = {"settings": dict(vars(options))}
    with tempfile.TemporaryDirectory() as name:
        draw_pictures(Path(name) / "pictures")
        for kind in [options.only] if options.only else MODELS:
            result[kind] = compare(options, kind, Path(name))
            print(json.dumps({kind: result[kind]}, indent=1), flush=True)


if __name__ == "__main__":
    main()
