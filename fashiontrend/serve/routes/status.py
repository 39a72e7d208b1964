"""Health, readiness, version, metrics, the OpenAPI document, and the trend board's files."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from fashiontrend import __version__
from fashiontrend.serve.http import metrics, static_files
from fashiontrend.serve.http.problems import Problem
from fashiontrend.serve.routes.openapi import errors, secured
from fashiontrend.serve.routes.services import Services, cached, fresh
from fashiontrend.serve.schemas.responses import VersionResponse

READY = "ready"


def make_router(services: Services) -> APIRouter:
    """The endpoints; none but the metrics needs a token."""
    router = APIRouter(tags=["status"])
    board = static_files.read_board()

    @router.get("/healthz")
    async def health() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @router.get("/readyz", responses=errors(503))
    async def ready() -> dict[str, str]:
        """Every part has passed its self-test."""
        parts = await services.ready()
        waiting = {k: v for k, v in parts.items() if v != READY}
        if waiting:
            told = "; ".join(f"{k}: {v}" for k, v in waiting.items())
            retry = {"Retry-After": str(services.cfg.retry_after_s)}
            raise Problem(503, "not_ready", f"Not ready yet: {told}.", retry)
        return parts

    @router.get("/version", responses={200: {"model": VersionResponse}, **errors(304)})
    def version(request: Request) -> Response:
        """What is running, and which release answers."""
        library = services.need_table_services()
        found = library.tables()
        told: dict[str, Any] = {
            "version": __version__,
            "release": found.release.release_id,
            "attrnet": found.release.attrnet,
            "forecaster": found.release.forecaster,
            "taxonomy": {
                "version": found.taxonomy.version,
                "digest": f"sha256:{found.taxonomy.digest}",
            },
            "as_of": found.days[-1] if found.days else None,
        }
        if refused := library.refused():
            told["refused_release"] = refused
        return cached(request, told)

    @router.get(
        "/metrics",
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {}}, "description": "Of this replica."},
            **errors(),
        },
        openapi_extra=secured("metrics"),
    )
    def numbers(request: Request) -> Response:
        """Prometheus' text format."""
        services.allow(request, "metrics")
        return Response(services.metrics.text(), media_type=metrics.MEDIA_TYPE)

    @router.get("/openapi.json", include_in_schema=False)
    def openapi(request: Request) -> Response:
        return cached(request, request.app.openapi())

    @router.get("/", include_in_schema=False)
    def index(request: Request) -> Response:
        return _file(request, "index.html")

    @router.get("/board/{name:path}", include_in_schema=False)
    def file(request: Request, name: str) -> Response:
        return _file(request, name)

    def _file(request: Request, name: str) -> Response:
        found = board.get(name)
        if found is None:
            raise Problem(404, "not_found", "There is no such file.")
        headers = {"Content-Security-Policy": static_files.POLICY, "Referrer-Policy": "no-referrer"}
        return static_files.respond(request, found.data, found.media_type, found.etag, headers)

    @router.get("/favicon.ico", include_in_schema=False)
    def icon() -> Response:
        return (
            fresh(None, 204) if "favicon.ico" not in board else Response(board["favicon.ico"].data)
        )

    return router
