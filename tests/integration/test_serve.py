"""The real thing: `fashiontrend serve` as a process, Ray Serve's proxy, replicas that die, releases that change."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pyarrow as pa
import pytest
import yaml

from fashiontrend.client import Client
from fashiontrend.serve.schemas.requests import Options
from fashiontrend.storage import releases
from fashiontrend.storage.object_store import parquet_bytes
from tests.integration.conftest import leave_ray
from tests.integration.desk import block, desk, started, type_in
from tests.integration.desk import until as wait_until
from tests.integration.running import Running, drained
from tests.serve.conftest import draw, publish

__all__ = ["desk"]  # a fixture
pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]
CONNECTIONS = 8


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Running]:
    """Started by the README's command, and ended by Ctrl-C as it says."""
    leave_ray()  # the Ray that other tests shared makes room for the server's own
    line, *_ = block("Serve")
    with drained(Running(tmp_path_factory.mktemp("serve"), line), signal.SIGINT) as running:
        yield running


@asynccontextmanager
async def load(address: str) -> AsyncIterator[list[tuple[int, str]]]:
    """Connections that ask without pause, and without retries; yields (status, version) as they come."""
    seen: list[tuple[int, str]] = []
    ended = asyncio.Event()
    picture = draw()

    async def ask(client: httpx.AsyncClient) -> None:
        while not ended.is_set():
            try:
                answer = await client.post("/v1/recognise", files={"image": picture})
                good = answer.status_code == 200
                version = answer.json()["model"]["version"] if good else answer.text[:200]
                seen.append((answer.status_code, version))
            except httpx.HTTPError as error:
                seen.append((0, repr(error)))

    async with httpx.AsyncClient(base_url=address, timeout=30) as client:
        tasks = [asyncio.create_task(ask(client)) for _ in range(CONNECTIONS)]
        try:
            yield seen
        finally:
            ended.set()
            await asyncio.gather(*tasks)


async def until(condition, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.1)


def test_the_proxy_leads_to_both_applications(server, tmp_path):
    with Client(server.address) as client:
        assert client.version().release == "r1"
        assert client.keywords(platform="*").total == 2
        picture = tmp_path / "a.png"
        picture.write_bytes(draw())
        (image,) = client.recognise([picture], Options(min_confidence=0.0))
        assert image.status == "ok"
    assert httpx.get(f"{server.address}/v1/recognise").status_code == 405
    assert httpx.get(f"{server.address}/metrics").status_code == 200
    deep = {"content": b"[" * 100_000, "headers": {"content-type": "application/json"}}
    assert httpx.post(f"{server.address}/v1/recognise", **deep).status_code == 400
    large = httpx.post(f"{server.address}/v1/forecasts", content=b" " * 5_000_000)
    assert large.status_code in (413, 415)


def test_a_new_release_and_a_rollback_under_load_fail_no_request(server):
    async def run() -> list[tuple[int, str]]:
        async with load(server.address) as seen:
            await until(lambda: len(seen) > 20)
            publish(server.store, "r2", "a2")
            await until(lambda: all(s[1] == "a2" for s in seen[-40:]) and len(seen) > 60)
            releases.rollback(server.store, "r1")
            await until(lambda: all(s[1] == "a1" for s in seen[-40:]))
        return seen

    seen = asyncio.run(run())
    assert Counter(status for status, _ in seen) == {200: len(seen)}
    assert {"a1", "a2"} == {version for _, version in seen}


def test_a_killed_replica_loses_at_most_what_it_had_in_flight(server):
    async def run() -> list[tuple[int, str]]:
        async with load(server.address) as seen:
            await until(lambda: len(seen) > 20)
            before = {p.pid for p in server.replicas()}
            assert len(before) == 2
            os.kill(min(before), signal.SIGKILL)
            at = len(seen)
            await until(lambda: len(seen) > at + 100)
            await until(lambda: len({p.pid for p in server.replicas()}) == 2)
            await until(lambda: all(s[0] == 200 for s in seen[-100:]))
        return seen

    failed = [s for s in asyncio.run(run()) if s[0] != 200]
    assert len(failed) <= CONNECTIONS, failed


def test_bodies_that_never_arrive_keep_no_request_out(server):
    stalled = (
        b"POST /v1/recognise HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1000\r\n\r\n{"
    )

    async def run() -> list[tuple[int, str]]:
        writers = []
        for _ in range(400):  # more than all replicas together answer at a time
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(stalled)
            writers.append(writer)
        try:
            async with load(server.address) as seen:
                await until(lambda: len(seen) > 100)
        finally:
            for writer in writers:
                writer.close()
        return seen

    seen = asyncio.run(run())
    assert Counter(status for status, _ in seen) == {200: len(seen)}
    assert len(server.replicas()) == 2


def test_a_catalogue_is_recognised_outside_of_the_server_and_submitting_twice_is_once(server):
    table = pa.table({"id": ["a", "b", "c"], "image": [draw(1), b"no", draw(2)]})
    server.store.write("uploads/c.parquet", parquet_bytes(table))
    with Client(server.address) as client:
        job = client.submit(["uploads/"], idempotency_key="once")
        assert client.submit(["uploads/"], idempotency_key="once").id == job.id
        work = subprocess.run(
            [*server.command("recognitions", "work"), "--once"], capture_output=True, timeout=240
        )
        assert work.returncode == 0, work.stderr.decode()
        told = client.job(job.id)
        assert (told.status, told.rows_done, told.rows_failed) == ("succeeded", 3, 1)
        rows = list(client.results(job.id, limit=2))
    assert [(r["id"], r["status"]) for r in rows] == [
        ("a", "ok"),
        ("b", "unsupported_media"),
        ("c", "ok"),
    ]


def test_the_readmes_commands_recognise_pictures_and_work_on_catalogues(server, desk):
    """Seen: `recognitions work` without --config waited at the store of nobody."""
    _, recognise, work = block("Serve")
    (server.place / "pictures").mkdir()
    (server.place / "pictures" / "a.png").write_bytes(draw(2))
    assert httpx.get(f"{server.address}/").status_code == 200
    done = type_in(server.place, recognise.replace("8000", str(server.port)))
    assert done.returncode == 0, done.stderr
    assert (server.place / "predictions.csv").exists()
    table = pa.table({"id": ["a"], "image": [draw(1)]})
    server.store.write("uploads/readme/c.parquet", parquet_bytes(table))
    with Client(server.address) as client:
        job = client.submit(["uploads/readme/"])
        with started(server.place, work) as worker:
            wait_until(lambda: client.job(job.id).status == "succeeded", server.place, worker)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Ray's own schema
def test_the_printed_configuration_is_one_that_ray_serve_takes(server):
    from ray.serve.schema import ServeDeploySchema

    printed = subprocess.run(
        [*server.command("serve"), "--print-config"], capture_output=True, timeout=120, check=True
    )
    tree = yaml.safe_load(printed.stdout)
    read = ServeDeploySchema.model_validate(tree)
    routes = {a.name: a.route_prefix for a in read.applications}
    assert routes == {"recognise": "/v1/recognise", "tables": "/", "standby": None}
    assert json.dumps(tree)
