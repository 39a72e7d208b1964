"""The tables of a release over HTTP: keywords, series, forecasts, gates, runs, releases, taxonomy, pictures."""

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from fashiontrend.config import ServeConfig
from fashiontrend.errors import PictureError
from fashiontrend.serve.http import static_files
from fashiontrend.serve.release import adhoc_forecast, exports, tables, thumbnails
from fashiontrend.serve.release import retail as retail_table
from fashiontrend.serve.release.history import RunHistory
from fashiontrend.serve.release.rows import ValueFilter
from fashiontrend.serve.release.tables import KeywordFilter, Tables
from fashiontrend.serve.routes.openapi import body, errors, secured
from fashiontrend.serve.routes.services import Services, TableServices, cached, fresh, request_id
from fashiontrend.serve.schemas import responses
from fashiontrend.serve.schemas.problems import Problem
from fashiontrend.serve.schemas.requests import AdhocSeries, ForecastRequest
from fashiontrend.serve.schemas.responses import AdhocForecastResponse, ResponseModel
from fashiontrend.serve.schemas.retail import RetailResponse
from fashiontrend.serve.schemas.scorecard import ScorecardResponse

F = TypeVar("F", bound=Callable[..., Response])
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def _filter(description: str) -> object:
    return Query(max_length=200, description=description)


