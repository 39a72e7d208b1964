"""What keeps a server from starting is reported in one sentence. Needs no Ray."""

import socket

import pytest

from fashiontrend.config import Config
from fashiontrend.errors import ConfigError, StoreError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Ray Serve's own models


class Reached(Exception):
    """Ray would be started now."""


@pytest.fixture
def serve(monkeypatch):
    """The job; it stops where Ray would be started."""
    from ray_jobs import serve

    def connect(config):
        raise Reached

    monkeypatch.setattr(serve, "connect", connect)
    return serve


def config(host: str, port: int, address: str = "local") -> Config:
    return Config.model_validate(
        {"serve": {"host": host, "port": port}, "ray": {"address": address}}
    )


def test_a_taken_port_is_refused_before_ray_starts(serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port}.*in use.*--port"):
            serve.run(config("127.0.0.1", port))
        with pytest.raises(Reached):  # of the cluster's machines this one is none
            serve.run(config("127.0.0.1", port, "ray://head:10001"))
    with pytest.raises(Reached):
        serve.run(config("127.0.0.1", port))


def test_a_host_of_another_machine_is_refused_before_ray_starts(serve):
    with pytest.raises(ConfigError, match=r"serve\.host"):
        serve.run(config("192.0.2.77", 8000))


def test_a_proxy_that_does_not_start_is_reported_with_the_last_line(serve, monkeypatch):
    def start(**_):
        raise RuntimeError("ray::ProxyActor.ready()\n  File x\nRuntimeError: Failed to bind.")

    monkeypatch.setattr(serve.serve, "start", start)
    with pytest.raises(StoreError) as caught:
        serve.start_proxies(Config().serve)
    assert "Failed to bind" in str(caught.value)
    assert "File x" not in str(caught.value)
