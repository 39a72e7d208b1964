"""The client for programs without an event loop."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from time import sleep
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


class Client:
    """A connection pool to one server; a context manager."""

    def __init__(
        self,
        server: str,
        token: str | None = None,
        timeout_s: float = 30.0,
        retries: int = 3,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], object] = sleep,
    ) -> None:
        """Set up without contacting the server.

        Args:
            server: `http(s)://host:port`.
            token: bearer token; None takes $FASHIONTREND_TOKEN.
            timeout_s: longest time for one request in seconds.
            retries: how often a request is repeated while the server is busy (429 or 503), each time
                after the seconds that the server names.
            transport: tests replace it.
            pause: waits for a number of seconds; tests replace it.

        Raises:
            ConfigError: `server` is not an http address.
        """
        self._exchange, self._pause = Exchange(server, token, timeout_s, retries), pause
        self._http = httpx.Client(**self._exchange.http, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def recognise(
        self,
        files: Sequence[str | Path],
        options: Options | None = None,
        boxes: Mapping[str, BoxFractions] | None = None,
    ) -> Iterator[ImageResult]:
        """Recognise local pictures, a few per request, in order.

        Args:
            files: paths of the pictures.
            options: what the results should contain.
            boxes: known boxes by path, in fractions of the upright picture.

        Raises:
            ConfigError: a file does not exist, or a box belongs to none of the files.
            Refused: the server refuses a request. One unusable picture is no refusal; its result
                says why.
            StoreError: the server cannot be reached.
        """
        for call in calls.recognise(files, options, boxes):
            yield from self._do(call)

    def describe(self, images: Sequence[bytes]) -> list[GarmentPrediction]:
        """Recognise encoded pictures like `attrnet.inference.predict.Recogniser.describe`.

        Raises:
            Refused: the server refuses a request as a whole.
            StoreError: the server cannot be reached.
        """
        return [found for call in calls.describe(images) for found in self._do(call)]

    def recognise_remote(
        self, pictures: Sequence[RemotePicture], options: Options | None = None
    ) -> RecogniseResponse:
        """Recognise pictures that the server reads by URL or store key."""
        return self._do(calls.recognise_remote(pictures, options))

    def keywords(self, **query: str | float | None) -> KeywordsResponse:
        """Get the keywords of a day; the query is the API's: as_of, platform, direction, ..."""
        return self._do(calls.keywords(query))

    def evidence(self, keyword_id: str) -> EvidenceResponse:
        """Get the series, forecasts and samples behind a keyword."""
        return self._do(calls.evidence(keyword_id))

    def scorecard(self) -> ScorecardResponse:
        """Get how often published keywords came true, and what was claimed of them."""
        return self._do(calls.scorecard())

    def series(self, **query: str | None) -> SeriesResponse:
        """Get shares; the query is the API's: platform, attribute, value, from, to, basis, corrected.

        Shares as counted (`corrected="false"`) have no interval: `low` and `high` are None.
        """
        return self._do(calls.series(query))

    def retail(self, **query: str | None) -> RetailResponse:
        """Get how the products of values are sold; the query is the API's: platform, attribute, value, from, to."""
        return self._do(calls.retail(query))

    def forecasts(self, **query: str | None) -> ForecastsResponse:
        """Get the released forecasts."""
        return self._do(calls.forecasts(query))

    def forecast(self, series: Sequence[AdhocSeries]) -> AdhocForecastResponse:
        """Forecast your own series with the released LSTM."""
        return self._do(calls.forecast(series))

    def gates(self) -> GatesResponse:
        """Get the newest verdict of every gate."""
        return self._do(calls.gates())

    def version(self) -> VersionResponse:
        """Get the running version and the release it serves."""
        return self._do(calls.version())

    def submit(
        self,
        keys: Sequence[str],
        options: Options | None = None,
        idempotency_key: str | None = None,
    ) -> JobResponse:
        """Submit a catalogue job; the same `idempotency_key` returns the same job again."""
        return self._do(calls.submit(keys, options, idempotency_key))

    def job(self, job_id: str) -> JobResponse:
        """Get the state of a catalogue job."""
        return self._do(calls.job(job_id))

    def list_jobs(self) -> JobsResponse:
        """Get your newest catalogue jobs, newest first."""
        return self._do(calls.list_jobs())

    def cancel(self, job_id: str) -> JobResponse:
        """Cancel a catalogue job; what is finished stays, and nothing further is begun."""
        return self._do(calls.cancel(job_id))

    def results(self, job_id: str, limit: int = 1000) -> Iterator[JsonObject]:
        """Get the result rows of a catalogue job, as far as they are finished; `limit` is per page."""
        cursor: str | None = None
        while True:
            page = self._do(calls.results(job_id, cursor, limit))
            yield from page.rows
            cursor = calls.next_cursor(page, cursor)
            if cursor is None:
                return

    def _do(self, call: Call[T]) -> T:
        attempt = 0
        while True:
            try:
                response = self._http.request(call.method, call.path, **call.content)
            except httpx.HTTPError as error:
                raise self._exchange.unreachable(error) from error
            wait_s = self._exchange.pause_s(response, attempt)
            if wait_s is None:
                return self._exchange.result(call, response)
            self._pause(wait_s)
            attempt += 1
