"""Real parts on loopback: S3 servers, and one Ray for a whole test session."""

import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from fashiontrend.config import StoreConfig
from fashiontrend.store import Store, open_store

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test-key", "AWS_SECRET_ACCESS_KEY": "test-secret-key"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def find_versitygw() -> str | None:
    """The real S3 server's program: on PATH, or where `go install` puts it."""
    places = [os.environ.get("GOBIN"), str(Path.home() / ".cache/fashiontrend/bin")]
    return shutil.which("versitygw") or next(
        (found for p in places if p and (found := shutil.which("versitygw", path=p))), None
    )


def moto_command(port: int, folder: Path) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("moto_server.py")), str(port)]


def versitygw_command(port: int, folder: Path) -> list[str]:
    program = find_versitygw()
    if program is None:
        pytest.skip("versitygw is not installed: run `make tools`")
    return [program, "--port", f"127.0.0.1:{port}", "posix", str(folder)]


SERVERS = {"moto": moto_command, "versitygw": versitygw_command}


@pytest.fixture(scope="session", params=["moto", pytest.param("versitygw", marks=pytest.mark.slow)])
def s3_endpoint(request, tmp_path_factory) -> Iterator[str]:
    """An S3-compatible server with an empty bucket `shop-data`, and credentials in the environment."""
    port, folder = free_port(), tmp_path_factory.mktemp("s3")
    environment = {
        **os.environ,
        "ROOT_ACCESS_KEY": CREDENTIALS["AWS_ACCESS_KEY_ID"],
        "ROOT_SECRET_KEY": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    }
    log = (folder.parent / f"{request.param}.log").open("w")
    server = subprocess.Popen(
        SERVERS[request.param](port, folder), stdout=log, stderr=log, env=environment
    )
    patch = pytest.MonkeyPatch()
    for name, value in {**CREDENTIALS, "AWS_EC2_METADATA_DISABLED": "true"}.items():
        patch.setenv(name, value)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        wait_for(port, server)
        boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(
            Bucket="shop-data"
        )
        yield endpoint
    finally:
        server.terminate()
        server.wait(timeout=20)
        log.close()
        patch.undo()


def wait_for(port: int, server: subprocess.Popen) -> None:
    """Until the server listens, at most half a minute."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if server.poll() is not None:
            pytest.fail(f"the server ended with {server.returncode} before it listened")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail(f"nothing listened on port {port} within 30 s")


@pytest.fixture
def s3_store(s3_endpoint) -> Store:
    url = f"s3://shop-data/{uuid.uuid4().hex}"
    return open_store(StoreConfig(url=url, endpoint=s3_endpoint))
