"""The application: routes, problems and the edge, put together."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from fashiontrend import __version__
from fashiontrend.errors import StoreError
from fashiontrend.serve.http import problems
from fashiontrend.serve.http.middleware import ServiceMiddleware
from fashiontrend.serve.http.problems import Problem
from fashiontrend.serve.routes import inference, jobs, recognise, status, tables
from fashiontrend.serve.routes import openapi as documented
from fashiontrend.serve.routes.services import Services, request_id

Background = Callable[[], Coroutine[Any, Any, None]]


def create_app(services: Services, background: Sequence[Background] = ()) -> ServiceMiddleware:
    """An ASGI application; `.app` is the FastAPI inside.

    No page of FastAPI's own is served: they load scripts from elsewhere. CORS is off.

    Args:
        services: what answers.
        background: run while the application lives, and cancelled at its end.
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
    app.add_exception_handler(HTTPException, _on_http)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _on_validation)  # type: ignore[arg-type]

    async def on_store(request: Request, error: Exception) -> Response:
        told = "The store does not answer. Come again."
        return problems.respond(
            problems.busy(told, services.cfg.retry_after_s, 503), request_id(request)
        )

    app.add_exception_handler(StoreError, on_store)
    app.add_exception_handler(ClientDisconnect, _on_gone)
    app.add_exception_handler(Exception, _on_anything)
    kept: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        kept.update(kept or documented.document(app))
        return kept

    app.openapi = openapi  # type: ignore[method-assign]
    return ServiceMiddleware(app, services.admission, services.metrics)


async def _on_http(request: Request, error: HTTPException) -> Response:
    return problems.respond(error, request_id(request))  # type: ignore[arg-type]


async def _on_validation(request: Request, error: RequestValidationError) -> Response:
    return problems.respond(problems.of_validation(error), request_id(request))


async def _on_gone(request: Request, error: Exception) -> Response:
    """Nobody reads it; the metrics and the audit log do."""
    return problems.respond(Problem(499, "gone", "The client went away."), request_id(request))


async def _on_anything(request: Request, error: Exception) -> Response:
    """The edge logs it."""
    told = "Something failed inside; the request_id finds it in the server's log."
    return problems.respond(Problem(500, "internal", told), request_id(request))
