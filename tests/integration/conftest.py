"""Real parts on loopback: S3 servers, and one Ray for a whole test session."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import boto3
import botocore.exceptions
import pytest

from fashiontrend.config import Config, RayConfig, StoreConfig
from fashiontrend.storage.object_store import Store, open_store
from ray_jobs.runtime import connect, disconnect

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test-key", "AWS_SECRET_ACCESS_KEY": "test-secret-key"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def find_program(name: str, target: str) -> str:
    """A real S3 server's program: on PATH, or where make puts it; without it the test is skipped."""
    places = [os.environ.get("GOBIN"), str(Path.home() / ".cache/fashiontrend/bin")]
    found = shutil.which(name) or next(
        (found for p in places if p and (found := shutil.which(name, path=p))), None
    )
    if found is None:
        pytest.skip(f"{name} is not installed: run `make {target}`")
    return found


def moto_command(port: int, folder: Path) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("moto_server.py")), str(port)]


def versitygw_command(port: int, folder: Path) -> list[str]:
    return [
        find_program("versitygw", "test-tools"),
        "--port",
        f"127.0.0.1:{port}",
        "posix",
        str(folder),
    ]


def seaweedfs_command(port: int, folder: Path) -> list[str]:
    """As the chart's development S3 starts it."""
    keys = {"accessKey": CREDENTIALS["AWS_ACCESS_KEY_ID"]}
    keys |= {"secretKey": CREDENTIALS["AWS_SECRET_ACCESS_KEY"]}
    identity = {"name": "test", "credentials": [keys], "actions": ["Admin", "Read", "Write"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    parts = [f"{p}.port{g}" for p in ("master", "volume", "filer") for g in ("", ".grpc")]
    ports = [f"-{part}={free_port()}" for part in (*parts, "s3.port.grpc")]
    return [
        find_program("weed", "weed"),
        *("server", f"-dir={folder}", "-ip=127.0.0.1", "-volume.max=0", "-s3", *ports),
        *(f"-s3.port={port}", f"-s3.config={folder}/s3.json"),
    ]


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """One Ray of two cores for every test that needs no other; the jobs find it as they find their own."""
    connect(Config(ray=RayConfig(num_cpus=2)))
    yield
    leave_ray()


def leave_ray() -> None:
    """Stop the shared Ray before a test that has one of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Ray and its dependencies deprecate is theirs
        disconnect()


SERVERS = {"moto": moto_command, "versitygw": versitygw_command, "seaweedfs": seaweedfs_command}
REAL = [pytest.param(name, marks=pytest.mark.slow) for name in ("versitygw", "seaweedfs")]


@pytest.fixture(scope="session", params=["moto", *REAL])
def s3_endpoint(request, tmp_path_factory) -> Iterator[str]:
    """An S3-compatible server with an empty bucket `shop-data`, and credentials in the environment."""
    port, folder = free_port(), tmp_path_factory.mktemp("s3")
    environment = {
        **os.environ,
        "ROOT_ACCESS_KEY": CREDENTIALS["AWS_ACCESS_KEY_ID"],
        "ROOT_SECRET_KEY": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    }
    # Asked for first: where the program is missing, this skips, and nothing is open yet.
    command = SERVERS[request.param](port, folder)
    with (folder.parent / f"{request.param}.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    patch = pytest.MonkeyPatch()
    for name, value in {**CREDENTIALS, "AWS_EC2_METADATA_DISABLED": "true"}.items():
        patch.setenv(name, value)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        wait_for(port, server)
        make_bucket(endpoint)
        yield endpoint
    finally:
        server.kill()  # what it held is of no use to anybody; some take half a minute to end
        server.wait(timeout=20)
        patch.undo()


def make_bucket(endpoint: str) -> None:
    """Half a minute is given: a server may listen before it can keep anything."""
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    deadline = time.monotonic() + 30
    while True:
        try:
            client.create_bucket(Bucket="shop-data")
        except botocore.exceptions.ClientError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return


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
