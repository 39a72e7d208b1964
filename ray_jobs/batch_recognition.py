"""Catalogue jobs: what the server wrote down becomes Ray Data jobs, outside the path of any request.

Rows are cut into parts; each part is committed exclusively by the actor that answered it. So a
killed worker, or a second one on the same job, loses or doubles no row.
"""

import json
import logging
import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import ray.data
from ray.data import ActorPoolStrategy
from ray.exceptions import RayError, RayTaskError, UserCodeException

from fashiontrend.config import Config, ServeConfig
from fashiontrend.errors import Conflict, DataError, FashiontrendError, StoreError
from fashiontrend.pipeline.context import now
from fashiontrend.serve.http.metrics import Metrics
from fashiontrend.serve.recognition import catalogue_rows, served_model
from fashiontrend.serve.recognition.allowed_keys import is_allowed
from fashiontrend.serve.recognition.served_model import ServedModel
from fashiontrend.serve.schemas.requests import Options
from fashiontrend.storage import layout, ledger
from fashiontrend.storage.object_store import Store, open_store
from ray_jobs import devices
from ray_jobs.runtime import connect

log = logging.getLogger(__name__)
POLL_S = 5.0
LEASE_S = 120.0
#: Turns at a job, none of which answered a further part; then it has failed.
MOST_TURNS = 5
#: Of an actor whose process dies, within one turn; left to itself Ray Data restarts it for ever.
RESTARTS = 2
#: URLs and absolute paths: a caller is not told how the machine is laid out.
PLACES = re.compile(r"""[a-z][a-z0-9+.-]*://[^\s'",;)]+|(?<![\w.])/[^\s'",;:)]+/[^\s'",;:)]+""")
Part = dict[str, Any]  # number, file, first, rows


def work(config: Config, once: bool = False) -> int:
    """Take up jobs until there are no more (`once`), or for ever; returns how many were ended.

    Raises:
        StoreError: the store or the cluster cannot be reached; with `once` also if one of them
            failed during a job, which is left for later.
    """
    store, ended = open_store(config.store), 0
    left: dict[str, StoreError] = {}
    me = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    while True:
        taken, found = 0, pending(store)
        if found:  # before a claim: a cluster that cannot be reached is no job's fault
            connect(config)
        for job_id in found:
            turn = claim(store, job_id, me, now())
            if not turn:
                continue
            taken += 1
            left.pop(job_id, None)
            try:
                end(config, store, job_id, me, turn)
                ended += 1
            except StoreError as error:
                log.error("job %s is left for later: %s", job_id, error)
                left[job_id] = error
        if once and not taken:
            if left:
                raise next(iter(left.values()))
            return ended
        if not taken:
            time.sleep(POLL_S)


def pending(store: Store) -> list[str]:
    """Jobs that have not ended, oldest first."""
    keys = set(store.keys(layout.RECOGNITIONS))
    ids = {k.split("/")[1] for k in keys if k.endswith("/job.json")}
    waiting = [i for i in ids if layout.recognition_end(i) not in keys]
    return sorted(waiting, key=lambda i: store.read_json(layout.recognition(i))["created_at"])


def claim(store: Store, job_id: str, me: str, at: datetime) -> int:
    """Take a job for two minutes; whoever took it before has had them.

    Returns:
        Which turn at the job this is since a part of it was last answered, from 1; 0 if the job is
        somebody's or has ended.
    """
    key = layout.recognition_claim(job_id)
    standing = store.read(key) if store.exists(key) else None
    held = json.loads(standing) if standing else {}
    if held and datetime.fromisoformat(held["until"]) > at:
        return 0
    if store.exists(layout.recognition_end(job_id)):
        return 0
    parts = len(store.committed(layout.recognition_parts(job_id)))
    turn: int = held["turn"] + 1 if held.get("parts") == parts else 1
    fresh = {"worker": me, "until": _until(at), "turn": turn, "parts": parts}
    try:
        store.swap(key, json.dumps(fresh).encode(), standing)
    except Conflict:
        return 0
    return turn


