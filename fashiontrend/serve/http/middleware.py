"""The outermost layer: who comes in, request ids, the audit log, metrics, and no trace of an error inside."""

import asyncio
import json
import logging
import re
import time
import uuid
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fashiontrend.serve.http import problems
from fashiontrend.serve.http.admission import Admission
from fashiontrend.serve.http.metrics import Metrics
from fashiontrend.serve.http.problems import Problem

log = logging.getLogger(__name__)
audit = logging.getLogger("fashiontrend.audit")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
#: Asked every few seconds by machines; not worth an audit line.
QUIET = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/v1/recognise/v2/health/live",
    "/v1/recognise/v2/health/ready",
}
State = MutableMapping[str, Any]


class ServiceMiddleware:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, admission: Admission, metrics: Metrics) -> None:
        self.app, self.cfg, self.admission, self.metrics = app, admission.cfg, admission, metrics
        metrics.follow(admission)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens inside."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # Ray Serve names the deployment's prefix here; the routes below spell whole paths.
        scope = {**scope, "root_path": ""}
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        state: State = scope.setdefault("state", {})
        state["known_id"] = REQUEST_ID.fullmatch(given) is not None
        state["request_id"] = given if state["known_id"] else uuid.uuid4().hex
        state["status"] = 0
        begun = time.perf_counter()
        answer = _Answer(send, state)
        try:
            async with asyncio.timeout(self.cfg.request_timeout_s):
                if scope["path"] in QUIET:  # asked whether this lives, however full it is
                    await self.app(scope, receive, answer)
                else:
                    with self.admission.visit(headers, receive) as visit:
                        await self.app(scope, visit.receive, answer)
        except TimeoutError:
            told = f"No answer within {self.cfg.request_timeout_s:g} s. Ask for less at once."
            await answer.give_up(scope, receive, Problem(504, "timeout", told))
        except Problem as problem:
            await answer.give_up(scope, receive, problem)
        except Exception:
            log.exception("request %s failed", state["request_id"])
            told = "Something failed inside; the request_id finds it in the server's log."
            await answer.give_up(scope, receive, Problem(500, "internal", told))
        finally:
            self._tell(scope, state, time.perf_counter() - begun)

    def _tell(self, scope: Scope, state: State, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "") or state.get("route", "unmatched")
        self.metrics.requests.labels(route, scope["method"], state["status"]).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        if scope["path"] in QUIET or not audit.isEnabledFor(logging.INFO):
            return
        client = scope.get("client")
        line = {
            "request_id": state["request_id"],
            "caller": state.get("caller", ""),
            "client": client[0] if client else "",
            "method": scope["method"],
            "path": scope["path"][:200],
            "status": state["status"],
            "ms": round(1000 * seconds, 1),
            **state.get("facts", {}),
        }
        audit.info("%s", json.dumps(line, ensure_ascii=True))


class _Answer:
    """Send, with the headers that every answer has."""

    def __init__(self, send: Send, state: State) -> None:
        self.send, self.state = send, state

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.state["status"] = message["status"]
            headers = MutableHeaders(scope=message)
            if not self.state["known_id"]:  # who named the id, caller or proxy, writes it
                headers["x-request-id"] = self.state["request_id"]
            headers["x-content-type-options"] = "nosniff"
            headers.setdefault("cache-control", "no-store")
        await self.send(message)

    async def give_up(self, scope: Scope, receive: Receive, problem: Problem) -> None:
        if self.state["status"]:  # half an answer is out; all that is left is to end it
            return
        await problems.respond(problem, self.state["request_id"])(scope, receive, self)
