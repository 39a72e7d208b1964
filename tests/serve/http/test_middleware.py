"""The middleware: bodies that are too long or too slow, and responses that take too long."""

import asyncio
import json

from fashiontrend.config import ServeConfig
from fashiontrend.serve.http.admission import Admission
from fashiontrend.serve.http.middleware import ServiceMiddleware
from fashiontrend.serve.metrics import Metrics


async def read_all(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def never(scope, receive, send):
    await asyncio.Event().wait()


def ask(app, receive, headers=(), **settings) -> tuple[int, dict]:
    sent = []

    async def send(message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/x",
        "query_string": b"",
        "headers": list(headers),
        "root_path": "/x",
    }

    async def call() -> None:
        await ServiceMiddleware(app, Admission(ServeConfig(**settings), 1), Metrics())(
            scope, receive, send
        )

    asyncio.run(call())
    body = b"".join(m.get("body", b"") for m in sent)
    return sent[0]["status"], json.loads(body)


def pieces(*parts: bytes):
    left = list(parts)

    async def receive():
        if not left:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return receive


def test_a_body_within_the_limits_passes():
    assert ask(read_all, pieces(b"a", b"b"))[0] == 200


def test_a_stated_length_is_enough_to_refuse():
    status, told = ask(read_all, pieces(b""), [(b"content-length", b"5000000")])
    assert (status, told["type"].rsplit(":", 1)[1]) == (413, "too_large")


def test_a_body_that_grows_beyond_the_limit_is_cut_off():
    assert ask(read_all, pieces(b"a" * 60, b"a" * 60), max_json_bytes=100)[0] == 413


def test_a_body_that_stops_coming_is_408():
    async def stalls():
        await asyncio.Event().wait()

    assert ask(read_all, stalls, body_timeout_s=0.01)[0] == 408


def test_a_response_that_takes_too_long_is_504():
    assert ask(never, pieces(b""), request_timeout_s=0.01)[0] == 504


def test_a_client_that_goes_away_is_no_fault_of_ours(serve, caplog):
    async def gone():
        return {"type": "http.disconnect"}

    async def send(message) -> None:
        assert message.get("status", 499) == 499

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/recognise",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"9")],
    }
    asyncio.run(serve.app(scope, gone, send))
    assert "failed" not in caplog.text
    assert serve.admission.receiving == serve.admission.processing == 0
