"""The outermost ASGI layer: admission, request ids, time limit, metrics, audit log.

Errors inside the application become problem documents here, without a trace of their cause.
"""

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
from fashiontrend.serve.metrics import Metrics
from fashiontrend.serve.schemas.problems import Problem

log = logging.getLogger(__name__)
audit = logging.getLogger("fashiontrend.audit")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
#: Probes poll these paths every few seconds: they bypass admission and the audit log.
PROBES = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/v1/recognise/v2/health/live",
    "/v1/recognise/v2/health/ready",
}
INTERNAL_ERROR = (
    "The server failed while it processed the request. Its log has the cause under the request_id."
)
RequestState = MutableMapping[str, Any]


class ServiceMiddleware:
    """An ASGI application around another, `app`."""

    def __init__(self, app: ASGIApp, admission: Admission, metrics: Metrics) -> None:
        self.app, self.admission, self.metrics = app, admission, metrics
        self.cfg = admission.cfg
        metrics.watch_requests(lambda: admission.processing, lambda: admission.receiving)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request, whatever the application raises."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # Ray Serve sets the application's prefix here, but our routes spell whole paths.
        scope = {**scope, "root_path": ""}
        headers = Headers(scope=scope)
        state = _begin(scope, headers)
        begun = time.perf_counter()
        sender = _ResponseSender(send, state)
        try:
            async with asyncio.timeout(self.cfg.request_timeout_s):
                if scope["path"] in PROBES:
                    await self.app(scope, receive, sender)
                else:
                    with self.admission.track(headers, receive) as request:
                        await self.app(scope, request.receive, sender)
        except TimeoutError:
            await sender.send_problem(scope, receive, self._timed_out())
        except Problem as problem:
            await sender.send_problem(scope, receive, problem)
        except Exception:
            log.exception("request %s failed", state["request_id"])
            failed = Problem(500, "internal", INTERNAL_ERROR)
            await sender.send_problem(scope, receive, failed)
        finally:
            self._record(scope, state, time.perf_counter() - begun)

    def _timed_out(self) -> Problem:
        limit = f"The response was not ready within {self.cfg.request_timeout_s:g} s."
        return Problem(504, "timeout", f"{limit} Send less in one request.")

    def _record(self, scope: Scope, state: RequestState, seconds: float) -> None:
        """Count the request, and write its line of the audit log."""
        route = getattr(scope.get("route"), "path", "") or state.get("route", "unmatched")
        self.metrics.requests.labels(route, scope["method"], state["status"]).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        if scope["path"] in PROBES or not audit.isEnabledFor(logging.INFO):
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


def _begin(scope: Scope, headers: Headers) -> RequestState:
    """The state of a new request; its id is the caller's if that is a valid one."""
    given = headers.get("x-request-id", "")
    state: RequestState = scope.setdefault("state", {})
    state["known_id"] = REQUEST_ID.fullmatch(given) is not None
    state["request_id"] = given if state["known_id"] else uuid.uuid4().hex
    state["status"] = 0
    return state


class _ResponseSender:
    """An ASGI `send` that adds the headers of every response."""

    def __init__(self, send: Send, state: RequestState) -> None:
        self.send, self.state = send, state

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.state["status"] = message["status"]
            headers = MutableHeaders(scope=message)
            if not self.state["known_id"]:  # whoever chose the id, caller or proxy, writes it
                headers["x-request-id"] = self.state["request_id"]
            headers["x-content-type-options"] = "nosniff"
            headers.setdefault("cache-control", "no-store")
        await self.send(message)

    async def send_problem(self, scope: Scope, receive: Receive, problem: Problem) -> None:
        """Respond with a problem, unless a part of another response was sent already."""
        if not self.state["status"]:
            await problems.respond(problem, self.state["request_id"])(scope, receive, self)
