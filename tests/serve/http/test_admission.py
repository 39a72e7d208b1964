"""Admission control: a body that is being received keeps nobody out, and a full server says so at once."""

import asyncio
import contextlib
from itertools import pairwise

import pytest
from starlette.datastructures import Headers

from fashiontrend.config import ServeConfig
from fashiontrend.serve.http.admission import Admission
from fashiontrend.serve.schemas.problems import Problem

FORM = Headers({"content-type": "multipart/form-data", "content-length": "9"})
PLAIN = Headers({})


class Wire:
    """A connection that sends its pieces and then nothing."""

    def __init__(self, *pieces: bytes, ends: bool = False) -> None:
        self.pieces, self.ends = list(pieces), ends

    async def __call__(self) -> dict:
        if not self.pieces:
            await asyncio.Event().wait()
        body = self.pieces.pop(0)
        return {
            "type": "http.request",
            "body": body,
            "more_body": bool(self.pieces) or not self.ends,
        }


def whole(body: bytes = b"body") -> Wire:
    return Wire(body, ends=True)


async def read(admission: Admission, wire: Wire, done: asyncio.Event | None = None) -> bytes:
    """Read a body to its end, then answer until `done`."""
    with admission.track(FORM, wire) as visit:
        body, more = b"", True
        while more:
            message = await visit.receive()
            body, more = body + message["body"], message["more_body"]
        if done is not None:
            await done.wait()
    return body


async def settle() -> None:
    """Everything that can go on has gone on."""
    for _ in range(5):
        await asyncio.sleep(0)


def code(problem: BaseException) -> tuple[int, str]:
    assert isinstance(problem, Problem)
    return problem.status, problem.code


def is_empty(admission: Admission) -> bool:
    return (admission.processing, admission.receiving, admission.held_bytes) == (0, 0, 0)


def test_bodies_that_are_being_received_take_no_place_of_requests_in_progress():
    async def run() -> None:
        admission = Admission(ServeConfig(body_timeout_s=0.2), max_processing=1)
        stalled = [asyncio.create_task(read(admission, Wire(b"{"))) for _ in range(50)]
        await settle()
        assert (admission.receiving, admission.processing) == (50, 0)
        assert await read(admission, whole()) == b"body"
        told = await asyncio.gather(*stalled, return_exceptions=True)
        assert {code(t) for t in told} == {(408, "timeout")}
        assert is_empty(admission)

    asyncio.run(run())


def test_what_is_full_refuses_before_it_reads():
    async def run() -> None:
        admission, done = Admission(ServeConfig(), max_processing=1), asyncio.Event()
        first = asyncio.create_task(read(admission, whole(), done))
        await settle()
        for headers in (PLAIN, FORM):
            with pytest.raises(Problem) as early, admission.track(headers, Wire()):
                pass
            assert code(early.value) == (429, "busy")
            assert early.value.headers == {"Retry-After": "2"}
        done.set()
        await first
        assert is_empty(admission)

    asyncio.run(run())


def test_a_body_that_arrives_when_all_places_are_taken_is_refused():
    async def run() -> None:
        admission, done, pieces = Admission(ServeConfig(), 1), asyncio.Event(), asyncio.Queue()
        slow = asyncio.create_task(read(admission, pieces.get))
        await settle()
        first = asyncio.create_task(read(admission, whole(), done))
        await settle()
        pieces.put_nowait({"type": "http.request", "body": b"late", "more_body": False})
        with pytest.raises(Problem) as refused:
            await slow
        assert code(refused.value) == (429, "busy")
        done.set()
        assert await first == b"body"
        assert is_empty(admission)

    asyncio.run(run())


def test_when_too_many_are_on_their_way_who_came_first_leaves():
    async def run() -> None:
        admission = Admission(ServeConfig(max_bodies=2), max_processing=1)
        first, second = (asyncio.create_task(read(admission, Wire(b"{"))) for _ in range(2))
        await settle()
        assert await read(admission, whole()) == b"body"
        with pytest.raises(Problem) as left:
            await first
        assert code(left.value) == (429, "busy")
        assert left.value.headers == {"Retry-After": "2", "Connection": "close"}
        assert not second.done()
        second.cancel()
        await settle()
        assert is_empty(admission)

    asyncio.run(run())


def test_when_bodies_hold_too_many_bytes_who_came_first_leaves():
    async def run() -> None:
        admission = Admission(ServeConfig(max_held_bytes=10), max_processing=2)
        first = asyncio.create_task(read(admission, Wire(b"123456")))
        await settle()
        assert await read(admission, whole(b"1234567")) == b"1234567"
        with pytest.raises(Problem):
            await first
        with pytest.raises(Problem) as alone:
            await read(admission, Wire(b"12345678901"))
        assert code(alone.value) == (429, "busy")
        assert is_empty(admission)

    asyncio.run(run())


def test_a_client_that_goes_away_takes_no_place():
    async def gone() -> dict:
        return {"type": "http.disconnect"}

    async def run() -> None:
        admission = Admission(ServeConfig(), max_processing=1)
        with admission.track(FORM, gone) as visit:
            assert (await visit.receive())["type"] == "http.disconnect"
            assert admission.processing == 0
        assert is_empty(admission)

    asyncio.run(run())


def test_a_request_that_fails_frees_its_place():
    async def run() -> None:
        admission = Admission(ServeConfig(), max_processing=1)
        with contextlib.suppress(RuntimeError), admission.track(PLAIN, whole()):
            assert admission.processing == 1
            raise RuntimeError
        assert is_empty(admission)

    asyncio.run(run())


def test_bodies_that_came_together_are_not_cut_off_together():
    admission = Admission(ServeConfig(body_timeout_s=10), max_processing=1)
    patience = sorted(admission.body_timeout_s() for _ in range(500))
    assert patience[0] >= 10
    assert patience[-1] < ServeConfig().request_timeout_s
    assert max(b - a for a, b in pairwise(patience)) < 0.05
