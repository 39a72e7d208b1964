"""Health, readiness, version, metrics, the OpenAPI document, and the trend board's files."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from fashiontrend import __version__
from fashiontrend.serve import metrics
from fashiontrend.serve.http import static_files
from fashiontrend.serve.routes.openapi import errors, secured
from fashiontrend.serve.routes.services import JSON, Services, cached, encode
from fashiontrend.serve.schemas.problems import Problem
from fashiontrend.serve.schemas.responses import TaxonomyIdentity, VersionResponse

READY = "ready"


def make_router(services: Services) -> APIRouter:
    """Make the endpoints; only the metrics need a token."""
    router = APIRouter(tags=["status"])
    board = static_files.read_board()

    @router.get("/healthz")
    async def health() -> dict[str, str]:
        """Report that the process is running."""
        return {"status": "ok"}

    @router.get("/readyz", responses=errors(503))
    async def ready() -> dict[str, str]:
        """Report that every part has passed its self-test."""
        parts = await services.ready()
        waiting = {k: v for k, v in parts.items() if v != READY}
        if waiting:
            states = "; ".join(f"{k}: {v}" for k, v in waiting.items())
            retry = {"Retry-After": str(services.cfg.retry_after_s)}
            raise Problem(503, "not_ready", f"The server is not ready: {states}.", retry)
        return parts

    @router.get("/version", responses={200: {"model": VersionResponse}, **errors(304)})
    def version(request: Request) -> Response:
        """Return the running version and the release it serves."""
        return cached(request, _version(services))

    @router.get(
        "/metrics",
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {}}, "description": "The metrics of this replica."},
            **errors(),
        },
        openapi_extra=secured("metrics"),
    )
    def numbers(request: Request) -> Response:
        """Return the metrics of this replica in Prometheus' text format."""
        services.allow(request, "metrics")
        return Response(services.metrics.text(), media_type=metrics.MEDIA_TYPE)

    @router.get("/openapi.json", include_in_schema=False)
    def openapi(request: Request) -> Response:
        return static_files.respond(request, encode(request.app.openapi()), JSON)

    @router.get("/", include_in_schema=False)
    def index(request: Request) -> Response:
        return _file(request, "index.html")

    @router.get("/board/{name:path}", include_in_schema=False)
    def file(request: Request, name: str) -> Response:
        return _file(request, name)

    def _file(request: Request, name: str) -> Response:
        found = board.get(name)
        if found is None:
            raise Problem(404, "not_found", "The trend board has no such file.")
        headers = {"Content-Security-Policy": static_files.POLICY, "Referrer-Policy": "no-referrer"}
        return static_files.respond(request, found.data, found.media_type, found.etag, headers)

    @router.get("/favicon.ico", include_in_schema=False)
    def icon() -> Response:
        icon = board.get("favicon.ico")
        return Response(status_code=204) if icon is None else Response(icon.data)

    return router


def _version(services: Services) -> VersionResponse:
    table_services = services.need_table_services()
    tables = table_services.tables()
    release = tables.release
    response = VersionResponse(
        version=__version__,
        release=release.release_id,
        attrnet=release.attrnet,
        forecaster=release.forecaster,
        taxonomy=TaxonomyIdentity.of(tables.taxonomy.version, tables.taxonomy.digest),
        as_of=tables.days[-1] if tables.days else None,
    )
    if refused := table_services.refused():
        response.refused_release = refused
    return response
