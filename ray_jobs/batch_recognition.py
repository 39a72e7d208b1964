"""Catalogue jobs: the records that the server wrote become Ray Data jobs, outside of any request.

Rows are cut into parts, and the actor that recognised a part commits it exclusively. So a killed
worker, or a second worker on the same job, neither loses nor doubles a row.
"""

import logging
import os
import re
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray.data
from numpy.typing import NDArray
from ray.data import ActorPoolStrategy
from ray.exceptions import RayError, RayTaskError, UserCodeException

from fashiontrend.config import Config, ServeConfig
from fashiontrend.errors import Conflict, DataError, FashiontrendError, StoreError
from fashiontrend.pipeline.context import now
from fashiontrend.serve.recognition import catalogue_rows, served_model
from fashiontrend.serve.recognition.allowed_keys import is_allowed
from fashiontrend.serve.recognition.job_records import (
    JobClaim,
    JobEnd,
    JobPart,
    JobPlan,
    JobRecord,
    RowCounts,
)
from fashiontrend.serve.recognition.jobs import count_rows, parse_record, read_record
from fashiontrend.serve.recognition.served_model import ServedModel
from fashiontrend.serve.schemas.responses import JsonObject
from fashiontrend.storage import layout, ledger
from fashiontrend.storage.object_store import Store, open_store
from ray_jobs import devices
from ray_jobs.runtime import connect

log = logging.getLogger(__name__)
#: Seconds between two checks for new jobs.
POLL_S = 5.0
#: Seconds for which a claim holds; its worker renews it.
LEASE_S = 120.0
#: Rows that are committed together: a killed worker repeats at most these.
ROWS_PER_PART = 2_000
#: A job has failed after this many turns in a row in which no further part was finished.
MAX_TURNS = 5
#: Restarts of an actor whose process died, within one turn; Ray Data by itself restarts it forever.
RESTARTS = 2
#: URLs and absolute paths: callers must not learn how the machine is laid out.
PLACES = re.compile(r"""[a-z][a-z0-9+.-]*://[^\s'",;)]+|(?<![\w.])/[^\s'",;:)]+/[^\s'",;:)]+""")


class PartBatch(TypedDict):
    """A batch of Ray Data: one part per row, as JSON of a `JobPart`."""

    part: NDArray[np.str_]


def work(config: Config, once: bool = False) -> int:
    """Do catalogue jobs until there are none left (`once`), or forever; return how many ended.

    Raises:
        StoreError: the store or the cluster cannot be reached. With `once` this is also raised if one
            of them failed during a job, which then stays open.
    """
    store, ended = open_store(config.store), 0
    open_jobs: dict[str, StoreError] = {}
    worker = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    while True:
        taken, found = 0, pending(store)
        if found:  # connect before a claim: an unreachable cluster must not count as a turn
            connect(config)
        for job_id in found:
            turn = claim(store, job_id, worker, now())
            if not turn:
                continue
            taken += 1
            open_jobs.pop(job_id, None)
            try:
                finish(config, store, job_id, worker, turn)
                ended += 1
            except StoreError as error:
                log.error("job %s stays open: %s", job_id, error)
                open_jobs[job_id] = error
        if once and not taken:
            if open_jobs:
                raise next(iter(open_jobs.values()))
            return ended
        if not taken:
            time.sleep(POLL_S)


def pending(store: Store) -> list[str]:
    """Return the ids of the jobs that have not ended, oldest first."""
    keys = set(store.keys(layout.RECOGNITIONS))
    ids = {k.split("/")[1] for k in keys if k.endswith("/job.json")}
    waiting = [i for i in ids if layout.recognition_end(i) not in keys]
    return sorted(waiting, key=lambda i: _read_job(store, i).created_at)


def claim(store: Store, job_id: str, worker: str, at: datetime) -> int:
    """Claim a job for two minutes, if nobody else's claim holds.

    Returns:
        Which turn this is since the last part of the job was finished, from 1; 0 if another claim
        holds or the job has ended.
    """
    key = layout.recognition_claim(job_id)
    standing = store.read(key) if store.exists(key) else None
    held = parse_record(store, key, JobClaim, standing) if standing else None
    if held and held.until > at:
        return 0
    if store.exists(layout.recognition_end(job_id)):
        return 0
    parts = len(store.committed(layout.recognition_parts(job_id)))
    turn = held.turn + 1 if held and held.parts == parts else 1
    fresh = JobClaim(worker=worker, until=_until(at), turn=turn, parts=parts)
    try:
        store.swap(key, fresh.to_json(), standing)
    except Conflict:
        return 0
    return turn


