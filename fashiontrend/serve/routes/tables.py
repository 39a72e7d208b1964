"""What a release says, over HTTP: keywords, series, forecasts, gates, runs, releases, taxonomy, pictures."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from fashiontrend.errors import PictureError
from fashiontrend.serve.http import static_files
from fashiontrend.serve.http.problems import Problem
from fashiontrend.serve.release import adhoc_forecast, tables, thumbnails
from fashiontrend.serve.routes.openapi import body, errors, secured
from fashiontrend.serve.routes.services import Services, TableServices, cached, fresh, request_id
from fashiontrend.serve.schemas import responses
from fashiontrend.serve.schemas.requests import ForecastRequest

F = TypeVar("F", bound=Callable[..., Response])
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
Day = Annotated[str | None, Query(pattern=DAY, description="UTC day.", examples=["2026-11-23"])]
Name = Annotated[str | None, Query(max_length=200)]
Platform = Annotated[str | None, Query(max_length=200, description="`*` is all, pooled.")]
Corrected = Annotated[
    bool,
    Query(
        description="False answers shares as counted, the recogniser's errors included; they have "
        "no interval, so `low` and `high` are null."
    ),
]
PictureId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Width = Annotated[int, Query(ge=16, le=640, description="Longest side in pixels.")]
Direction = Literal["rising", "stable", "falling"]
Gate = Literal["accuracy", "perplexity", "health"]
EXAMPLE = {
    "series": [
        {
            "id": "my-shop",
            "attribute": "neckline",
            "start": "2026-11-01",
            "shares": {"v_neck": [0.20, 0.21, 0.21, 0.23, 0.24, 0.24, 0.26, 0.27]},
        }
    ]
}


def make_router(services: Services) -> APIRouter:
    """The endpoints. Those without `async` may block: they run in threads."""
    router = APIRouter(tags=["tables"])

    def get(path: str, model: Any, *statuses: int) -> Callable[[F], F]:
        return router.get(
            path,
            responses={200: {"model": model}, **errors(304, 400, 404, *statuses)},
            openapi_extra=secured("read"),
        )

    @get("/v1/keywords", responses.KeywordsResponse)
    def keywords(
        request: Request,
        as_of: Day = None,
        platform: Platform = None,
        horizon_days: Annotated[int | None, Query(ge=1, le=366)] = None,
        direction: Annotated[Direction | None, Query()] = None,
        attribute: Name = None,
        min_confidence: Annotated[float, Query(ge=0, le=1)] = 0.0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 500,
        cursor: Annotated[str | None, Query(pattern=r"^[0-9]{1,9}$")] = None,
    ) -> Response:
        """Keywords of a day with direction, stage, interval and sample pictures."""
        services.allow(request, "read")
        wanted = {
            "as_of": as_of,
            "platform": platform,
            "horizon_days": horizon_days,
            "direction": direction,
            "attribute": attribute,
            "min_confidence": min_confidence,
        }
        found = services.need_table_services().tables()
        return cached(request, tables.keywords(found, limit, int(cursor or 0), **wanted))

    @get("/v1/keywords/{keyword_id}/evidence", responses.EvidenceResponse)
    def evidence(
        request: Request, keyword_id: Annotated[str, Path(min_length=1, max_length=400)]
    ) -> Response:
        """Series, forecasts and samples behind one keyword."""
        services.allow(request, "read")
        return cached(request, tables.evidence(services.need_table_services().tables(), keyword_id))

    @get("/v1/series", responses.SeriesResponse)
    def series(
        request: Request,
        platform: Platform = None,
        attribute: Name = None,
        value: Name = None,
        start: Annotated[str | None, Query(alias="from", pattern=DAY)] = None,
        end: Annotated[str | None, Query(alias="to", pattern=DAY)] = None,
        basis: Annotated[Literal["live", "new_in"] | None, Query()] = None,
        corrected: Corrected = True,
    ) -> Response:
        """Shares of values over days, with the corrected share's 80 % interval and support."""
        services.allow(request, "read")
        found = services.need_table_services().tables()
        where = {"platform": platform, "attribute": attribute, "value": value}
        return cached(request, tables.series(found, start, end, basis, corrected, **where))

    @get("/v1/forecasts", responses.ForecastsResponse)
    def forecasts(
        request: Request,
        platform: Platform = None,
        attribute: Name = None,
        value: Name = None,
        as_of: Day = None,
    ) -> Response:
        """The released forecasts."""
        services.allow(request, "read")
        found = services.need_table_services().tables()
        where = {"platform": platform, "attribute": attribute, "value": value}
        return cached(request, tables.forecasts(found, as_of, **where))

    @router.post(
        "/v1/forecasts",
        responses={
            200: {"model": responses.AdhocForecastResponse},
            **errors(400, 408, 413, 415, 504),
        },
        openapi_extra=body("forecast", ForecastRequest, EXAMPLE),
    )
    async def forecast(request: Request) -> Response:
        """Forecast posted series with the released LSTM; nothing is trained."""
        services.allow(request, "forecast")
        library = services.need_table_services()
        asked = await services.read(request, ForecastRequest)
        _check_size(asked, services)
        trend = library.trend()
        told = await library.compute(lambda: adhoc_forecast.answer(trend, asked.series))
        request.scope["state"]["facts"] = {"series": len(asked.series)}
        return fresh(
            {
                "release": trend.release_id,
                "model": adhoc_forecast.name(trend),
                "horizon_days": trend.model.cfg.prediction_length,
                "forecasts": told,
                "request_id": request_id(request),
            }
        )

    @get("/v1/gates", responses.GatesResponse)
    def gates(request: Request) -> Response:
        """The newest verdict of every gate."""
        services.allow(request, "read")
        return cached(request, services.need_table_services().history.gates())

    @get("/v1/gates/{name}/history", responses.GateHistoryResponse)
    def gate(request: Request, name: Gate) -> Response:
        """All verdicts of a gate, oldest first."""
        services.allow(request, "read")
        return cached(request, services.need_table_services().history.gate(name))

    @get("/v1/runs", responses.RunsResponse)
    def runs(request: Request) -> Response:
        """The newest hundred runs, newest first."""
        services.allow(request, "read")
        return cached(request, services.need_table_services().history.show_runs())

    @get("/v1/runs/{run_id}", dict[str, Any])
    def run(request: Request, run_id: Annotated[str, Path(max_length=200)]) -> Response:
        """One run with what its steps found, however old."""
        services.allow(request, "read")
        return cached(request, services.need_table_services().history.show_run(run_id))

    @get("/v1/releases", responses.ReleasesResponse)
    def releases(request: Request) -> Response:
        """Releases, newest first."""
        services.allow(request, "read")
        return cached(request, services.need_table_services().history.releases())

    @get("/v1/taxonomy", dict[str, Any])
    def taxonomy(
        request: Request,
        version: Name = None,
        lang: Annotated[Literal["en", "zh"] | None, Query()] = None,
    ) -> Response:
        """Attributes and values of the release."""
        services.allow(request, "read")
        return cached(
            request, tables.taxonomy(services.need_table_services().tables(), version, lang)
        )

    def get_picture(path: str) -> Callable[[F], F]:
        return router.get(
            path,
            response_class=Response,
            responses={
                200: {"content": {thumbnails.MEDIA_TYPE: {}}, "description": "A JPEG."},
                **errors(304, 400, 404),
            },
            openapi_extra=secured("read"),
        )

    @get_picture("/v1/pictures/{as_of}/{picture_id}")
    def picture(
        request: Request,
        as_of: Annotated[str, Path(pattern=DAY, description="Whose keywords name it.")],
        picture_id: PictureId,
        width: Width = 320,
    ) -> Response:
        """A sample picture of a day's keywords, upright, no box drawn."""
        services.allow(request, "read")
        return _show(request, services.need_table_services(), as_of, picture_id, width)

    @get_picture("/v1/pictures/{picture_id}")
    def newest_picture(request: Request, picture_id: PictureId, width: Width = 320) -> Response:
        """A sample picture of the newest keywords, upright, no box drawn."""
        services.allow(request, "read")
        return _show(request, services.need_table_services(), None, picture_id, width)

    return router


def _show(
    request: Request, library: TableServices, as_of: str | None, picture_id: str, width: int
) -> Response:
    if picture_id not in library.tables().day(as_of)[1].picture_ids:
        raise Problem(404, "not_found", "No keyword of that day names this picture.")
    try:
        data = library.thumbnail(picture_id, width)
    except PictureError:
        raise Problem(404, "not_found", "The picture is damaged.") from None
    kept = {"Cache-Control": "private, max-age=604800, immutable"}
    etag = f'"{picture_id[:32]}-{width}"'
    return static_files.respond(request, data, thumbnails.MEDIA_TYPE, etag, kept)


def _check_size(asked: ForecastRequest, services: Services) -> None:
    cfg = services.cfg
    points = max(len(next(iter(s.shares.values()))) for s in asked.series)
    if len(asked.series) > cfg.max_series or points > cfg.max_points:
        raise Problem(
            413,
            "too_large",
            f"{len(asked.series)} series of up to {points} days; at most {cfg.max_series} of "
            f"{cfg.max_points} are taken.",
        )
