"""Faults of a serving release on a node, under a load that never tries twice."""

import asyncio
import json
import shlex
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.deploy.cluster import RELEASE, Cluster

RATE, TIMEOUT_S = 40.0, 60.0
#: Two workers of one core, each with room for one replica of both applications.
PAIR = {
    "serving.cpuWorkers.minReplicas": 2,
    "serving.cpuWorkers.maxReplicas": 2,
    "serving.cpuWorkers.resources.limits.cpu": "1",
    **{
        f"config.serve.{name}.{key}": value
        for name, cpus in (("recogniser", 0.35), ("tables", 0.6))
        for key, value in (("cpus", cpus), ("min_replicas", 2), ("max_replicas", 2))
    },
}
#: `--set` would make a text of a fraction.
OPTIONS = " ".join(
    f"--set-json {shlex.quote(f'{key}={json.dumps(value)}')}" for key, value in PAIR.items()
)
#: In a worker's pod: end the replica that answers, as the kernel would. What looks for it must not find itself.
KILL = """
import os, pathlib, signal
for found in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    if b"ServeReplica" + b":tables" in found.read_bytes():
        os.kill(int(found.parent.name), signal.SIGKILL)
        break
else:
    raise SystemExit("no replica here")
"""


@dataclass
class Load:
    """GET requests at a rate, each on a connection of its own, from a thread of its own."""

    url: str
    headers: dict[str, str]
    took: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    under_way: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def sent(self) -> int:
        """Answered or failed."""
        return len(self.took) + len(self.failed)

    def start(self) -> threading.Thread:
        """Until `ended`."""
        thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        thread.start()
        return thread

    async def _run(self) -> None:
        asked: set[asyncio.Task[None]] = set()
        begun, number = time.monotonic(), 0
        anew = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(
            headers=self.headers, timeout=TIMEOUT_S, limits=anew
        ) as client:
            while not self.ended.is_set():
                await asyncio.sleep(max(0.0, begun + number / RATE - time.monotonic()))
                number += 1
                task = asyncio.create_task(self._ask(client))
                asked.add(task)
                task.add_done_callback(asked.discard)
            await asyncio.gather(*asked)

    async def _ask(self, client: httpx.AsyncClient) -> None:
        begun = time.monotonic()
        self.under_way += 1
        try:
            status = (await client.get(self.url)).status_code
        except httpx.HTTPError as error:
            self.failed.append(repr(error))
        else:
            if status == httpx.codes.OK:
                self.took.append(time.monotonic() - begun)
            else:
                self.failed.append(str(status))
        finally:
            self.under_way -= 1

    def told(self) -> str:
        """A cell of the table."""
        p99, worst = sorted(self.took)[int(0.99 * len(self.took))], max(self.took)
        return (
            f"{len(self.failed)} failed of {self.sent}; p99 {p99:.2f} s, worst {worst:.2f} s"
            f" {sorted(set(self.failed))[:3] if self.failed else ''}"
        ).strip()


class Faults:
    """A release of two workers, and what may happen to it."""

    def __init__(self, life: Cluster) -> None:
        service = life.get(f"service {RELEASE}-serve-svc")["spec"]
        # A port-forward would end with the pod that it leads to.
        self.url = f"http://{service['clusterIP']}:8000/v1/taxonomy"
        secret = life.type_in("kubectl -n fashiontrend get secret fashiontrend-tokens")
        self.life, self.headers = life, {"Authorization": f"Bearer {secret.strip()}"}

    @contextmanager
    def under_load(self, fault: str, requests: int) -> Iterator[Load]:
        """At least so many requests; what becomes of them is in the table."""
        load = Load(self.url, self.headers)
        with self.life.step(fault, last=False) as row:
            thread = load.start()
            try:
                self.life.until("load", lambda: load.sent > RATE, 120)
                yield load
                self.life.until("requests", lambda: load.sent >= requests, 900)
            finally:
                load.ended.set()
                thread.join()
                row.seen = load.told() if load.took else f"nothing answered {load.failed[:3]}"
        self.settle()

    def settle(self) -> None:
        """Until both workers are there again with a replica each."""
        self.life.until("two replicas", lambda: len(self.places()) == 2, 300)
        time.sleep(10)  # the proxies learn of it

    def places(self) -> list[str]:
        """The worker pods that have a replica of the tables."""
        look = "grep -lz '[S]erveReplica:tables' /proc/[0-9]*/cmdline"
        return [
            pod
            for pod in self.pods("serving-worker")
            if self.life.run(
                f"kubectl -n fashiontrend exec {pod} -c ray-worker -- bash -c {shlex.quote(look)}"
            ).stdout.strip()
        ]

    def pods(self, component: str) -> list[str]:
        """Names of those that run."""
        found: list[dict[str, Any]] = self.life.get(
            f"pods -l app.kubernetes.io/component={component}"
        )
        return [p["metadata"]["name"] for p in found if "deletionTimestamp" not in p["metadata"]]

    def kill_a_replica(self) -> None:
        """SIGKILL, at once."""
        pod = self.places()[0]
        self.life.kubectl(f"exec {pod} -c ray-worker -- python -c {shlex.quote(KILL)}")

    def delete(self, component: str, how: str = "") -> None:
        """One pod."""
        self.life.kubectl(f"delete pod {self.pods(component)[0]} --wait=false {how}")


def try_all(life: Cluster, upgrade: Callable[[str], None]) -> None:
    """Every fault once.

    Args:
        life: with a release that answers.
        upgrade: of the release with more options; returns when traffic has moved.
    """
    with life.step("two workers, a replica each", last=False):
        upgrade(OPTIONS)
        faults = Faults(life)
        faults.settle()
    with faults.under_load("load without a fault", 400) as load:
        pass
    assert not load.failed
    with faults.under_load("SIGKILL of a replica", 1000) as load:
        in_flight = load.under_way
        faults.kill_a_replica()
        in_flight = max(in_flight, load.under_way)
    assert len(load.failed) <= in_flight
    with faults.under_load("worker pod deleted by force", 1800) as load:
        faults.delete("serving-worker", "--grace-period=0 --force")
    assert not load.failed
    with faults.under_load("head pod deleted, fault tolerance on", 3700) as load:
        faults.delete("serving-head")
    assert not load.failed
    assert max(load.took) < 3.0
    with faults.under_load("helm upgrade, until traffic moved and on", 5000) as load:
        upgrade("--set config.serve.retry_after_s=3")
    assert not load.failed