def renew_claim(store: Store, job_id: str, worker: str, at: datetime) -> None:
    """Extend the worker's own claim to two minutes from `at`; another worker's claim stays as it is."""
    key = layout.recognition_claim(job_id)
    standing = store.read(key)
    held = parse_record(store, key, JobClaim, standing)
    if held.worker != worker:
        return
    try:
        store.swap(key, held.model_copy(update={"until": _until(at)}).to_json(), standing)
    except Conflict:
        log.info("job %s was taken by another worker", job_id)


@contextmanager
def claim_renewed(store: Store, job_id: str, worker: str) -> Iterator[None]:
    """Renew a claim in a thread meanwhile, because one part may take longer than a lease."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(LEASE_S / 4):
            try:
                renew_claim(store, job_id, worker, now())
            except StoreError as error:
                log.warning("job %s: the claim was not renewed: %s", job_id, error)

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def finish(config: Config, store: Store, job_id: str, worker: str, turn: int = 1) -> None:
    """Do a job and record how it ended, whatever it raises.

    Raises:
        StoreError: the store is not available, or Ray itself failed; the job stays open.
    """
    try:
        _check_turn(turn)
        with claim_renewed(store, job_id, worker):
            facts = run(config, store, job_id)
        end = JobEnd(status="succeeded", facts=facts, ended_at=ledger.now_text(now()))
    except Exception as raised:
        cause = cause_of(raised)
        if isinstance(cause, StoreError):
            raise cause from None
        ours = isinstance(cause, FashiontrendError)
        log.error("job %s failed: %s", job_id, cause, exc_info=None if ours else raised)
        detail, at = _public_detail(cause, store), ledger.now_text(now())
        end = JobEnd(status="failed", detail=detail, ended_at=at)
    try:
        store.create(layout.recognition_end(job_id), end.to_json())
    except Conflict:
        log.info("job %s was ended by another worker", job_id)
    log.info("job %s %s", job_id, end.status)


def cause_of(error: Exception) -> Exception:
    """Unwrap what an actor raised from Ray's exceptions; a failure of Ray itself is a StoreError."""
    wrapped = isinstance(error, RayTaskError | UserCodeException)
    inner: object = (getattr(error, "cause", None) or error.__cause__) if wrapped else None
    if isinstance(inner, Exception):
        return cause_of(inner)
    if isinstance(error, RayError) and not wrapped:
        return StoreError(
            f"Ray failed: {_first_line(error)} Expected its actors to keep running. Look at Ray's logs "
            "and at the memory of its nodes."
        )
    return error


def run(config: Config, store: Store, job_id: str) -> RowCounts:
    """Recognise every part that is not finished; return the row counts of the whole job."""
    record = _read_job(store, job_id)
    parts = plan(store, job_id, record.request.input, config.serve)
    partitions = {p.number: layout.recognition_part(job_id, p.number) for p in parts}
    missing = [p for p in parts if store.manifest(partitions[p.number]) is None]
    if missing:
        for _ in recognise_parts(config, record, missing):
            pass
    return count_rows(store, list(partitions.values()))


def recognise_parts(
    config: Config, record: JobRecord, parts: Sequence[JobPart]
) -> Iterable[pa.Table]:
    """Return the numbers of the parts as the pool's actors commit them, in any order."""
    # What an actor raises must keep its class on the way; Ray Data's own wrapping loses it.
    ray.data.DataContext.get_current().raise_original_map_exception = True
    found = ray.data.from_items([{"part": p.model_dump_json()} for p in parts]).map_batches(
        PartRecogniser,
        fn_constructor_args=(config.model_dump(mode="json"), record.model_dump(mode="json")),
        batch_size=1,
        compute=ActorPoolStrategy(size=config.series.recognise_workers),
        num_cpus=0 if config.ray.use_gpu else 0.5,
        num_gpus=1 if config.ray.use_gpu else 0,
        max_restarts=RESTARTS,
        max_task_retries=RESTARTS,
    )
    tables: Iterable[pa.Table] = found.iter_batches(batch_size=None, batch_format="pyarrow")
    return tables


def plan(store: Store, job_id: str, inputs: Sequence[str], cfg: ServeConfig) -> tuple[JobPart, ...]:
    """Cut the inputs of a job into parts; this is decided once and stored.

    Raises:
        DataError: an input does not exist, or is not a Parquet table with the needed columns.
    """
    key = layout.recognition_plan(job_id)
    if not store.exists(key):
        parts = JobPlan(
            parts=tuple(
                JobPart(number=n, file=file, first=first, rows=rows)
                for n, (file, first, rows) in enumerate(_cut(store, inputs, cfg))
            )
        )
        try:
            store.create(key, parts.to_json())
        except Conflict:
            log.info("job %s was planned by another worker", job_id)
    return read_record(store, key, JobPlan).parts


