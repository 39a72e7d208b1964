"""A real API server without a node: etcd and kube-apiserver on loopback, for what a schema cannot tell.

KUBE_BIN names a folder with `kube-apiserver` and `kubectl` of one version, any build of
Kubernetes 1.33 to 1.36; `etcd` is there too or on PATH (Debian: etcd-server).
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.deploy.conftest import run

TOKEN = "administrator-of-a-test"
READY_S = 60.0


@dataclass(frozen=True)
class Server:
    """An API server, as kubectl sees it."""

    kubectl_path: str
    kubeconfig: Path

    def kubectl(self, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        return run(self.kubectl_path, f"--kubeconfig={self.kubeconfig}", *words, text=text)

    def apply(self, text: str, *words: str) -> None:
        """Server-side apply of what has to be there first."""
        done = self.kubectl("apply", "--server-side", *words, "-f", "-", text=text)
        assert done.returncode == 0, done.stderr


def program(name: str) -> str:
    """Path of a program of KUBE_BIN; without that variable the test is skipped."""
    folder = os.environ.get("KUBE_BIN")
    if not folder:
        pytest.skip("KUBE_BIN is unset: name a folder with Kubernetes' binaries to run this")
    found = shutil.which(name, path=f"{folder}{os.pathsep}{os.environ['PATH']}")
    if not found:
        pytest.fail(f"{name} is neither in KUBE_BIN ({folder}) nor on PATH")
    return found


@contextmanager
def serve(folder: Path) -> Iterator[Server]:
    """Start both, wait until the server is ready, and stop the server before its store."""
    programs = {name: program(name) for name in ("kube-apiserver", "kubectl", "etcd")}
    ports = free_ports(3)
    address = f"https://127.0.0.1:{ports[0]}"
    server = Server(programs["kubectl"], kubeconfig(folder, address))
    with ExitStack() as stack:
        client, peer = (f"http://127.0.0.1:{p}" for p in ports[1:])
        stack.enter_context(
            process(folder, "etcd", [programs["etcd"], *etcd_flags(folder, client, peer)])
        )
        flags = api_flags(folder, ports[0], client)
        api = stack.enter_context(process(folder, "api", [programs["kube-apiserver"], *flags]))
        end = time.monotonic() + READY_S
        while server.kubectl("get", "--raw", "/readyz").returncode:
            assert api.poll() is None, (folder / "api.log").read_text("utf-8")[-2000:]
            assert time.monotonic() < end, f"no API server after {READY_S:.0f} s: {folder}"
            time.sleep(0.3)
        yield server


@contextmanager
def process(folder: Path, name: str, command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{name}.log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def etcd_flags(folder: Path, client: str, peer: str) -> list[str]:
    return [
        f"--data-dir={folder / 'etcd'}",
        "--unsafe-no-fsync",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]


def api_flags(folder: Path, port: int, etcd: str) -> list[str]:
    key = folder / "accounts.key"
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    key.write_bytes(private.private_bytes(*form, serialization.NoEncryption()))
    tokens = folder / "tokens.csv"
    tokens.write_text(f"{TOKEN},admin,admin,system:masters\n", "utf-8")
    return [
        f"--etcd-servers={etcd}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder / 'certificates'}",
        f"--token-auth-file={tokens}",
        "--authorization-mode=RBAC",
        # No controller makes accounts here; what a pod may be is judged all the same.
        "--disable-admission-plugins=ServiceAccount",
        "--endpoint-reconciler-type=none",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-cluster-ip-range=10.97.0.0/24",
    ]


def kubeconfig(folder: Path, address: str) -> Path:
    tree = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "test", "cluster": {"server": address, "insecure-skip-tls-verify": True}}
        ],
        "users": [{"name": "admin", "user": {"token": TOKEN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        "current-context": "test",
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(tree), "utf-8")
    return path


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
