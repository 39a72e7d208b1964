"""The server behind Ray's HAProxy: who sends half a body stays there."""

import socket
import time

import pytest

from fashiontrend.client import Client
from tests.integration.running import Running, drained
from tests.serve.conftest import draw

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]
HEAD = b"POST /v1/recognise HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
PATIENCE_S = 1.5
ONE = {"min_replicas": 1, "max_replicas": 1, "cpus": 0.5}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    asked = {"proxy": "haproxy", "auth": "none", "body_timeout_s": PATIENCE_S, "recogniser": ONE}
    with drained(Running(tmp_path_factory.mktemp("haproxy"), **asked)) as running:
        yield running


def answer(port: int, request: bytes) -> tuple[bytes, float]:
    """The first that comes back, in lower case, and after how many seconds."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        return connection.recv(65536).lower(), time.monotonic() - begun


@pytest.mark.parametrize(
    "half", [HEAD + b"X-Slow: ", HEAD + b"Content-Length: 1000\r\n\r\n{"], ids=["header", "body"]
)
def test_half_a_request_is_ended_before_any_replica(server, half):
    told, took = answer(server.port, half)
    assert told.startswith(b"http/1.1 408 ")
    assert b"x-request-id" not in told, "every answer of a replica has one"
    assert PATIENCE_S - 0.1 < took < PATIENCE_S + 5


def test_a_long_body_that_stalls_later_is_ended_by_the_replica(server):
    body = b"{" + b" " * 40_000  # more than HAProxy waits for
    told, _ = answer(server.port, HEAD + b"Content-Length: 100000\r\n\r\n" + body)
    assert told.startswith(b"http/1.1 408 ")
    assert b"x-request-id" in told


def test_a_whole_picture_is_answered(server, tmp_path):
    picture = tmp_path / "a.png"
    picture.write_bytes(draw())
    with Client(server.address) as client:
        (seen,) = client.recognise([picture])
    assert seen.status == "ok"
