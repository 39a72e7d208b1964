"""Catalogue jobs: Parquet in, Parquet out. Requests write and read records; the work is done elsewhere."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from fashiontrend.errors import DataError
from fashiontrend.serve.http.problems import Problem
from fashiontrend.serve.recognition import catalogue_rows
from fashiontrend.serve.recognition.jobs import MOST_ROWS
from fashiontrend.serve.release.tables import Tables
from fashiontrend.serve.routes.openapi import body, errors, secured
from fashiontrend.serve.routes.services import Services, cached, fresh
from fashiontrend.serve.schemas.requests import JobRequest
from fashiontrend.serve.schemas.responses import JobResponse, JobResultsResponse

EXAMPLE = {"input": ["uploads/catalogue.parquet"], "options": {"min_confidence": 0.5}}
JobId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


def make_router(services: Services) -> APIRouter:
    """The endpoints."""
    router = APIRouter(tags=["catalogue jobs"])

    @router.post(
        "/v1/recognitions",
        status_code=202,
        responses={202: {"model": JobResponse}, **errors(400, 408, 409, 413, 415, 504)},
        openapi_extra=body("catalogue", JobRequest, EXAMPLE),
    )
    async def submit(
        request: Request,
        idempotency_key: Annotated[
            str | None,
            Header(pattern=r"^[\x21-\x7e]{1,200}$", description="The same key gives the same job."),
        ] = None,
    ) -> Response:
        """Write a job down; `fashiontrend recognitions work` takes it up."""
        caller = services.allow(request, "catalogue")
        library = services.need_table_services()
        asked = await services.read(request, JobRequest)
        tables = library.tables()
        _check(asked, tables)
        job_id = await run_in_threadpool(
            library.jobs.submit, asked, tables.release.release_id, caller, idempotency_key
        )
        told = await run_in_threadpool(library.jobs.status, job_id)
        return fresh(told, 202, {"Location": f"/v1/recognitions/{job_id}"})

    @router.get(
        "/v1/recognitions/{job_id}",
        responses={200: {"model": JobResponse}, **errors(304, 400, 404)},
        openapi_extra=secured("catalogue"),
    )
    def status(request: Request, job_id: JobId) -> Response:
        """How far a job is."""
        services.allow(request, "catalogue")
        return cached(request, services.need_table_services().jobs.status(job_id))

    @router.get(
        "/v1/recognitions/{job_id}/results",
        responses={200: {"model": JobResultsResponse}, **errors(304, 400, 404)},
        openapi_extra=secured("catalogue"),
    )
    def results(
        request: Request,
        job_id: JobId,
        cursor: Annotated[str | None, Query(pattern=r"^[0-9]{1,9}\.[0-9]{1,9}$")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
    ) -> Response:
        """Answers in the order of the input, as far as they are there."""
        services.allow(request, "catalogue")
        return cached(request, services.need_table_services().jobs.results(job_id, cursor, limit))

    return router


def _check(asked: JobRequest, tables: Tables) -> None:
    """Refuse at once what would be found out when the whole catalogue is answered."""
    try:
        catalogue_rows.check_attributes(asked.options, tables.taxonomy)
    except DataError as error:
        raise Problem(422, "taxonomy", str(error)) from None
