"""The API as the board sees it, replayed on loopback; knobs make it refuse."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import drawn
import world

BOARD = Path(__file__).parents[3] / "fashiontrend" / "serve" / "board"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass
class Replay:
    """What the server does: set a knob, reload the page."""

    url: str = ""
    token: str | None = None  # asked for below /v1
    closed: bool = False  # the perplexity gate
    scored: bool = True  # whether keywords have come due
    fails: dict[str, tuple[int, dict[str, Any], dict[str, str]]] = field(
        default_factory=dict
    )  # path -> problem
    holds: dict[str, threading.Event] = field(
        default_factory=dict
    )  # path -> what its answer waits for
    uploads: list[bytes] = field(default_factory=list)


def answer(replay: Replay, path: str, query: dict[str, list[str]]) -> Any:
    """The JSON of a GET; KeyError where there is none."""
    if path == "/v1/keywords":
        return world.keywords(query.get("platform", ["*"])[0])
    if found := re.fullmatch(r"/v1/keywords/(.+)/evidence", path):
        where = found[1].rsplit("|", 1)[1]
        number = [
            world.keyword_id(n).replace("pooled", where) for n in range(world.NUM_KEYWORDS)
        ].index(found[1])
        return world.evidence(number, "*" if where == "pooled" else where)
    if path == "/v1/gates":
        return {"gates": world.gates(replay.closed)}
    if found := re.fullmatch(r"/v1/gates/(\w+)/history", path):
        return world.history(found[1], replay.closed)
    if path == "/v1/series":
        return {"release": world.RELEASE, "series": world.evidence(0, "*")["series"]}
    if path == "/v1/scorecard":
        return world.scorecard(replay.scored)
    return {"/v1/taxonomy": world.taxonomy}[path]()


def handler(replay: Replay) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            path = unquote(parts.path)
            if path == "/" or path.startswith("/board/"):
                return self.send_file(
                    BOARD / ("index.html" if path == "/" else path.removeprefix("/board/"))
                )
            if path in replay.holds:
                replay.holds[path].wait(timeout=60)
            if self.refused(path):
                return None
            if path.startswith("/v1/pictures/"):
                return self.send(200, drawn.draw(path.rsplit("/", 1)[1]).encode(), "image/svg+xml")
            try:
                return self.send_json(200, answer(replay, path, parse_qs(parts.query)))
            except (KeyError, ValueError):
                return self.send_json(404, {"title": "not found", "status": 404, "detail": path})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.refused(self.path):
                return
            replay.uploads.append(body)
            self.send_json(200, world.recognised())

        def refused(self, path: str) -> bool:
            if path in replay.fails:
                status, problem, headers = replay.fails[path]
                self.send_json(status, {"status": status, **problem}, headers)
                return True
            if replay.token and self.headers["Authorization"] != f"Bearer {replay.token}":
                self.send_json(
                    401, {"status": 401, "title": "no token"}, {"WWW-Authenticate": "Bearer"}
                )
                return True
            return False

        def send_file(self, path: Path) -> None:
            if not path.is_file():
                return self.send_json(404, {"title": "not found"})
            return self.send(
                200, path.read_bytes(), KINDS[path.suffix], {"Content-Security-Policy": POLICY}
            )

        def send_json(self, status: int, data: Any, headers: dict[str, str] | None = None) -> None:
            kind = "application/json" if status < 400 else "application/problem+json"
            self.send(status, json.dumps(data, ensure_ascii=False).encode(), kind, headers)

        def send(
            self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None
        ) -> None:
            self.send_response(status)
            for name, value in {
                "Content-Type": kind,
                "Content-Length": str(len(body)),
                **(headers or {}),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

    return Handler


@contextmanager
def replay() -> Iterator[Replay]:
    """Serve on a port that the system chooses."""
    told = Replay()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(told))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
