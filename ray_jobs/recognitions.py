"""Catalogue jobs: what the server wrote down becomes Ray Data jobs, outside the path of any request.

Rows are cut into parts; each part is committed exclusively by the actor that answered it. So a
killed worker, or a second one on the same job, loses or doubles no row.
"""

import json
import logging
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import ray.data
from ray.data import ActorPoolStrategy

from fashiontrend import ledger, paths
from fashiontrend.config import Config
from fashiontrend.errors import Conflict, DataError, FashiontrendError, StoreError
from fashiontrend.serve import catalogue, model
from fashiontrend.serve.asked import Options
from fashiontrend.serve.keys import is_allowed
from fashiontrend.serve.metrics import Metrics
from fashiontrend.serve_config import ServeConfig
from fashiontrend.store import Store, open_store
from ray_jobs.runtime import connect, now

log = logging.getLogger(__name__)
POLL_S = 5.0
LEASE_S = 120.0
Part = dict[str, Any]  # number, file, first, rows


def work(config: Config, once: bool = False) -> int:
    """Take up jobs until there are no more (`once`), or for ever; returns how many were ended."""
    store, ended = open_store(config.store), 0
    me = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    while True:
        found = [j for j in pending(store) if claim(store, j, me, now())]
        for job_id in found:
            end(config, store, job_id, me)
            ended += 1
        if once and not found:
            return ended
        if not found:
            time.sleep(POLL_S)


def pending(store: Store) -> list[str]:
    """Jobs that have not ended, oldest first."""
    keys = set(store.keys(paths.RECOGNITIONS))
    ids = {k.split("/")[1] for k in keys if k.endswith("/job.json")}
    waiting = [i for i in ids if paths.recognition_end(i) not in keys]
    return sorted(waiting, key=lambda i: store.read_json(paths.recognition(i))["created_at"])


def claim(store: Store, job_id: str, me: str, at: datetime) -> bool:
    """Take a job, or keep it, for two minutes; False if another worker has it."""
    key = paths.recognition_claim(job_id)
    standing = store.read(key) if store.exists(key) else None
    held = json.loads(standing) if standing else None
    if held and held["worker"] != me and datetime.fromisoformat(held["until"]) > at:
        return False
    until = ledger.now_text(at + timedelta(seconds=LEASE_S))
    body = json.dumps({"worker": me, "until": until}).encode()
    try:
        if body != standing:
            store.swap(key, body, standing)
    except Conflict:
        return False
    return True


def end(config: Config, store: Store, job_id: str, me: str) -> None:
    """Do a job and write down how it ended; a store that does not answer leaves it for later."""
    try:
        facts = do(config, store, job_id, lambda: claim(store, job_id, me, now()))
        body: dict[str, Any] = {"status": "succeeded", "facts": facts}
    except StoreError:
        raise
    except FashiontrendError as error:
        body = {"status": "failed", "detail": str(error)}
    body["ended_at"] = ledger.now_text(now())
    try:
        store.create(paths.recognition_end(job_id), json.dumps(body, indent=1).encode())
    except Conflict:
        log.info("job %s was ended by another worker", job_id)
    log.info("job %s: %s", job_id, body["status"])


def do(config: Config, store: Store, job_id: str, keep: Callable[[], object]) -> dict[str, int]:
    """Answer every part that nobody has answered; returns rows and failed rows of the whole job."""
    record = store.read_json(paths.recognition(job_id))
    parts = plan(store, job_id, record["request"]["input"], config.serve)
    missing = [
        p for p in parts if store.manifest(paths.recognition_part(job_id, p["number"])) is None
    ]
    if missing:
        connect(config)
        answers = ray.data.from_items([{"part": json.dumps(p)} for p in missing]).map_batches(
            Answering,
            fn_constructor_args=(config.model_dump(mode="json"), record),
            batch_size=1,
            compute=ActorPoolStrategy(size=config.series.recognise_workers),
            num_cpus=0 if config.ray.use_gpu else 0.5,
            num_gpus=1 if config.ray.use_gpu else 0,
        )
        for _ in answers.iter_batches(batch_size=None, batch_format="pyarrow"):
            keep()
    done = [store.manifest(paths.recognition_part(job_id, p["number"])) for p in parts]
    return {k: sum(m.facts[k] for m in done if m is not None) for k in ("rows", "failed")}


def plan(store: Store, job_id: str, names: list[str], cfg: ServeConfig) -> list[Part]:
    """Which rows of which file make which part; decided once.

    Raises:
        DataError: an input is not there, or is not a Parquet table with the columns that are needed.
    """
    key = paths.recognition_plan(job_id)
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
            try:
                with store.filesystem.open_input_file(store.path(file)) as source:
                    parquet = pq.ParquetFile(source)
                    catalogue.check_columns(parquet.schema_arrow)
                    total = parquet.metadata.num_rows
            except (OSError, pa.ArrowException) as error:
                raise DataError(f"input {file!r}: {error}. Give a Parquet file.") from error
            for first in range(0, total, cfg.rows_per_part):
                yield file, first, min(cfg.rows_per_part, total - first)


class Answering:
    """An actor of the pool: loads the release that the job was given to, answers and commits parts."""

    def __init__(self, config: dict[str, Any], record: dict[str, Any]) -> None:
        settings = Config.model_validate(config)
        self.cfg, self.store, self.job_id = settings.serve, open_store(settings.store), record["id"]
        self.options = Options.model_validate(record["request"]["options"])
        device = "cuda" if settings.ray.use_gpu else "cpu"
        self.model = model.load(self.store, record["release"], self.cfg, Metrics(), device)

    def __call__(self, batch: dict[str, Any]) -> pa.Table:
        """Commit the answers of the parts in a batch; gives their numbers back."""
        numbers = []
        for text in batch["part"]:
            part: Part = json.loads(str(text))
            with self.store.filesystem.open_input_file(self.store.path(part["file"])) as source:
                rows = catalogue.read_rows(source, part["first"], part["rows"])
                table = catalogue.answer(rows, self.model, self.options, self.cfg, self.store.read)
            failed = sum(s != "ok" for s in table.column("status").to_pylist())
            self.store.commit_tables(
                paths.recognition_part(self.job_id, part["number"]),
                {"answers": table},
                {"rows": table.num_rows, "failed": failed},
            )
            numbers.append(part["number"])
        return pa.table({"part": numbers})