def keep(store: Store, job_id: str, me: str, at: datetime) -> None:
    """Prolong one's own claim to two minutes from now; somebody else's is left as it is."""
    key = layout.recognition_claim(job_id)
    standing = store.read(key)
    held = json.loads(standing)
    if held["worker"] != me:
        return
    try:
        store.swap(key, json.dumps({**held, "until": _until(at)}).encode(), standing)
    except Conflict:
        log.info("job %s was taken by another worker", job_id)


@contextmanager
def kept(store: Store, job_id: str, me: str) -> Iterator[None]:
    """Keep a claim meanwhile, by a thread: one part may take longer than a lease."""
    over = threading.Event()

    def prolong() -> None:
        while not over.wait(LEASE_S / 4):
            try:
                keep(store, job_id, me, now())
            except StoreError as error:
                log.warning("job %s: the claim was not prolonged: %s", job_id, error)

    thread = threading.Thread(target=prolong, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def end(config: Config, store: Store, job_id: str, me: str, turn: int = 1) -> None:
    """Do a job and write down how it ended, whatever it raises.

    Raises:
        StoreError: the store does not answer, or Ray itself failed; the job is left for later.
    """
    try:
        _check_turn(turn)
        with kept(store, job_id, me):
            facts = do(config, store, job_id)
        body: dict[str, Any] = {"status": "succeeded", "facts": facts}
    except Exception as raised:
        cause = cause_of(raised)
        if isinstance(cause, StoreError):
            raise cause from None
        ours = isinstance(cause, FashiontrendError)
        log.error("job %s: %s", job_id, cause, exc_info=None if ours else raised)
        body = {"status": "failed", "detail": _words(cause, store)}
    body["ended_at"] = ledger.now_text(now())
    try:
        store.create(layout.recognition_end(job_id), json.dumps(body, indent=1).encode())
    except Conflict:
        log.info("job %s was ended by another worker", job_id)
    log.info("job %s: %s", job_id, body["status"])


def cause_of(error: Exception) -> Exception:
    """What an actor raised, out of Ray's wrapping; a StoreError if Ray itself failed."""
    wrapped = isinstance(error, RayTaskError | UserCodeException)
    inner: object = (getattr(error, "cause", None) or error.__cause__) if wrapped else None
    if isinstance(inner, Exception):
        return cause_of(inner)
    if isinstance(error, RayError) and not wrapped:
        return StoreError(
            f"Ray: {_first_line(error)} Expected actors that stay. Look at Ray's logs and at the "
            "memory of its nodes."
        )
    return error


def do(config: Config, store: Store, job_id: str) -> dict[str, int]:
    """Answer every part that nobody has answered; returns rows and failed rows of the whole job."""
    record = store.read_json(layout.recognition(job_id))
    parts = plan(store, job_id, record["request"]["input"], config.serve)
    missing = [
        p for p in parts if store.manifest(layout.recognition_part(job_id, p["number"])) is None
    ]
    if missing:
        for _ in answers(config, record, missing):
            pass
    done = [store.manifest(layout.recognition_part(job_id, p["number"])) for p in parts]
    return {k: sum(m.facts[k] for m in done if m is not None) for k in ("rows", "failed")}


def answers(config: Config, record: dict[str, Any], parts: list[Part]) -> Iterable[pa.Table]:
    """Numbers of the parts as the pool's actors commit them, in any order."""
    # What an actor raises keeps its class on the way: Ray Data's own wrapping loses it.
    ray.data.DataContext.get_current().raise_original_map_exception = True
    found = ray.data.from_items([{"part": json.dumps(p)} for p in parts]).map_batches(
        Answering,
        fn_constructor_args=(config.model_dump(mode="json"), record),
        batch_size=1,
        compute=ActorPoolStrategy(size=config.series.recognise_workers),
        num_cpus=0 if config.ray.use_gpu else 0.5,
        num_gpus=1 if config.ray.use_gpu else 0,
        max_restarts=RESTARTS,
        max_task_retries=RESTARTS,
    )
    tables: Iterable[pa.Table] = found.iter_batches(batch_size=None, batch_format="pyarrow")
    return tables


def plan(store: Store, job_id: str, names: list[str], cfg: ServeConfig) -> list[Part]:
    """Which rows of which file make which part; decided once.

    Raises:
        DataError: an input is not there, or is not a Parquet table with the columns that are needed.
    """
    key = layout.recognition_plan(job_id)
    if not store.exists(key):
        parts = [
            {"number": n, "file": file, "first": first, "rows": rows}
            for n, (file, first, rows) in enumerate(_cut(store, names, cfg))
        ]
        try:
            store.create(key, json.dumps({"parts": parts}).encode())
        except Conflict:
            log.info("job %s was planned by another worker", job_id)
    found: list[Part] = store.read_json(key)["parts"]
    return found


def _cut(store: Store, names: list[str], cfg: ServeConfig) -> Iterator[tuple[str, int, int]]:
    for name in names:
        files = store.keys(name) if name.endswith("/") else [name]
        chosen = [f for f in files if f.endswith(".parquet") and is_allowed(f, cfg.key_prefixes)]
        if not chosen:
            raise DataError(f"input {name!r}: no Parquet file there. Correct the request.")
        for file in chosen:
            total = _count(store, file)
            for first in range(0, total, cfg.rows_per_part):
                yield file, first, min(cfg.rows_per_part, total - first)


def _count(store: Store, file: str) -> int:
    """Rows of a file that has the columns that are needed."""
    with _told(store, file), store.filesystem.open_input_file(store.path(file)) as source:
        parquet = pq.ParquetFile(source)
        catalogue_rows.check_columns(f"input {file!r}", parquet.schema_arrow)
        rows: int = parquet.metadata.num_rows
        return rows


@contextmanager
def _told(store: Store, file: str) -> Iterator[None]:
    """Turn what reading an input raises into a DataError, or a StoreError that leaves the job."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"input {file!r}: it is not there. Correct the request.") from error
    except (OSError, pa.ArrowException) as error:
        # A store that does not answer says so here; from one that does, the file came as it is.
        store.exists(file)
        raise DataError(f"input {file!r}: {error}. Give a Parquet file that is whole.") from error


def _check_turn(turn: int) -> None:
    if turn > MOST_TURNS:
        raise DataError(
            f"The job was taken up {MOST_TURNS} times without a further part being answered: each "
            "time its worker was killed (out of memory?) or lost the store or Ray; the workers' logs "
            "have the reasons. Give the workers more memory, or the job smaller pictures, and "
            "submit it again."
        )


def _words(error: Exception, store: Store) -> str:
    """The first line of what failed, as a caller may read it."""
    line = PLACES.sub("(left out)", _first_line(error).replace(store.uri(""), ""))
    if isinstance(error, FashiontrendError):
        return line
    return f"{type(error).__name__}: {line} (The worker's log has the whole of it.)"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "")


def _until(at: datetime) -> str:
    return ledger.now_text(at + timedelta(seconds=LEASE_S))


class Answering:
    """An actor of the pool: answers and commits parts with the release that the job was given to."""

    def __init__(self, config: dict[str, Any], record: dict[str, Any]) -> None:
        settings = Config.model_validate(config)
        self.cfg, self.store, self.job_id = settings.serve, open_store(settings.store), record["id"]
        self.record, self.device = record, devices.assigned_to_actor()

    @cached_property
    def options(self) -> Options:
        """How the answers should look."""
        return Options.model_validate(self.record["request"]["options"])

    @cached_property
    def model(self) -> ServedModel:
        """Loaded with the first part: of what an actor's constructor raises, Ray keeps the text alone."""
        return served_model.load(
            self.store, self.record["release"], self.cfg, Metrics(), self.device
        )

    def __call__(self, batch: dict[str, Any]) -> pa.Table:
        """Commit the answers of the parts in a batch; gives their numbers back."""
        numbers = []
        for text in batch["part"]:
            part: Part = json.loads(str(text))
            table = catalogue_rows.answer(
                self._rows(part), self.model, self.options, self.cfg, self.store.read
            )
            failed = sum(s != "ok" for s in table.column("status").to_pylist())
            self.store.commit_tables(
                layout.recognition_part(self.job_id, part["number"]),
                {"answers": table},
                {"rows": table.num_rows, "failed": failed},
            )
            numbers.append(part["number"])
        return pa.table({"part": numbers})

    def _rows(self, part: Part) -> Iterator[pa.Table]:
        with (
            _told(self.store, part["file"]),
            self.store.filesystem.open_input_file(self.store.path(part["file"])) as source,
        ):
            yield from catalogue_rows.read_rows(source, part["first"], part["rows"])