AsOf = Annotated[
    str | None,
    Query(
        pattern=DAY,
        description="UTC day of publication, YYYY-MM-DD; by default the newest.",
        examples=["2026-11-23"],
    ),
]
From = Annotated[str | None, Query(alias="from", pattern=DAY, description="First day, YYYY-MM-DD.")]
To = Annotated[str | None, Query(alias="to", pattern=DAY, description="Last day, YYYY-MM-DD.")]
Platform = Annotated[str | None, _filter("Id of a platform; `*` stands for all platforms, pooled.")]
AttributeId = Annotated[str | None, _filter("Id of an attribute of the taxonomy.")]
ValueId = Annotated[str | None, _filter("Id of a value of the taxonomy.")]
TaxonomyVersion = Annotated[
    str | None, _filter("Version of the taxonomy; any but the released one gets 404.")
]
Corrected = Annotated[
    bool,
    Query(
        description="Whether shares are corrected for the recogniser's errors. Shares as counted "
        "(`false`) have no interval, so `low` and `high` are null."
    ),
]
Basis = Annotated[
    Literal["live", "new_in"] | None,
    Query(description="What shares count: all live products, or those that are new in the shop."),
]
HorizonDays = Annotated[
    int | None, Query(ge=1, le=366, description="Days between publication and target day.")
]
Direction = Annotated[
    Literal["rising", "stable", "falling"] | None, Query(description="Direction of the share.")
]
MinConfidence = Annotated[
    float, Query(ge=0, le=1, description="Lowest probability that the direction is right.")
]
Limit = Annotated[int, Query(ge=1, le=1000, description="Most keywords of the page.")]
Cursor = Annotated[
    str | None, Query(pattern=r"^[0-9]{1,9}$", description="`next` of the previous page.")
]
KeywordId = Annotated[str, Path(min_length=1, max_length=400, description="`id` of a keyword.")]
RunId = Annotated[str, Path(max_length=200, description="`run_id` of a run.")]
Language = Annotated[
    Literal["en", "zh"] | None,
    Query(description="Language of the names; by default both, as `en` and `zh`."),
]
PictureDay = Annotated[
    str, Path(pattern=DAY, description="The day whose keywords name the picture.")
]
PictureId = Annotated[
    str, Path(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the picture, in hexadecimal.")
]
Width = Annotated[int, Query(ge=16, le=640, description="Longest side in pixels.")]
Gate = Literal["accuracy", "perplexity", "health"]
#: How keywords are taken away: ending, media type, writer.
TABLE_FORMATS = (
    ("csv", "text/csv; charset=utf-8", exports.to_csv),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", exports.to_xlsx),
)
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


def _keywords_wanted(
    as_of: AsOf = None,
    platform: Platform = None,
    horizon_days: HorizonDays = None,
    direction: Direction = None,
    attribute: AttributeId = None,
    min_confidence: MinConfidence = 0.0,
) -> KeywordFilter:
    return KeywordFilter(as_of, platform, horizon_days, direction, attribute, min_confidence)


def _values_wanted(
    platform: Platform = None, attribute: AttributeId = None, value: ValueId = None
) -> ValueFilter:
    return ValueFilter(platform, attribute, value)


KeywordsWanted = Annotated[KeywordFilter, Depends(_keywords_wanted)]
ValuesWanted = Annotated[ValueFilter, Depends(_values_wanted)]


def make_router(services: Services) -> APIRouter:
    """Make the endpoints. Those without `async` may block, because FastAPI runs them in threads."""
    router = APIRouter(tags=["tables"])
    _add_keywords(router, services)
    _add_series(router, services)
    _add_history(router, services)
    _add_pictures(router, services)
    return router


def _get(
    router: APIRouter, path: str, model: type[ResponseModel], *statuses: int
) -> Callable[[F], F]:
    """Document a GET endpoint with its response and errors."""
    return router.get(
        path,
        responses={200: {"model": model}, **errors(304, 400, 404, *statuses)},
        openapi_extra=secured("read"),
    )


def _tables(services: Services, request: Request) -> Tables:
    """Check the caller's token and return the current tables."""
    services.allow(request, "read")
    return services.need_table_services().tables()


def _history(services: Services, request: Request) -> RunHistory:
    """Check the caller's token and return the history of runs."""
    services.allow(request, "read")
    return services.need_table_services().history


def _add_keywords(router: APIRouter, services: Services) -> None:
    @_get(router, "/v1/keywords", responses.KeywordsResponse)
    def keywords(
        request: Request,
        wanted: KeywordsWanted,
        limit: Limit = 500,
        cursor: Cursor = None,
    ) -> Response:
        """Return the keywords of a day with direction, stage, interval and sample pictures."""
        found = _tables(services, request)
        return cached(request, tables.keywords(found, limit, int(cursor or 0), wanted))

    for kind, media_type, write in TABLE_FORMATS:
        _add_keyword_table(router, services, kind, media_type, write)

    @_get(router, "/v1/keywords/{keyword_id}/evidence", responses.EvidenceResponse)
    def evidence(request: Request, keyword_id: KeywordId) -> Response:
        """Return the series, forecasts and samples behind a keyword."""
        return cached(request, tables.evidence(_tables(services, request), keyword_id))

    @_get(router, "/v1/taxonomy", responses.TaxonomyResponse)
    def taxonomy(
        request: Request, version: TaxonomyVersion = None, lang: Language = None
    ) -> Response:
        """Return the attributes and values of the release."""
        return cached(request, tables.taxonomy(_tables(services, request), version, lang))


def _add_keyword_table(
    router: APIRouter,
    services: Services,
    kind: str,
    media_type: str,
    write: Callable[[list[exports.KeywordLine]], bytes],
) -> None:
    @router.get(
        f"/v1/keywords.{kind}",
        operation_id=f"keywords_{kind}",
        response_class=Response,
        responses={
            200: {"content": {media_type: {}}, "description": "A row for each keyword."},
            **errors(304, 400, 404),
        },
        openapi_extra=secured("read"),
    )
    def keyword_table(
        request: Request,
        wanted: KeywordsWanted,
    ) -> Response:
        """Return the keywords of a day as a table, with the numbers of `GET /v1/keywords`."""
        found = _tables(services, request)
        data = write(exports.keyword_lines(found, wanted))
        name = {
            "Content-Disposition": f'attachment; filename="keywords-{found.day(wanted.as_of)[0]}.{kind}"'
        }
        return static_files.respond(request, data, media_type, headers=name)


def _add_series(router: APIRouter, services: Services) -> None:
    @_get(router, "/v1/series", responses.SeriesResponse)
    def series(
        request: Request,
        wanted: ValuesWanted,
        start: From = None,
        end: To = None,
        basis: Basis = None,
        corrected: Corrected = True,
    ) -> Response:
        """Return shares over days, with support and the 80 % interval of corrected shares."""
        found = _tables(services, request)
        return cached(request, tables.series(found, wanted, start, end, basis, corrected))

    @_get(router, "/v1/retail", RetailResponse)
    def retail(
        request: Request,
        wanted: ValuesWanted,
        start: From = None,
        end: To = None,
    ) -> Response:
        """Return how the products of values are sold: out of stock, marked down, new, at which price."""
        found = _tables(services, request)
        return cached(request, retail_table.retail(found, wanted, start, end))

    @_get(router, "/v1/forecasts", responses.ForecastsResponse)
    def forecasts(
        request: Request,
        wanted: ValuesWanted,
        as_of: AsOf = None,
    ) -> Response:
        """Return the released forecasts."""
        found = _tables(services, request)
        return cached(request, tables.forecasts(found, wanted, as_of))

    @router.post(
        "/v1/forecasts",
        responses={
            200: {"model": AdhocForecastResponse},
            **errors(400, 408, 413, 415, 504),
        },
        openapi_extra=body("forecast", ForecastRequest, EXAMPLE),
    )
    async def forecast(request: Request) -> Response:
        """Forecast the series in the request with the released LSTM, which is not trained on them."""
        services.allow(request, "forecast")
        table_services = services.need_table_services()
        series = (await services.read(request, ForecastRequest)).series
        _check_size(series, services.cfg)
        forecaster = table_services.forecaster()
        rows = await table_services.compute(
            lambda: adhoc_forecast.forecast_series(forecaster, series)
        )
        request.scope["state"]["facts"] = {"series": len(series)}
        return fresh(
            AdhocForecastResponse(
                release=forecaster.release_id,
                model=forecaster.identity,
                horizon_days=forecaster.model.cfg.prediction_length,
                forecasts=rows,
                request_id=request_id(request),
            )
        )


def _add_history(router: APIRouter, services: Services) -> None:
    @_get(router, "/v1/gates", responses.GatesResponse)
    def gates(request: Request) -> Response:
        """Return the newest verdict of every gate."""
        return cached(request, _history(services, request).gates())

    @_get(router, "/v1/gates/{name}/history", responses.GateHistoryResponse)
    def gate(request: Request, name: Gate) -> Response:
        """Return all verdicts of a gate, oldest first."""
        return cached(request, _history(services, request).gate(name))

    @_get(router, "/v1/scorecard", ScorecardResponse)
    def scorecard(request: Request) -> Response:
        """Return how often published keywords came true, and what was claimed of them."""
        return cached(request, _history(services, request).scorecard())

    @_get(router, "/v1/runs", responses.RunsResponse)
    def runs(request: Request) -> Response:
        """Return the newest hundred runs, newest first."""
        return cached(request, _history(services, request).list_runs())

    @_get(router, "/v1/runs/{run_id}", responses.RunResponse)
    def run(request: Request, run_id: RunId) -> Response:
        """Return one run with what its steps recorded, however old it is."""
        return cached(request, _history(services, request).run(run_id))

    @_get(router, "/v1/releases", responses.ReleasesResponse)
    def releases(request: Request) -> Response:
        """Return all releases, newest first."""
        return cached(request, _history(services, request).releases())


def _add_pictures(router: APIRouter, services: Services) -> None:
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
        request: Request, as_of: PictureDay, picture_id: PictureId, width: Width = 320
    ) -> Response:
        """Return a sample picture of a day's keywords, upright, without boxes."""
        services.allow(request, "read")
        return _show(request, services.need_table_services(), as_of, picture_id, width)

    @get_picture("/v1/pictures/{picture_id}")
    def newest_picture(request: Request, picture_id: PictureId, width: Width = 320) -> Response:
        """Return a sample picture of the newest keywords, upright, without boxes."""
        services.allow(request, "read")
        return _show(request, services.need_table_services(), None, picture_id, width)


def _show(
    request: Request, table_services: TableServices, as_of: str | None, picture_id: str, width: int
) -> Response:
    if picture_id not in table_services.tables().day(as_of)[1].picture_ids:
        raise Problem(404, "not_found", "No keyword of that day names this picture.")
    try:
        data = table_services.thumbnail(picture_id, width)
    except PictureError:
        raise Problem(404, "not_found", "The stored picture is damaged.") from None
    kept = {"Cache-Control": "private, max-age=604800, immutable"}
    etag = f'"{picture_id[:32]}-{width}"'
    return static_files.respond(request, data, thumbnails.MEDIA_TYPE, etag, kept)


def _check_size(series: Sequence[AdhocSeries], cfg: ServeConfig) -> None:
    points = max(len(next(iter(s.shares.values()))) for s in series)
    if len(series) > cfg.max_series or points > cfg.max_points:
        raise Problem(
            413,
            "too_large",
            f"The request has {len(series)} series of up to {points} days; at most {cfg.max_series} "
            f"series of {cfg.max_points} days are allowed.",
        )