def _read_job(store: Store, job_id: str) -> JobRecord:
    return read_record(store, layout.recognition(job_id), JobRecord)


def _cut(store: Store, inputs: Sequence[str], cfg: ServeConfig) -> Iterator[tuple[str, int, int]]:
    """File, first row and number of rows of every part."""
    for name in inputs:
        files = store.keys(name) if name.endswith("/") else [name]
        chosen = [f for f in files if f.endswith(".parquet") and is_allowed(f, cfg.key_prefixes)]
        if not chosen:
            raise DataError(f"input {name!r}: there is no Parquet file. Correct the request.")
        for file in chosen:
            total = _count(store, file)
            for first in range(0, total, ROWS_PER_PART):
                yield file, first, min(ROWS_PER_PART, total - first)


def _count(store: Store, file: str) -> int:
    """The number of rows of a file, if it has the needed columns."""
    with _input_errors(store, file), store.filesystem.open_input_file(store.path(file)) as source:
        parquet = pq.ParquetFile(source)
        catalogue_rows.check_columns(f"input {file!r}", parquet.schema_arrow)
        catalogue_rows.check_unpacked_size(f"input {file!r}", parquet, source.size())
        rows: int = parquet.metadata.num_rows
        return rows


@contextmanager
def _input_errors(store: Store, file: str) -> Iterator[None]:
    """Turn a failed read of an input into a DataError, or into a StoreError that leaves the job open."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"input {file!r}: it does not exist. Correct the request.") from error
    except (OSError, pa.ArrowException) as error:
        # If the store is not available, this raises StoreError; otherwise the file itself is damaged.
        store.exists(file)
        raise DataError(f"input {file!r}: {error}. Give a complete Parquet file.") from error


def _check_turn(turn: int) -> None:
    if turn > MAX_TURNS:
        raise DataError(
            f"The job was taken {MAX_TURNS} times without finishing a further part: each time its "
            "worker was killed (out of memory?) or lost the store or Ray. The workers' logs have the "
            "reasons. Give the workers more memory, or the job smaller pictures, and submit it again."
        )


def _public_detail(error: Exception, store: Store) -> str:
    """The first line of an error, without anything that a caller must not read."""
    line = PLACES.sub("(left out)", _first_line(error).replace(store.uri(""), ""))
    if isinstance(error, FashiontrendError):
        return line
    return f"{type(error).__name__}: {line} (The worker's log has the whole error.)"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "")


def _until(at: datetime) -> datetime:
    return at + timedelta(seconds=LEASE_S)


class PartRecogniser:
    """An actor of the pool: it recognises and commits parts, with the release of the job."""

    def __init__(self, config: JsonObject, record: JsonObject) -> None:
        settings = Config.model_validate(config)
        self.cfg, self.store = settings.serve, open_store(settings.store)
        self.record = JobRecord.model_validate(record)
        self.device = devices.assigned_to_actor()

    @cached_property
    def model(self) -> ServedModel:
        """The recogniser, loaded with the first part: Ray keeps only the text of a constructor's error."""
        return served_model.load(self.store, self.record.release, self.cfg, self.device)

    def __call__(self, batch: PartBatch) -> pa.Table:
        """Recognise and commit the parts of a batch; return their numbers."""
        parts = [JobPart.model_validate_json(str(text)) for text in batch["part"]]
        for part in parts:
            if not self.store.exists(layout.recognition_end(self.record.id)):  # cancelled meanwhile
                self._recognise(part)
        return pa.table({"part": [p.number for p in parts]})

    def _recognise(self, part: JobPart) -> None:
        options = self.record.request.options
        table = catalogue_rows.recognise_rows(
            self._rows(part), self.model, options, self.cfg, self.store.read
        )
        statuses = Counter(table.column("status").to_pylist())
        nothing = statuses["no_garment"]
        failed = table.num_rows - statuses["ok"] - nothing
        self.store.commit_tables(
            layout.recognition_part(self.record.id, part.number),
            {"answers": table},
            {"rows": table.num_rows, "failed": failed, "no_garment": nothing},
        )

    def _rows(self, part: JobPart) -> Iterator[pa.Table]:
        with (
            _input_errors(self.store, part.file),
            self.store.filesystem.open_input_file(self.store.path(part.file)) as source,
        ):
            yield from catalogue_rows.read_rows(source, part.first, part.rows)
