"""The client for programs with an event loop; it has the methods of `blocking.Client`."""

from asyncio import sleep
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import httpx

from fashiontrend.attrnet.inference.prediction import GarmentPrediction
from fashiontrend.client import calls
from fashiontrend.client.calls import Call
from fashiontrend.client.exchange import Exchange
from fashiontrend.serve.schemas.catalogue_jobs import JobResponse, JobsResponse
from fashiontrend.serve.schemas.requests import AdhocSeries, BoxFractions, Options, RemotePicture
from fashiontrend.serve.schemas.responses import (
    AdhocForecastResponse,
    EvidenceResponse,
    ForecastsResponse,
    GatesResponse,
    ImageResult,
    JsonObject,
    KeywordsResponse,
    RecogniseResponse,
    SeriesResponse,
    VersionResponse,
)
from fashiontrend.serve.schemas.retail import RetailResponse
from fashiontrend.serve.schemas.scorecard import ScorecardResponse

T = TypeVar("T")


class AsyncClient:
    """A connection pool to one server; an asynchronous context manager."""

    def __init__(
        self,
        server: str,
        token: str | None = None,
        timeout_s: float = 30.0,
        retries: int = 3,
        transport: httpx.AsyncBaseTransport | None = None,
        pause: Callable[[float], Awaitable[object]] = sleep,
    ) -> None:
        """Set up without contacting the server; see `Client.__init__`."""
        self._exchange, self._pause = Exchange(server, token, timeout_s, retries), pause
        self._http = httpx.AsyncClient(**self._exchange.http, transport=transport)

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
        boxes: Mapping[str, BoxFractions] | None = None,
    ) -> AsyncIterator[ImageResult]:
        """Recognise local pictures, a few per request, in order; see `Client.recognise`."""
        for call in calls.recognise(files, options, boxes):
            for image in await self._do(call):
                yield image

    async def describe(self, images: Sequence[bytes]) -> list[GarmentPrediction]:
        """Recognise encoded pictures; see `Client.describe`."""
        return [found for call in calls.describe(images) for found in await self._do(call)]

    async def recognise_remote(
        self, pictures: Sequence[RemotePicture], options: Options | None = None
    ) -> RecogniseResponse:
        """Recognise pictures that the server reads by URL or store key."""
        return await self._do(calls.recognise_remote(pictures, options))

    async def keywords(self, **query: str | float | None) -> KeywordsResponse:
        """Get the keywords of a day; see `Client.keywords`."""
        return await self._do(calls.keywords(query))

    async def evidence(self, keyword_id: str) -> EvidenceResponse:
        """Get the series, forecasts and samples behind a keyword."""
        return await self._do(calls.evidence(keyword_id))

    async def scorecard(self) -> ScorecardResponse:
        """Get how often published keywords came true; see `Client.scorecard`."""
        return await self._do(calls.scorecard())

    async def series(self, **query: str | None) -> SeriesResponse:
        """Get shares; see `Client.series`."""
        return await self._do(calls.series(query))

    async def retail(self, **query: str | None) -> RetailResponse:
        """Get how the products of values are sold; see `Client.retail`."""
        return await self._do(calls.retail(query))

    async def forecasts(self, **query: str | None) -> ForecastsResponse:
        """Get the released forecasts."""
        return await self._do(calls.forecasts(query))

    async def forecast(self, series: Sequence[AdhocSeries]) -> AdhocForecastResponse:
        """Forecast your own series with the released LSTM."""
        return await self._do(calls.forecast(series))

    async def gates(self) -> GatesResponse:
        """Get the newest verdict of every gate."""
        return await self._do(calls.gates())

    async def version(self) -> VersionResponse:
        """Get the running version and the release it serves."""
        return await self._do(calls.version())

    async def submit(
        self,
        keys: Sequence[str],
        options: Options | None = None,
        idempotency_key: str | None = None,
    ) -> JobResponse:
        """Submit a catalogue job; the same `idempotency_key` returns the same job again."""
        return await self._do(calls.submit(keys, options, idempotency_key))

    async def job(self, job_id: str) -> JobResponse:
        """Get the state of a catalogue job."""
        return await self._do(calls.job(job_id))

    async def list_jobs(self) -> JobsResponse:
        """Get your newest catalogue jobs, newest first."""
        return await self._do(calls.list_jobs())

    async def cancel(self, job_id: str) -> JobResponse:
        """Cancel a catalogue job; what is finished stays, and nothing further is begun."""
        return await self._do(calls.cancel(job_id))

    async def results(self, job_id: str, limit: int = 1000) -> AsyncIterator[JsonObject]:
        """Get the result rows of a catalogue job, as far as they are finished; `limit` is per page."""
        cursor: str | None = None
        while True:
            page = await self._do(calls.results(job_id, cursor, limit))
            for row in page.rows:
                yield row
            cursor = calls.next_cursor(page, cursor)
            if cursor is None:
                return

    async def _do(self, call: Call[T]) -> T:
        attempt = 0
        while True:
            try:
                response = await self._http.request(call.method, call.path, **call.content)
            except httpx.HTTPError as error:
                raise self._exchange.unreachable(error) from error
            wait_s = self._exchange.pause_s(response, attempt)
            if wait_s is None:
                return self._exchange.result(call, response)
            await self._pause(wait_s)
            attempt += 1
