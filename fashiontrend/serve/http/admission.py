"""Who comes in: bodies on their way, requests that are answered, and the bytes that both hold.

A request takes a place among those that are answered once its body is there, so connections that
send a header and then nothing keep nobody out. They wait in a room of their own; when it is
full, who has been there longest leaves: an honest body is there within moments.
"""

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from fashiontrend.config import ServeConfig
from fashiontrend.serve.http import problems
from fashiontrend.serve.http.problems import Problem

CLOSE = {"Connection": "close"}
#: Bodies may take up to so much longer than they must be given. Five hundred connections that were
#: opened together and stall would otherwise be cut off, and come again, in the same moment.
LENIENCE = 0.45
#: Its multiples, modulo 1, lie evenly however many there are.
GOLDEN = (math.sqrt(5) - 1) / 2


class Admission:
    """The requests of one replica; belongs to one event loop."""

    def __init__(self, cfg: ServeConfig, max_answering: int) -> None:
        """Empty.

        Args:
            cfg: limits of size, time and number.
            max_answering: requests that are answered at a time, or wait for the model.
        """
        self.cfg, self.max_answering = cfg, max_answering
        self.answering = 0
        self.held_bytes = 0
        self._visits = 0
        self._coming: dict[Visit, None] = {}  # who has been here longest is first

    @property
    def coming(self) -> int:
        """Bodies on their way."""
        return len(self._coming)

    def patience_s(self) -> float:
        """How long the next body may take: `body_timeout_s` or a little more, another time each."""
        self._visits += 1
        return self.cfg.body_timeout_s * (1 + LENIENCE * (self._visits * GOLDEN % 1))

    @contextmanager
    def visit(self, headers: Headers, receive: Receive) -> Iterator["Visit"]:
        """One request, from its headers to the end of its answer.

        Raises:
            Problem: 429; as many are answered as may be.
        """
        visit = Visit(self, headers, receive)
        try:
            self._refuse_if_full()
            if visit.has_body:
                self._coming[visit] = None
                if len(self._coming) > self.cfg.max_bodies:
                    self._evict_oldest()
            else:
                self.arrive(visit)
            yield visit
        finally:
            self._coming.pop(visit, None)
            self.answering -= visit.arrived
            self.held_bytes -= visit.size

    def arrive(self, visit: "Visit") -> None:
        """The body is there.

        Raises:
            Problem: 429; others were faster.
        """
        self._refuse_if_full()
        self._coming.pop(visit, None)
        self.answering += 1
        visit.arrived = True

    def hold(self, visit: "Visit", size: int) -> None:
        """Account for more bytes of a body that is on its way; who came first makes room."""
        visit.size += size
        self.held_bytes += size
        while self.held_bytes > self.cfg.max_held_bytes and self._coming:
            self._evict_oldest()

    def _evict_oldest(self) -> None:
        oldest = next(iter(self._coming))
        del self._coming[oldest]
        self.held_bytes -= oldest.size
        oldest.size = 0
        oldest.leave()

    def _refuse_if_full(self) -> None:
        if self.answering >= self.max_answering:
            told = f"{self.answering} requests are being answered, as many as may be. Come again."
            raise problems.busy(told, self.cfg.retry_after_s)


class Visit:
    """One request: its `receive` gives a body that is neither too long nor too slow."""

    def __init__(self, admission: Admission, headers: Headers, receive: Receive) -> None:
        cfg, self._intake, self._receive = admission.cfg, admission, receive
        form = headers.get("content-type", "").startswith("multipart/")
        self._most = cfg.max_body_bytes if form else cfg.max_json_bytes
        self._stated = headers.get("content-length", "")
        self._patience_s = admission.patience_s()
        self._deadline = asyncio.get_running_loop().time() + self._patience_s
        self._timer: asyncio.Timeout | None = None
        self._told_to_leave = False
        self._read, self._ended = 0, False
        self.has_body = "transfer-encoding" in headers or self._stated not in ("", "0")
        self.arrived = False
        self.size = 0

    async def receive(self) -> Message:
        """The next piece.

        Raises:
            Problem: 408, 413 or 429.
        """
        if self._ended:
            return await self._receive()
        if self._stated.isdecimal() and int(self._stated[:20]) > self._most:
            raise self._too_large()
        message = await self._wait()
        if message["type"] != "http.request":
            return message
        piece = len(message.get("body", b""))
        self._read += piece
        if self._read > self._most:
            raise self._too_large()
        self._intake.hold(self, piece)
        if self._told_to_leave:
            raise self._crowded()
        self._ended = not message.get("more_body", False)
        if self._ended and not self.arrived:
            self._intake.arrive(self)
        return message

    def leave(self) -> None:
        """Wait no longer for the body."""
        self._told_to_leave = True
        if self._timer is not None:
            self._timer.reschedule(asyncio.get_running_loop().time())

    async def _wait(self) -> Message:
        if self._told_to_leave:
            raise self._crowded()
        try:
            async with asyncio.timeout_at(self._deadline) as self._timer:
                return await self._receive()
        except TimeoutError:
            if self._told_to_leave:
                raise self._crowded() from None
            told = f"The body did not arrive within {self._patience_s:.3g} s."
            raise Problem(408, "timeout", told, CLOSE) from None
        finally:
            self._timer = None

    def _too_large(self) -> Problem:
        return Problem(413, "too_large", f"The body has more than {self._most} bytes.")

    def _crowded(self) -> Problem:
        told = "Too many bodies are on their way, and this one has been longest. Come again."
        problem = problems.busy(told, self._intake.cfg.retry_after_s)
        problem.headers = {**(problem.headers or {}), **CLOSE}
        return problem
