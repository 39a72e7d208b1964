"""The client of a program with an event loop; the same methods as `blocking.Client`."""

from asyncio import sleep
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from fashiontrend.attrnet.inference.prediction import Answer
from fashiontrend.client import calls, exchange
from fashiontrend.client.calls import Box, Call
from fashiontrend.serve.schemas.requests import AdhocSeries, Options, RemotePicture
from fashiontrend.serve.schemas.responses import (
    AdhocForecastResponse,
    EvidenceResponse,
    ForecastsResponse,
    GatesResponse,
    ImageResult,
    JobResponse,
    KeywordsResponse,
    RecogniseResponse,
    SeriesResponse,
    VersionResponse,
)

T = TypeVar("T")


class AsyncClient:
    """One connection pool to one server; an asynchronous context manager."""

    def __init__(
        self,
        server: str,
        token: str | None = None,
        timeout_s: float = 30.0,
        retries: int = 3,
        transport: httpx.AsyncBaseTransport | None = None,
        pause: Callable[[float], Awaitable[object]] = sleep,
    ) -> None:
        """Nothing is contacted yet.

        Args:
            server: `http(s)://host:port`.
            token: bearer token; $FASHIONTREND_TOKEN if None.
            timeout_s: of one request.
            retries: of a request that was answered 429 or 503, after Retry-After seconds.
            transport: tests give another.
            pause: waits; tests give another.

        Raises:
            ConfigError: `server` is not an http address.
        """
        self.server, self._retries, self._pause = server, retries, pause
        sent = exchange.settings(server, token, timeout_s)
        self._http = httpx.AsyncClient(**sent, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def recognise(
        self,
        files: Sequence[str | Path],
        options: Options | None = None,
        boxes: Mapping[str, Box] | None = None,
    ) -> AsyncIterator[ImageResult]:
        """Recognise local pictures, a few at a time, in order.

        Args:
            files: paths.
            options: how the answers should look.
            boxes: path -> box in fractions of the upright picture, where it is known.

        Raises:
            ConfigError: a file is not there, or a box is of none of the files.
            Refused: the server refuses; one bad picture is no refusal, its answer says why.
            StoreError: the server cannot be reached.
        """
        for call in calls.recognise(files, options, boxes):
            for image in await self._do(call):
                yield image

    async def describe(self, images: Sequence[bytes]) -> list[Answer]:
        """What `attrnet.predict.Recogniser.describe` says of the same pictures, by the server's model.

        Raises:
            Refused: the server refuses the request as a whole.
            StoreError: the server cannot be reached.
        """
        return [answer for call in calls.describe(images) for answer in await self._do(call)]

    async def recognise_remote(
        self, pictures: Sequence[RemotePicture], options: Options | None = None
    ) -> RecogniseResponse:
        """Recognise pictures that the server fetches by URL or store key."""
        return await self._do(calls.recognise_remote(pictures, options))

    async def keywords(self, **query: str | float | None) -> KeywordsResponse:
        """Keywords; the query as in the API: as_of, platform, direction, min_confidence, ..."""
        return await self._do(calls.keywords(query))

    async def evidence(self, keyword_id: str) -> EvidenceResponse:
        """Everything behind one keyword."""
        return await self._do(calls.evidence(keyword_id))

    async def series(self, **query: str | None) -> SeriesResponse:
        """Shares; the query as in the API: platform, attribute, value, from, to, basis, corrected.

        Without correction (`corrected="false"`) there is no interval: `low` and `high` are None.
        """
        return await self._do(calls.series(query))

    async def forecasts(self, **query: str | None) -> ForecastsResponse:
        """The released forecasts."""
        return await self._do(calls.forecasts(query))

    async def forecast(self, series: Sequence[AdhocSeries]) -> AdhocForecastResponse:
        """Forecast posted series with the released LSTM."""
        return await self._do(calls.forecast(series))

    async def gates(self) -> GatesResponse:
        """The newest verdict of every gate."""
        return await self._do(calls.gates())

    async def version(self) -> VersionResponse:
        """What is running."""
        return await self._do(calls.version())

    async def submit(
        self,
        keys: Sequence[str],
        options: Options | None = None,
        idempotency_key: str | None = None,
    ) -> JobResponse:
        """Hand in a catalogue job; with a key of your own, twice is once."""
        return await self._do(calls.submit(keys, options, idempotency_key))

    async def job(self, job_id: str) -> JobResponse:
        """How far a catalogue job is."""
        return await self._do(calls.job(job_id))

    async def results(self, job_id: str, limit: int = 1000) -> AsyncIterator[dict[str, Any]]:
        """The answers of a catalogue job, as far as they are there."""
        cursor: str | None = None
        while True:
            page = await self._do(calls.results(job_id, cursor, limit))
            for row in page["rows"]:
                yield row
            cursor = calls.next_cursor(page, cursor)
            if cursor is None:
                return

    async def _do(self, call: Call[T]) -> T:
        for attempt in range(self._retries + 1):
            try:
                answer = await self._http.request(call.method, call.address, **call.sent)
            except httpx.HTTPError as error:
                raise exchange.unreachable(self.server, error) from error
            wait_s = exchange.pause_s(answer)
            if wait_s is None or attempt == self._retries:
                break
            await self._pause(wait_s)
        return call.read(exchange.content(answer))
