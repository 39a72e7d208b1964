"""Admission control: limits on request bodies, on requests in progress, and on the bytes they hold.

A request counts against the limit of requests in progress only once its body has arrived, so
connections that send a header and nothing else keep nobody out. Bodies that are still arriving
count against a limit of their own; when it is reached, the request that has been sending longest is
refused, because an honest body arrives within moments.
"""

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from fashiontrend.config import ServeConfig
from fashiontrend.serve.schemas.problems import Problem, busy

CLOSE = {"Connection": "close"}
#: Time limits for bodies are spread over `body_timeout_s` and up to this fraction more. Otherwise 500
#: stalled connections that were opened together would be cut off, and return, in the same moment.
SPREAD = 0.45
#: Multiples of the golden ratio's inverse, modulo 1, are spread evenly however many there are.
GOLDEN = (math.sqrt(5) - 1) / 2


class Admission:
    """The requests of one replica; it belongs to one event loop.

    Attributes:
        processing: number of requests whose body has arrived and whose response is not finished.
        held_bytes: bytes of all bodies in memory.
    """

    def __init__(self, cfg: ServeConfig, max_processing: int) -> None:
        """Start without any request.

        Args:
            cfg: limits of size, time and number.
            max_processing: highest number of requests in progress, those that wait for the model
                included.
        """
        self.cfg, self.max_processing = cfg, max_processing
        self.processing = 0
        self.held_bytes = 0
        self._begun = 0
        self._receiving: dict[TrackedRequest, None] = {}  # the oldest is first

    @property
    def receiving(self) -> int:
        """Number of requests whose body is still being received."""
        return len(self._receiving)

    def body_timeout_s(self) -> float:
        """Seconds that the next body may take; they differ from request to request, see `SPREAD`."""
        self._begun += 1
        return self.cfg.body_timeout_s * (1 + SPREAD * (self._begun * GOLDEN % 1))

    @contextmanager
    def track(self, headers: Headers, receive: Receive) -> Iterator["TrackedRequest"]:
        """Count one request, from its headers to the end of its response.

        Raises:
            Problem: 429 if as many requests are in progress as are allowed.
        """
        request = TrackedRequest(self, headers, receive)
        try:
            self._refuse_if_full()
            if request.has_body:
                self._receiving[request] = None
                if len(self._receiving) > self.cfg.max_bodies:
                    self._evict_oldest()
            else:
                self.start_processing(request)
            yield request
        finally:
            self._receiving.pop(request, None)
            self.processing -= request.processing
            self.held_bytes -= request.size

    def start_processing(self, request: "TrackedRequest") -> None:
        """Count a request whose body has arrived as in progress.

        Raises:
            Problem: 429 if other requests took the last places meanwhile.
        """
        self._refuse_if_full()
        self._receiving.pop(request, None)
        self.processing += 1
        request.processing = True

    def hold(self, request: "TrackedRequest", size: int) -> None:
        """Add received bytes to the total; if it is exceeded, the oldest unfinished bodies are dropped."""
        request.size += size
        self.held_bytes += size
        while self.held_bytes > self.cfg.max_held_bytes and self._receiving:
            self._evict_oldest()

    def _evict_oldest(self) -> None:
        oldest = next(iter(self._receiving))
        del self._receiving[oldest]
        self.held_bytes -= oldest.size
        oldest.size = 0
        oldest.evict()

    def _refuse_if_full(self) -> None:
        if self.processing >= self.max_processing:
            detail = f"The server is processing {self.processing} requests, its maximum"
            raise busy(detail, self.cfg.retry_after_s)


class TrackedRequest:
    """One request; its `receive` refuses a body that is too long or too slow."""

    def __init__(self, admission: Admission, headers: Headers, receive: Receive) -> None:
        cfg, self._admission, self._receive = admission.cfg, admission, receive
        form = headers.get("content-type", "").lower().startswith("multipart/")
        self._max_bytes = cfg.max_body_bytes if form else cfg.max_json_bytes
        self._stated = headers.get("content-length", "")
        self._timeout_s = admission.body_timeout_s()
        self._deadline = asyncio.get_running_loop().time() + self._timeout_s
        self._timer: asyncio.Timeout | None = None
        self._evicted = False
        self._read, self._ended = 0, False
        self.has_body = "transfer-encoding" in headers or self._stated not in ("", "0")
        self.processing = False
        self.size = 0

    async def receive(self) -> Message:
        """Receive the next ASGI message.

        Raises:
            Problem: 408 if the body is too slow, 413 if it is too long, 429 if the server is full.
        """
        if self._ended:
            return await self._receive()
        if self._stated.isdecimal() and int(self._stated[:20]) > self._max_bytes:
            raise self._too_large()
        message = await self._wait()
        if message["type"] != "http.request":
            return message
        piece = len(message.get("body", b""))
        self._read += piece
        if self._read > self._max_bytes:
            raise self._too_large()
        self._admission.hold(self, piece)
        if self._evicted:
            raise self._crowded_out()
        self._ended = not message.get("more_body", False)
        if self._ended and not self.processing:
            self._admission.start_processing(self)
        return message

    def evict(self) -> None:
        """Stop waiting for the body, to make room for other requests."""
        self._evicted = True
        if self._timer is not None:
            self._timer.reschedule(asyncio.get_running_loop().time())

    async def _wait(self) -> Message:
        if self._evicted:
            raise self._crowded_out()
        try:
            async with asyncio.timeout_at(self._deadline) as self._timer:
                return await self._receive()
        except TimeoutError:
            if self._evicted:
                raise self._crowded_out() from None
            detail = f"The request body did not arrive within {self._timeout_s:.3g} s."
            raise Problem(408, "timeout", detail, CLOSE) from None
        finally:
            self._timer = None

    def _too_large(self) -> Problem:
        limit = f"The request body is longer than the allowed {self._max_bytes} bytes."
        return Problem(413, "too_large", limit)

    def _crowded_out(self) -> Problem:
        detail = "The server is receiving too many uploads and closed the slowest one, yours"
        problem = busy(detail, self._admission.cfg.retry_after_s)
        problem.headers |= CLOSE
        return problem
