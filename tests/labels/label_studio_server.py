"""A real Label Studio on loopback, for tests: it starts, makes its own token, and is spoken to by HTTP.

Its package needs other versions of many libraries than ours, so that it lives in an environment of its own:
`make label-studio` makes it, or $FASHIONTREND_LABEL_STUDIO names its program.
"""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

#: Seconds until a server that has to make its database answers, on busy cores.
PATIENCE = 600
ROOT = Path(__file__).parents[2]


def find_program() -> str | None:
    """Path of Label Studio's program, None if it is not installed."""
    named = os.environ.get("FASHIONTREND_LABEL_STUDIO")
    made = ROOT / "build" / "label-studio" / "bin" / "label-studio"
    return named or (str(made) if made.exists() else shutil.which("label-studio"))


class LabelStudio:
    """The API of a running server."""

    def __init__(self, address: str, token: str) -> None:
        self.client = httpx.Client(
            base_url=address, headers={"Authorization": f"Token {token}"}, timeout=300
        )

    def make_project(self, interface: str) -> int:
        found = self._send(
            "POST", "/api/projects", {"title": "garments", "label_config": interface}
        )
        return int(found["id"])

    def import_tasks(self, project: int, tasks: list[dict[str, Any]]) -> None:
        self._send("POST", f"/api/projects/{project}/import", tasks)

    def tasks(self, project: int, number: int) -> list[dict[str, Any]]:
        query = f"/api/tasks?project={project}&page_size={number}&fields=all"
        return list(self._send("GET", query)["tasks"])

    def annotate(self, task: int, result: list[dict[str, Any]], cancelled: bool = False) -> None:
        body = {"result": result, "was_cancelled": cancelled, "lead_time": 9.5}
        self._send("POST", f"/api/tasks/{task}/annotations/", body)

    def export(self, project: int) -> str:
        query = f"/api/projects/{project}/export?exportType=JSON&download_all_tasks=true"
        response = self.client.get(query)
        response.raise_for_status()
        return response.text

    def _send(self, method: str, address: str, body: Any = None) -> Any:
        response = self.client.request(method, address, json=body)
        assert response.is_success, (
            f"{method} {address}: {response.status_code} {response.text[:2000]}"
        )
        return response.json()


@contextmanager
def running(program: str, folder: Path) -> Iterator[LabelStudio]:
    """Start a server with an empty database in a folder, and stop it afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(20)
    arguments = [
        program, "start", "--no-browser", "--data-dir", str(folder / "data"),
        "--username", "ann@example.org", "--password", secrets.token_hex(8), "--user-token", token,
        "--enable-legacy-api-token", "-p", str(port), "--internal-host", "127.0.0.1",
        "--log-level", "ERROR",
    ]  # fmt: skip
    quiet = {
        "COLLECT_ANALYTICS": "false", "LATEST_VERSION_CHECK": "false", "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "", "HOME": str(folder),
    }  # fmt: skip
    kept = {k: os.environ[k] for k in ("PATH", "LANG", "TMPDIR") if k in os.environ}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            arguments, env={**kept, **quiet}, stdout=log, stderr=log, cwd=folder
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address, process, folder / "server.log")
        server = LabelStudio(address, token)
        with server.client:
            yield server
    finally:
        process.terminate()
        process.wait(60)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text("utf-8", "replace")[-3000:]
        try:
            if httpx.get(f"{address}/health", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(1)
    raise AssertionError(log.read_text("utf-8", "replace")[-3000:])
