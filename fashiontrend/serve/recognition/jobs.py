"""Catalogue jobs: what was asked for, how far it is, and its answers, page by page.

The server only writes and reads records. `fashiontrend recognitions work` does the work, outside
the path of any request.
"""

import hashlib
import json
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from fashiontrend.config import ServeConfig
from fashiontrend.errors import Conflict
from fashiontrend.serve.http.problems import Problem
from fashiontrend.serve.recognition.allowed_keys import is_allowed
from fashiontrend.serve.schemas import requests
from fashiontrend.serve.schemas.requests import JobRequest
from fashiontrend.storage import layout
from fashiontrend.storage.object_store import Store

MOST_ROWS = 1_000


class Jobs:
    """The jobs of a store."""

    def __init__(self, store: Store, cfg: ServeConfig, now: Callable[[], datetime]) -> None:
        self.store, self.cfg, self.now = store, cfg, now

    def submit(self, request: JobRequest, release: str, caller: str, key: str | None) -> str:
        """Write a job down and return its id; the same Idempotency-Key gives the same job.

        Args:
            request: what to recognise.
            release: whose recogniser will answer, whatever is released meanwhile.
            caller: keys of different callers are different.
            key: Idempotency-Key.

        Raises:
            Problem: 400 for a key of the store that may not be read, 409 when the
                Idempotency-Key was used for another request.
        """
        for name in request.input:
            if not is_allowed(name, self.cfg.key_prefixes):
                raise Problem(
                    400,
                    "invalid",
                    f"input {name[:100]!r}: not below one of the prefixes that may be read.",
                )
        job_id = _name(caller, key) if key else uuid.uuid4().hex
        body = {
            "id": job_id,
            "created_at": self.now().isoformat(timespec="seconds"),
            "caller": caller,
            "release": release,
            "request": requests.plain(request),
        }
        try:
            self.store.create(layout.recognition(job_id), json.dumps(body, indent=1).encode())
        except Conflict:
            if self.store.read_json(layout.recognition(job_id))["request"] != body["request"]:
                raise Problem(
                    409, "idempotency", "This Idempotency-Key was used for another request."
                ) from None
        return job_id

    def status(self, job_id: str) -> dict[str, Any]:
        """How far a job is.

        Raises:
            Problem: 404.
        """
        record = self._record(job_id)
        plan = self._read(layout.recognition_plan(job_id))
        end = self._read(layout.recognition_end(job_id))
        done = self.store.committed(layout.recognition_parts(job_id))
        facts = (end or {}).get("facts") or self._count(done)
        state = end["status"] if end else "running" if plan else "queued"
        told = {
            "id": job_id,
            "status": state,
            "created_at": record["created_at"],
            "input": record["request"]["input"],
            "parts_done": len(done),
            "parts_total": len(plan["parts"]) if plan else None,
            "rows_done": facts["rows"],
            "rows_failed": facts["failed"],
        }
        if end and end.get("detail"):
            told["detail"] = end["detail"]
        if done:
            told["results"] = f"/v1/recognitions/{job_id}/results"
        return told

    def results(self, job_id: str, cursor: str | None, limit: int) -> dict[str, Any]:
        """Answers in the order of the input, as far as they are there.

        Args:
            job_id: of the job.
            cursor: `next` of the page before.
            limit: rows of a page.

        Raises:
            Problem: 404; 400 for a cursor that is none.
        """
        self._record(job_id)
        part, offset = _read_cursor(cursor)
        done = {p.rsplit("/", 1)[1] for p in self.store.committed(layout.recognition_parts(job_id))}
        rows: list[dict[str, Any]] = []
        while f"{part:05d}" in done and len(rows) < limit:
            table = self.store.read_partition(layout.recognition_part(job_id, part))
            page = table.slice(offset, limit - len(rows)).to_pylist()
            rows += page
            offset += len(page)
            if offset >= table.num_rows:
                part, offset = part + 1, 0
        plan = self._read(layout.recognition_plan(job_id))
        complete = plan is not None and part >= len(plan["parts"])
        return {
            "id": job_id,
            "rows": rows,
            "next": None if complete else f"{part}.{offset}",
            "complete": complete,
        }

    def _record(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] | None = self._read(layout.recognition(job_id))
        if found is None:
            raise Problem(404, "not_found", "There is no such job.")
        return found

    def _read(self, key: str) -> Any:
        return self.store.read_json(key) if self.store.exists(key) else None

    def _count(self, done: list[str]) -> dict[str, int]:
        manifests = [m for p in done if (m := self.store.manifest(p)) is not None]
        return {k: sum(m.facts[k] for m in manifests) for k in ("rows", "failed")}


def _name(caller: str, key: str) -> str:
    return hashlib.sha256(f"{caller}\n{key}".encode()).hexdigest()[:32]


def _read_cursor(cursor: str | None) -> tuple[int, int]:
    if cursor is None:
        return 0, 0
    part, _, offset = cursor.partition(".")
    if not (part.isdecimal() and offset.isdecimal() and len(cursor) < 30):
        raise Problem(400, "invalid", "cursor: not one that a page gave as `next`.")
    return int(part), int(offset)
