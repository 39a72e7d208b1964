"""Running the crawler as it is run: a process of its own, against servers on loopback."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from fashiontrend.config import StoreConfig
from fashiontrend.storage.object_store import open_store


@pytest.fixture(scope="session")
def crawl():
    """crawl(folder, platforms, first, last, **settings) -> (store, lines told)."""

    def run(folder, platforms, first, last, **settings):
        url = str(folder / "store")
        tree = {"store": {"url": url}, "crawl": {"retries": 1, "platforms": platforms, **settings}}
        file = folder / "config.yaml"
        file.write_text(yaml.safe_dump(tree))
        command = [sys.executable, "-m", "fashiontrend.crawl.run", "--config", str(file)]
        command += ["--days", f"{first}..{last}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return open_store(StoreConfig(url=url)), [json.loads(x) for x in done.stdout.splitlines()]

    return run


Reply = tuple[int, dict[str, str], bytes]


class OddServer(ThreadingHTTPServer):
    """Waits at its end for the answers under way, and does not mind crawlers that left."""

    daemon_threads = False

    def handle_error(self, request, client_address) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class OddShop:
    """A server that answers as told and remembers when it was asked for what."""

    def __init__(self, answer: Callable[[str], Reply]) -> None:
        shop = self
        self.closing = threading.Event()  # an answer that must not come waits for this event
        self.asked: list[tuple[float, str]] = []
        self.unchanged: list[str] = []  # asked for with the mark of their present state

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60.0  # so that a connection that nobody closes ends too

            def do_GET(self) -> None:
                shop.asked.append((time.monotonic(), self.path))
                status, headers, body = answer(self.path)
                if headers.get("ETag", "") == self.headers.get("If-None-Match", "none"):
                    shop.unchanged.append(self.path)
                    status, body = 304, b""
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = "Connection" in headers

            def log_message(self, *args) -> None:
                pass

        self.server = OddServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def paths(self) -> list[str]:
        """What was asked for, robots.txt left out."""
        return [path for _, path in self.asked if path != "/robots.txt"]

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(scope="module")
def open_shop():
    """open_shop(answer) -> OddShop; all are closed at the end."""
    shops: list[OddShop] = []

    def open_one(answer: Callable[[str], Reply]) -> OddShop:
        shops.append(OddShop(answer))
        return shops[-1]

    yield open_one
    for shop in shops:
        shop.close()
