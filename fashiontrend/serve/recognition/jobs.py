"""Catalogue jobs: accepting them, reporting their state, and reading their results page by page.

The server only writes and reads records. `fashiontrend recognitions work` does the work, outside of
any request.
"""

import hashlib
import json
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

import pydantic

from fashiontrend.config import ServeConfig
from fashiontrend.errors import Conflict
from fashiontrend.serve.recognition.allowed_keys import is_allowed
from fashiontrend.serve.recognition.job_records import JobEnd, JobPlan, JobRecord, RowCounts
from fashiontrend.serve.schemas.catalogue_jobs import JobResponse, JobResultsResponse, JobsResponse
from fashiontrend.serve.schemas.problems import Problem
from fashiontrend.serve.schemas.requests import JobRequest
from fashiontrend.serve.schemas.responses import JsonObject
from fashiontrend.storage import layout
from fashiontrend.storage.digests import open_sealed
from fashiontrend.storage.object_store import Store

R = TypeVar("R", bound=pydantic.BaseModel)
#: Most jobs of a list.
MAX_JOBS = 100
#: Most rows of a page of results.
MAX_ROWS = 1_000


class CatalogueJobs:
    """The catalogue jobs of a store."""

    def __init__(self, store: Store, cfg: ServeConfig, now: Callable[[], datetime]) -> None:
        self.store, self.cfg, self.now = store, cfg, now
        self._created: dict[str, tuple[str, str]] = {}  # job -> when and by whom; neither changes

    def submit(self, request: JobRequest, release: str, caller: str, key: str | None) -> str:
        """Store a job and return its id; the same Idempotency-Key gives the same job.

        Args:
            request: what to recognise.
            release: id of the release whose recogniser does the job.
            caller: keys of different callers are different.
            key: the Idempotency-Key, if the caller sent one.

        Raises:
            Problem: 400 if callers may not read an input, 409 if the Idempotency-Key was used for
                another request.
        """
        for name in request.input:
            if not is_allowed(name, self.cfg.key_prefixes):
                detail = f"input {name[:100]!r}: it is not below a prefix that callers may read."
                raise Problem(400, "invalid", detail)
        job_id = _derive_id(caller, key) if key else uuid.uuid4().hex
        record = JobRecord(
            id=job_id,
            created_at=self.now().isoformat(timespec="seconds"),
            caller=caller,
            release=release,
            request=request,
        )
        try:
            self.store.create(layout.recognition(job_id), record.to_json())
        except Conflict:
            if read_record(self.store, layout.recognition(job_id), JobRecord).request != request:
                detail = "The Idempotency-Key was already used for another request."
                raise Problem(409, "idempotency", detail) from None
        return job_id

    def status(self, job_id: str, caller: str) -> JobResponse:
        """Return the state of a caller's job.

        Raises:
            Problem: 404 if the caller has no such job.
        """
        record = self._record(job_id, caller)
        plan = self._find(layout.recognition_plan(job_id), JobPlan)
        end = self._find(layout.recognition_end(job_id), JobEnd)
        done = self.store.committed(layout.recognition_parts(job_id))
        counts = end.facts if end and end.facts else count_rows(self.store, done)
        response = JobResponse(
            id=job_id,
            status=end.status if end else "running" if plan else "queued",
            created_at=record.created_at,
            input=list(record.request.input),
            parts_done=len(done),
            parts_total=len(plan.parts) if plan else None,
            rows_done=counts.rows,
            rows_failed=counts.failed,
            rows_without_garment=counts.no_garment,
        )
        if end and end.detail:
            response.detail = end.detail
        if done:
            response.results = f"/v1/recognitions/{job_id}/results"
        return response

    def list_jobs(self, caller: str) -> JobsResponse:
        """Return the states of the caller's newest `MAX_JOBS` jobs, newest first."""
        keys = self.store.keys(layout.RECOGNITIONS)
        ids = [k.split("/")[1] for k in keys if k.endswith("/job.json")]
        # Only what the store still holds is remembered, so that a server does not grow with jobs of the past.
        self._created = {i: self._created.get(i) or self._creation(i) for i in ids}
        own = sorted((at, i) for i, (at, whose) in self._created.items() if whose == caller)
        newest = [job_id for _, job_id in reversed(own)][:MAX_JOBS]
        return JobsResponse(jobs=[self.status(job_id, caller) for job_id in newest])

    def cancel(self, job_id: str, caller: str) -> JobResponse:
        """End a caller's job; parts that are finished stay, and no further part is begun.

        Raises:
            Problem: 404 if the caller has no such job, 409 if it has ended otherwise.
        """
        self._record(job_id, caller)
        end = JobEnd(status="cancelled", ended_at=self.now().isoformat(timespec="seconds"))
        try:
            self.store.create(layout.recognition_end(job_id), end.to_json())
        except Conflict:
            standing = self.status(job_id, caller)
            if standing.status != "cancelled":
                detail = f"The job has ended already: it has {standing.status}."
                raise Problem(409, "ended", detail) from None
        return self.status(job_id, caller)

    def results(
        self, job_id: str, caller: str, cursor: str | None, limit: int
    ) -> JobResultsResponse:
        """Return a page of the results so far, in the order of the input.

        Args:
            job_id: the job.
            caller: who submitted it.
            cursor: `next` of the previous page; None for the first one.
            limit: most rows of the page.

        Raises:
            Problem: 404 if the caller has no such job, 400 if the cursor is invalid.
        """
        self._record(job_id, caller)
        part, offset = _read_cursor(cursor)
        done = {p.rsplit("/", 1)[1] for p in self.store.committed(layout.recognition_parts(job_id))}
        rows: list[JsonObject] = []
        while f"{part:05d}" in done and len(rows) < limit:
            table = self.store.read_partition(layout.recognition_part(job_id, part))
            page = table.slice(offset, limit - len(rows)).to_pylist()
            rows += page
            offset += len(page)
            if offset >= table.num_rows:
                part, offset = part + 1, 0
        plan = self._find(layout.recognition_plan(job_id), JobPlan)
        end = self._find(layout.recognition_end(job_id), JobEnd)
        cancelled = end is not None and end.status == "cancelled" and f"{part:05d}" not in done
        complete = cancelled or (plan is not None and part >= len(plan.parts))
        return JobResultsResponse(
            id=job_id,
            rows=rows,
            next=None if complete else f"{part}.{offset}",
            complete=complete,
        )

    def _creation(self, job_id: str) -> tuple[str, str]:
        record = read_record(self.store, layout.recognition(job_id), JobRecord)
        return record.created_at, record.caller

    def _record(self, job_id: str, caller: str) -> JobRecord:
        """The record of a caller's job. Another caller's job is answered as one that does not exist."""
        found = self._find(layout.recognition(job_id), JobRecord)
        if found is None or found.caller != caller:
            raise Problem(404, "not_found", "You have no job with this id.")
        return found

    def _find(self, key: str, record: type[R]) -> R | None:
        return read_record(self.store, key, record) if self.store.exists(key) else None


