"""Catalogue jobs over HTTP: requests only write and read records; a worker elsewhere does the jobs."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from fashiontrend.errors import DataError
from fashiontrend.serve.recognition import catalogue_rows
from fashiontrend.serve.recognition.jobs import MAX_ROWS
from fashiontrend.serve.release.tables import Tables
from fashiontrend.serve.routes.openapi import body, errors, secured
from fashiontrend.serve.routes.services import Services, cached, fresh
from fashiontrend.serve.schemas.catalogue_jobs import JobResponse, JobResultsResponse, JobsResponse
from fashiontrend.serve.schemas.problems import Problem
from fashiontrend.serve.schemas.requests import JobRequest

EXAMPLE = {"input": ["uploads/catalogue.parquet"], "options": {"min_confidence": 0.5}}
JobId = Annotated[
    str, Path(pattern=r"^[0-9a-f]{32}$", description="The id that the server gave the job.")
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="Any text of the caller's. Repeating a request with the same key returns the same "
        "job instead of a second one.",
    ),
]
Cursor = Annotated[
    str | None,
    Query(pattern=r"^[0-9]{1,9}\.[0-9]{1,9}$", description="`next` of the previous page."),
]
Limit = Annotated[int, Query(ge=1, le=MAX_ROWS, description="Most rows of the page.")]


def make_router(services: Services) -> APIRouter:
    """Make the endpoints of catalogue jobs."""
    router = APIRouter(tags=["catalogue jobs"])

    @router.post(
        "/v1/recognitions",
        status_code=202,
        responses={202: {"model": JobResponse}, **errors(400, 408, 409, 413, 415, 504)},
        openapi_extra=body("catalogue", JobRequest, EXAMPLE),
    )
    async def submit(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Submit a catalogue job; a worker (`fashiontrend recognitions work`) does it later."""
        caller = services.allow(request, "catalogue")
        table_services = services.need_table_services()
        job = await services.read(request, JobRequest)
        tables = table_services.tables()
        _check_attributes(job, tables)
        jobs, release_id = table_services.jobs, tables.release.release_id
        job_id = await run_in_threadpool(jobs.submit, job, release_id, caller, idempotency_key)
        status = await run_in_threadpool(jobs.status, job_id, caller)
        return fresh(status, 202, {"Location": f"/v1/recognitions/{job_id}"})

    @router.get(
        "/v1/recognitions",
        responses={200: {"model": JobsResponse}, **errors(304)},
        openapi_extra=secured("catalogue"),
    )
    def list_jobs(request: Request) -> Response:
        """Return the caller's newest catalogue jobs, newest first."""
        caller = services.allow(request, "catalogue")
        return cached(request, services.need_table_services().jobs.list_jobs(caller))

    @router.delete(
        "/v1/recognitions/{job_id}",
        responses={200: {"model": JobResponse}, **errors(400, 404, 409)},
        openapi_extra=secured("catalogue"),
    )
    def cancel(request: Request, job_id: JobId) -> Response:
        """Cancel a catalogue job of the caller's; what is finished stays, nothing further is begun."""
        caller = services.allow(request, "catalogue")
        return fresh(services.need_table_services().jobs.cancel(job_id, caller))

    @router.get(
        "/v1/recognitions/{job_id}",
        responses={200: {"model": JobResponse}, **errors(304, 400, 404)},
        openapi_extra=secured("catalogue"),
    )
    def status(request: Request, job_id: JobId) -> Response:
        """Return the state of a catalogue job of the caller's."""
        caller = services.allow(request, "catalogue")
        return cached(request, services.need_table_services().jobs.status(job_id, caller))

    @router.get(
        "/v1/recognitions/{job_id}/results",
        responses={200: {"model": JobResultsResponse}, **errors(304, 400, 404)},
        openapi_extra=secured("catalogue"),
    )
    def results(
        request: Request, job_id: JobId, cursor: Cursor = None, limit: Limit = 100
    ) -> Response:
        """Return results in the order of the input, as far as they are finished."""
        caller = services.allow(request, "catalogue")
        jobs = services.need_table_services().jobs
        return cached(request, jobs.results(job_id, caller, cursor, limit))

    return router


def _check_attributes(job: JobRequest, tables: Tables) -> None:
    """Refuse unknown attributes now; otherwise the job would fail after it was accepted."""
    try:
        catalogue_rows.check_attributes(job.options, tables.taxonomy)
    except DataError as error:
        raise Problem(422, "taxonomy", str(error)) from None
