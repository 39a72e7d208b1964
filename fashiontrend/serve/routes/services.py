"""What the application answers with, and what every endpoint starts and ends with."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pydantic
import pydantic_core
from starlette.requests import Request
from starlette.responses import Response

from fashiontrend.config import ServeConfig
from fashiontrend.serve.http import problems, static_files, strict_json
from fashiontrend.serve.http.admission import Admission
from fashiontrend.serve.http.metrics import Metrics
from fashiontrend.serve.http.problems import Problem
from fashiontrend.serve.http.tokens import Guard, Scope
from fashiontrend.serve.recognition.jobs import Jobs
from fashiontrend.serve.recognition.recognise import RecognitionService
from fashiontrend.serve.release import thumbnails
from fashiontrend.serve.release.adhoc_forecast import ServedForecaster
from fashiontrend.serve.release.history import RunHistory
from fashiontrend.serve.release.tables import Tables
from fashiontrend.storage import layout
from fashiontrend.storage.object_store import Store

M = TypeVar("M", bound=pydantic.BaseModel)
T = TypeVar("T")
JSON = "application/json"
MOST_THUMBNAILS = 500


@dataclass(frozen=True, eq=False)
class TableServices:
    """What the deployment of the tables answers from."""

    store: Store
    tables: Callable[[], Tables]
    trend: Callable[[], ServedForecaster]
    history: RunHistory
    jobs: Jobs
    refused: Callable[[], str | None]  # a release that failed its self-test, and why
    max_computing: int = 8
    _small: dict[tuple[str, int], bytes] = field(default_factory=dict)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _computing: set[object] = field(default_factory=set)

    def thumbnail(self, picture_id: str, width: int) -> bytes:
        """A sample picture, small; the last few hundred are kept.

        Raises:
            PictureError: it is damaged.
        """
        found = self._small.get((picture_id, width))
        if found is None:
            found = thumbnails.shrink(self.store.read(layout.raw_image(picture_id)), width)
            if len(self._small) >= MOST_THUMBNAILS:
                self._small.clear()
            self._small[picture_id, width] = found
        return found

    async def compute(self, work: Callable[[], T]) -> T:
        """Work in the thread of the networks; callers queue up to a bound.

        Raises:
            Problem: 429.
        """
        if len(self._computing) >= self.max_computing:
            raise problems.busy("Too many forecasts are being computed. Come again.", 2)
        mark = object()
        self._computing.add(mark)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._computing.discard(mark)


@dataclass(frozen=True)
class Services:
    """A deployment has one of recognition and library, a test both."""

    cfg: ServeConfig
    guard: Guard
    metrics: Metrics
    ready: Callable[[], Awaitable[dict[str, str]]]  # part -> "ready" or what it waits for
    admission: Admission
    recognition: RecognitionService | None = None
    library: TableServices | None = None

    def allow(self, request: Request, scope: Scope) -> str:
        """The caller's name.

        Raises:
            Problem: 401 or 403.
        """
        caller = self.guard(request, scope)
        request.scope["state"]["caller"] = caller
        return caller

    def need_table_services(self) -> TableServices:
        """The tables.

        Raises:
            Problem: 503; this deployment has none.
        """
        if self.library is None:
            raise problems.busy("Tables are answered elsewhere.", self.cfg.retry_after_s, 503)
        return self.library

    def need_recognition(self) -> RecognitionService:
        """The recogniser.

        Raises:
            Problem: 503; this deployment has none.
        """
        if self.recognition is None:
            raise problems.busy("The recogniser is not here yet.", self.cfg.retry_after_s, 503)
        return self.recognition

    async def read(self, request: Request, model: type[M]) -> M:
        """A JSON body, checked.

        Raises:
            Problem: 400, 413 or 415.
        """
        kind = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
        if kind != JSON:
            raise Problem(415, "unsupported_media", f"Content-Type {kind[:60]!r}; expected {JSON}.")
        return self.check(await request.body(), model)

    def check(self, body: bytes, model: type[M]) -> M:
        """JSON text as a model.

        Raises:
            Problem: 400.
        """
        value = strict_json.parse(body, self.cfg.max_json_depth)
        try:
            return model.model_validate(value)
        except pydantic.ValidationError as error:
            raise problems.of_validation(error) from None


def request_id(request: Request) -> str:
    """Of the request that is answered."""
    return str(request.scope["state"]["request_id"])


def encode(value: Any) -> bytes:
    """JSON; not a number becomes null."""
    return pydantic_core.to_json(value, inf_nan_mode="null")


def cached(request: Request, value: Any) -> Response:
    """200 with an ETag, or 304."""
    return static_files.respond(request, encode(value), JSON)


def fresh(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer that is not kept."""
    return Response(encode(value), status, headers, JSON)