def read_record(store: Store, key: str, record: type[R]) -> R:
    """Read a JSON file of the store as a typed record."""
    return parse_record(store, key, record, store.read(key))


def parse_record(store: Store, key: str, record: type[R], data: bytes) -> R:
    """A typed record of the bytes of a JSON file of the store, without its seal.

    Raises:
        DataError: it is damaged.
    """
    return record.model_validate_json(json.dumps(open_sealed(data, store.uri(key))))


def count_rows(store: Store, partitions: Sequence[str]) -> RowCounts:
    """Sum the rows, and the failed rows, of a job's finished parts."""
    manifests = [m for p in partitions if (m := store.manifest(p)) is not None]
    return RowCounts(
        rows=sum(m.facts["rows"] for m in manifests),
        failed=sum(m.facts["failed"] for m in manifests),
        no_garment=sum(m.facts.get("no_garment", 0) for m in manifests),
    )


def _derive_id(caller: str, key: str) -> str:
    return hashlib.sha256(f"{caller}\n{key}".encode()).hexdigest()[:32]


def _read_cursor(cursor: str | None) -> tuple[int, int]:
    """The part and the row in it where a page begins."""
    if cursor is None:
        return 0, 0
    part, _, offset = cursor.partition(".")
    if not (part.isdecimal() and offset.isdecimal() and len(cursor) < 30):
        detail = "cursor: expected the value of `next` of a previous page."
        raise Problem(400, "invalid", detail)
    return int(part), int(offset)
