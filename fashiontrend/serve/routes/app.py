"""The application: routes, error handlers and middleware, put together."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from fashiontrend import __version__
from fashiontrend.errors import StoreError
from fashiontrend.serve.http import problems
from fashiontrend.serve.http.middleware import INTERNAL_ERROR, ServiceMiddleware
from fashiontrend.serve.routes import inference, jobs, openapi, recognise, status, tables
from fashiontrend.serve.routes.services import Services, request_id
from fashiontrend.serve.schemas.problems import Problem, busy
from fashiontrend.serve.schemas.responses import JsonObject

#: Smaller responses are sent as they are. A higher level takes twice the time for a few percent.
GZIP_BYTES, GZIP_LEVEL = 2048, 5
Background = Callable[[], Coroutine[Any, Any, None]]


def create_app(services: Services, background: Sequence[Background] = ()) -> ServiceMiddleware:
    """Create the ASGI application; its `app` is the FastAPI application inside.

    FastAPI's own documentation pages are off, because they load scripts from elsewhere. CORS is off.

    Args:
        services: what the endpoints use.
        background: coroutines that run while the application lives, and are cancelled at its end.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(work()) for work in background]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    app = FastAPI(
        title="fashiontrend",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
    )
    for routes in (recognise, inference, tables, jobs, status):
        app.include_router(routes.make_router(services))
    _handle_errors(app, services.cfg.retry_after_s)
    app.add_middleware(GZipMiddleware, minimum_size=GZIP_BYTES, compresslevel=GZIP_LEVEL)
    kept: JsonObject = {}

    def document() -> JsonObject:
        kept.update(kept or openapi.document(app))
        return kept

    app.openapi = document  # type: ignore[method-assign]
    return ServiceMiddleware(app, services.admission, services.metrics)


def _handle_errors(app: FastAPI, retry_after_s: int) -> None:
    """Turn every exception into a problem document."""

    def handle(kind: type[Exception], to_problem: Callable[[Any], Problem]) -> None:
        async def respond(request: Request, error: Exception) -> Response:
            return problems.respond(to_problem(error), request_id(request))

        app.add_exception_handler(kind, respond)

    handle(Problem, lambda problem: problem)
    handle(HTTPException, problems.from_http_exception)
    handle(RequestValidationError, problems.from_validation)
    handle(StoreError, lambda _: busy("The store is not available", retry_after_s, 503))
    # Nobody reads this response, but metrics and audit log count its status.
    handle(ClientDisconnect, lambda _: Problem(499, "gone", "The client closed the connection."))
    # The middleware logs the exception.
    handle(Exception, lambda _: Problem(500, "internal", INTERNAL_ERROR))
