"""Recognise (A7): every picture that this recogniser has not seen, through Ray Data's actor pool."""

import logging
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from ray.data import ActorPoolStrategy

from fashiontrend import console
from fashiontrend.errors import DataError
from fashiontrend.outcomes import RecogniseFacts
from fashiontrend.pipeline import catalogue
from fashiontrend.pipeline.context import Context, Outcome
from fashiontrend.pipeline.predictions import recogniser_of
from fashiontrend.storage import layout, schemas
from fashiontrend.storage.object_store import Store
from ray_jobs import devices
from ray_jobs.runtime import connect, read_parquet

log = logging.getLogger(__name__)
Key = tuple[date, str]


def recognise(context: Context) -> Outcome:
    """Recognise every packed day that holds pictures of the run; one that has predictions is passed over."""
    version = recogniser_of(context)
    pending = {
        (day, platform): partition
        for day, platform, partition in catalogue.holding(context)
        if context.store.manifest(layout.predictions_day(version, day, platform)) is None
    }
    pictures = _recognise(context, version, pending) if pending else 0
    return Outcome(f"predictions/{version}", RecogniseFacts(version, len(pending), pictures))


def _recognise(context: Context, version: str, pending: dict[Key, str]) -> int:
    """Answer all pictures; a day is committed as soon as its last one is answered."""
    store = context.store
    where, left, files = _shards(store, pending)
    schema = schemas.prediction_schema(context.taxonomy.num_values)
    rows: dict[Key, list[pa.Table]] = {key: [] for key in pending}

    def commit(key: Key) -> None:
        table = pa.concat_tables([schema.empty_table(), *rows.pop(key)])
        store.commit_tables(layout.predictions_day(version, *key), {"predictions": table}, {})

    for key in [k for k in pending if not left[k]]:
        commit(key)
    if where:
        connect(context.config)
        with console.bar("recognise", sum(left.values())) as advance:
            for batch in answers(context, version, files):
                for key, part in _by_day(batch, where):
                    rows[key].append(part.cast(schema))
                    left[key] -= part.num_rows
                    if not left[key]:
                        commit(key)
                advance(batch.num_rows, "")
    if rows:
        raise DataError(
            f"recognise: {sum(left.values())} pictures of {len(rows)} days came back without an "
            "answer. The other days are kept; run it again."
        )
    return len(where)


def answers(context: Context, version: str, files: list[str]) -> Iterator[pa.Table]:
    """Tables of `records.prediction_schema` as the pool's actors finish them, in any order."""
    gpu, cfg = context.config.ray.use_gpu, context.config.series
    found = read_parquet(context.store, files, ["picture_id", "image"]).map_batches(
        Recognition,
        fn_constructor_args=(context.store, version),
        batch_size=cfg.batch_size,
        compute=ActorPoolStrategy(size=cfg.recognise_workers),
        num_cpus=0 if gpu else 0.5,
        num_gpus=1 if gpu else 0,
    )
    tables: Iterable[pa.Table] = found.iter_batches(batch_size=None, batch_format="pyarrow")
    yield from tables


def _shards(
    store: Store, pending: dict[Key, str]
) -> tuple[dict[str, Key], Counter[Key], list[str]]:
    """Which day each picture belongs to, how many a day has, and the files that hold pictures."""
    where: dict[str, Key] = {}
    held: dict[str, list[str]] = {}
    for key, partition in pending.items():
        manifest = store.manifest(partition)
        for file in manifest.files if manifest else ():
            if "/pictures-" in file:
                ids = store.read_table(file, ["picture_id"]).column("picture_id").to_pylist()
                where.update(dict.fromkeys(ids, key))
                held |= {file: ids} if ids else {}
    return where, Counter(where[i] for ids in held.values() for i in ids), list(held)


def _by_day(batch: pa.Table, where: dict[str, Key]) -> list[tuple[Key, pa.Table]]:
    keys = [where[p] for p in batch.column("picture_id").to_pylist()]
    unique = {key: n for n, key in enumerate(dict.fromkeys(keys))}
    codes = pa.array([unique[key] for key in keys])
    return [(key, batch.filter(pc.equal(codes, n))) for key, n in unique.items()]


class Recognition:
    """An actor of the pool: fetches the artifact from the store once, then answers batches."""

    def __init__(self, store: Store, version: str) -> None:
        from fashiontrend.attrnet.inference.predict import Recogniser

        with tempfile.TemporaryDirectory() as folder:
            store.download(layout.model("attrnet", version), Path(folder))
            self.recogniser = Recogniser(folder, device=devices.assigned_to_actor())

    def __call__(self, batch: dict[str, Any]) -> pa.Table:
        """Rows of `records.prediction_schema` for a batch of encoded pictures."""
        from fashiontrend.attrnet.inference.predict import to_table

        return to_table(self.recogniser(batch), self.recogniser.taxonomy.num_values)
