"""What the endpoints use: services, access checks, parsing of bodies, and rendering of responses."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pydantic
import pydantic_core
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from fashiontrend.config import ServeConfig
from fashiontrend.serve.http import problems, static_files, strict_json
from fashiontrend.serve.http.admission import Admission
from fashiontrend.serve.http.tokens import Guard, Scope
from fashiontrend.serve.metrics import Metrics
from fashiontrend.serve.recognition.jobs import CatalogueJobs
from fashiontrend.serve.recognition.recognise import RecognitionService
from fashiontrend.serve.release import thumbnails
from fashiontrend.serve.release.adhoc_forecast import ServedForecaster
from fashiontrend.serve.release.history import RunHistory
from fashiontrend.serve.release.tables import Tables
from fashiontrend.serve.schemas.problems import Problem, busy
from fashiontrend.serve.schemas.responses import ResponseModel
from fashiontrend.storage.object_store import Store

M = TypeVar("M", bound=pydantic.BaseModel)
T = TypeVar("T")
JSON = "application/json"
#: Requests nest a few levels; a parser that follows thousands of them runs out of stack.
MAX_JSON_DEPTH = 32
#: Larger bodies are parsed in a thread, so that the event loop can respond to others meanwhile.
INLINE_BYTES = 64 << 10
#: Thumbnails in memory; they are all dropped when there would be more.
MAX_THUMBNAILS = 500
#: Seconds after which a caller may retry a forecast if too many are being computed.
FORECAST_RETRY_S = 2


@dataclass(frozen=True, eq=False)
class TableServices:
    """What the deployment of the tables uses.

    Attributes:
        tables: gives the current tables.
        forecaster: gives the current forecaster.
        refused: gives a release that failed its self-test, and why; None if there is none.
        max_computing: highest number of forecasts that are computed, or wait for it.
    """

    store: Store
    tables: Callable[[], Tables]
    forecaster: Callable[[], ServedForecaster]
    history: RunHistory
    jobs: CatalogueJobs
    refused: Callable[[], str | None]
    max_computing: int = 8
    _thumbnails: dict[tuple[str, int], bytes] = field(default_factory=dict)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _computing: set[object] = field(default_factory=set)

    def thumbnail(self, picture_id: str, width: int) -> bytes:
        """Return a small version of a sample picture; the last few hundred are kept.

        Raises:
            PictureError: the stored picture is damaged.
        """
        found = self._thumbnails.get((picture_id, width))
        if found is None:
            found = thumbnails.shrink(self.store.read_picture(picture_id), width)
            if len(self._thumbnails) >= MAX_THUMBNAILS:
                self._thumbnails.clear()
            self._thumbnails[picture_id, width] = found
        return found

    async def compute(self, work: Callable[[], T]) -> T:
        """Run a forecast in the forecaster's thread, one at a time.

        Raises:
            Problem: 429 if too many are computed, or wait for it, already.
        """
        if len(self._computing) >= self.max_computing:
            raise busy("The server is computing too many forecasts", FORECAST_RETRY_S)
        mine = object()
        self._computing.add(mine)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._computing.discard(mine)


@dataclass(frozen=True)
class Services:
    """What the endpoints use; a deployment has `recognition` or `table_services`, a test both.

    Attributes:
        ready: gives the state of every part, `ready` or why it is not.
    """

    cfg: ServeConfig
    guard: Guard
    metrics: Metrics
    ready: Callable[[], Awaitable[dict[str, str]]]
    admission: Admission
    recognition: RecognitionService | None = None
    table_services: TableServices | None = None

    def allow(self, request: Request, scope: Scope) -> str:
        """Check the caller's token and return the caller's name.

        Raises:
            Problem: 401 without a valid token, 403 if the token lacks the scope.
        """
        caller = self.guard(request, scope)
        request.scope["state"]["caller"] = caller
        return caller

    def need_table_services(self) -> TableServices:
        """Return the services of the tables.

        Raises:
            Problem: 503 if this deployment has none.
        """
        if self.table_services is None:
            detail = "This replica does not serve tables"
            raise busy(detail, self.cfg.retry_after_s, 503)
        return self.table_services

    def need_recognition(self) -> RecognitionService:
        """Return the recognition service.

        Raises:
            Problem: 503 if this deployment has none.
        """
        if self.recognition is None:
            detail = "This replica does not serve the recogniser"
            raise busy(detail, self.cfg.retry_after_s, 503)
        return self.recognition

    async def read(self, request: Request, model: type[M]) -> M:
        """Read and validate a JSON body.

        Raises:
            Problem: 400 if it is not valid, 415 if it is not JSON; 408, 413 or 429 of admission.
        """
        kind = media_type(request)
        if kind != JSON:
            detail = f"The Content-Type is {kind[:60]!r}; expected {JSON}."
            raise Problem(415, "unsupported_media", detail)
        return await self.parse_soon(await request.body(), model)

    async def parse_soon(self, body: bytes, model: type[M]) -> M:
        """Parse a JSON text as `parse` does, a long one beside the event loop.

        Raises:
            Problem: 400 if it is not valid.
        """
        if len(body) <= INLINE_BYTES:
            return self.parse(body, model)
        return await run_in_threadpool(self.parse, body, model)

    def parse(self, body: bytes, model: type[M]) -> M:
        """Parse a JSON text and validate it as a model.

        Raises:
            Problem: 400 if it is not valid.
        """
        value = strict_json.parse(body, MAX_JSON_DEPTH)
        try:
            return model.model_validate(value)
        except pydantic.ValidationError as error:
            raise problems.from_validation(error) from None


def media_type(request: Request) -> str:
    """Return the Content-Type of a request in lower case, without parameters."""
    return request.headers.get("content-type", "").split(";", 1)[0].strip().lower()


def request_id(request: Request) -> str:
    """Return the id of a request."""
    return str(request.scope["state"]["request_id"])


def encode(value: Any) -> bytes:
    """Encode JSON; NaN and infinity become null."""
    return pydantic_core.to_json(value, inf_nan_mode="null")


def cached(request: Request, response: ResponseModel) -> Response:
    """Respond with 200 and an ETag, or with 304 if the caller already has this response."""
    return static_files.respond(request, response.to_json(), JSON)


def fresh(
    response: ResponseModel, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Respond without an ETag."""
    return Response(response.to_json(), status, headers, JSON)
