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
from fashiontrend.pipeline.catalogue import Catalogue
from fashiontrend.pipeline.context import Context, Outcome
from fashiontrend.pipeline.predictions import recogniser_of
from fashiontrend.storage import layout, schemas
from fashiontrend.storage.object_store import Store
from ray_jobs import devices
from ray_jobs.runtime import connect, read_parquet

log = logging.getLogger(__name__)
Key = tuple[date, str]


def recognise(context: Context) -> Outcome:
    """Recognise every packed day that holds pictures of the run; a day with predictions is passed over."""
    version = recogniser_of(context)
    done = context.catalogue.predictions(version)
    pending = {
        (day, platform): partition
        for day, platform, partition in context.catalogue.holding()
        if layout.predictions_day(version, day, platform) not in done
    }
    pictures = _recognise(context, version, pending) if pending else 0
    done.roll_up(context.day)
    return Outcome(f"predictions/{version}", RecogniseFacts(version, len(pending), pictures))


def _recognise(context: Context, version: str, pending: dict[Key, str]) -> int:
    """Predict all pictures; a day is committed as soon as its last picture is predicted."""
    where, left, files = _picture_files(context.catalogue, pending)
    schema = schemas.prediction_schema(context.taxonomy.num_values)
    rows: dict[Key, list[pa.Table]] = {key: [] for key in pending}

    def commit(key: Key) -> None:
        table = pa.concat_tables([schema.empty_table(), *rows.pop(key)])
        context.catalogue.predictions(version).commit_tables(
            layout.predictions_day(version, *key), {"predictions": table}, {}
        )

    for key in [k for k in pending if not left[k]]:
        commit(key)
    if where:
        connect(context.config)
        with console.bar("recognise", sum(left.values())) as advance:
            for batch in predict_files(context, version, files):
                for key, part in _by_day(batch, where):
                    rows[key].append(part.cast(schema))
                    left[key] -= part.num_rows
                    if not left[key]:
                        commit(key)
                advance(batch.num_rows, "")
    if rows:
        raise DataError(
            f"recognise: {sum(left.values())} pictures of {len(rows)} days came back without a "
            "prediction. The other days are kept; run it again."
        )
    return len(where)


def predict_files(context: Context, version: str, files: list[str]) -> Iterator[pa.Table]:
    """Tables of `schemas.prediction_schema` as the pool's actors finish them, in any order."""
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


def _picture_files(
    catalogue: Catalogue, pending: dict[Key, str]
) -> tuple[dict[str, Key], Counter[Key], list[str]]:
    """The day of each picture, the number of pictures of each day, and the files that hold pictures."""
    held = {key: catalogue.picture_ids([partition]) for key, partition in pending.items()}
    where = {i: key for key, ids in held.items() for i in ids}
    # Two runs at once may have packed a picture on two days: both rows count for the second day.
    left = Counter(where[i] for ids in held.values() for i in ids)
    files = [f for key, p in pending.items() if held[key] for f in _non_empty_files(catalogue, p)]
    return where, left, files


def _non_empty_files(catalogue: Catalogue, partition: str) -> list[str]:
    """The picture files of a partition that holds pictures."""
    manifest = catalogue.packed.manifest(partition)
    files = manifest.tables("pictures-") if manifest else []
    if len(files) == 1:
        return files
    return [f for f in files if catalogue.store.read_table(f, ["picture_id"]).num_rows]


def _by_day(batch: pa.Table, where: dict[str, Key]) -> list[tuple[Key, pa.Table]]:
    keys = [where[p] for p in batch.column("picture_id").to_pylist()]
    unique = {key: n for n, key in enumerate(dict.fromkeys(keys))}
    codes = pa.array([unique[key] for key in keys])
    return [(key, batch.filter(pc.equal(codes, n))) for key, n in unique.items()]


class Recognition:
    """An actor of the pool: it fetches the artifact from the store once, then predicts batches."""

    def __init__(self, store: Store, version: str) -> None:
        from fashiontrend.attrnet.inference.predict import Recogniser

        with tempfile.TemporaryDirectory() as folder:
            store.download(layout.model("attrnet", version), Path(folder))
            self.recogniser = Recogniser(folder, device=devices.assigned_to_actor())

    def __call__(self, batch: dict[str, Any]) -> pa.Table:
        """Rows of `schemas.prediction_schema` for a batch of encoded pictures."""
        from fashiontrend.attrnet.inference.predict import to_table

        return to_table(self.recogniser(batch), self.recogniser.taxonomy.num_values)
