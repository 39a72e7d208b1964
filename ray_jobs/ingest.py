"""Ingest (D): raw objects of each day, through Ray Data, to checked listings and packed Parquet shards."""

import logging
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from typing import Any

import pyarrow as pa
import ray
import ray.data

from fashiontrend import console, gates
from fashiontrend.catalogue import health, ingest
from fashiontrend.config import IngestConfig
from fashiontrend.errors import Conflict, HealthError, StoreError
from fashiontrend.outcomes import IngestFacts, Verdict, WithheldDay
from fashiontrend.pipeline.context import Context, Outcome
from fashiontrend.storage import layout, schemas
from fashiontrend.storage.object_store import Store
from ray_jobs.runtime import connect

log = logging.getLogger(__name__)
#: A picture of a shop seldom weighs less; so many for each `shard_bytes` give a task a whole file.
PICTURE_BYTES = 20_000
#: Days of a backfill that one Ray Data job packs: enough to share its start, few enough to commit often.
DAYS_PER_JOB = 30
#: Pictures that a task fetches at a time; it waits for the store, not for a core.
FETCH_THREADS = 8
#: Rows of a row group, so that a reader of a few pictures decodes little more than those.
ROW_GROUP_ROWS = 256
#: Peak memory of a task over `shard_bytes`: bytes as fetched, as a table and as Parquet, which double
#: as they grow. bench.packing measured 7.9.
HELD = 8


def ingest_days(context: Context) -> Outcome:
    """Pack every crawled day that is not packed yet, and judge the health of each."""
    pending = [
        (day, platform)
        for day in context.days
        for platform in context.platforms
        if not _done(context.store, day, platform) and _crawled(context.store, day, platform)
    ]
    if pending:
        connect(context.config)
        _pack_all(context, pending)
    facts = survey(context)
    if not facts.partitions:
        raise HealthError(
            f"no platform has a single usable day up to {context.day}: nothing to learn from. "
            "Look at the crawl failures of `fashiontrend status`, or check crawl.platforms."
        )
    return Outcome("catalogue", facts)


def _done(store: Store, day: date, platform: str) -> bool:
    return store.manifest(layout.catalogue_day(day, platform)) is not None


def _crawled(store: Store, day: date, platform: str) -> bool:
    return store.manifest(layout.raw_day(day, platform)) is not None


def _pack_all(context: Context, pending: Sequence[tuple[date, str]]) -> None:
    known = known_pictures(context)
    trailing = {p: _product_counts(context, p) for p in context.platforms}
    chunk = DAYS_PER_JOB * len(context.platforms)
    with console.bar("ingest", len(pending)) as advance:
        for start in range(0, len(pending), chunk):
            part = pending[start : start + chunk]
            listings = {
                k: context.store.read_partition(layout.raw_day(*k), "listings") for k in part
            }
            shards = list(_plan(context, listings, known))
            packed = _pack(context, shards)
            for key in part:
                facts = _commit(context, key, listings[key], packed, trailing[key[1]])
                trailing[key[1]].append(facts["health"]["products"])
                advance(1, f"{key[0]} {key[1]}")


def known_pictures(context: Context) -> set[str]:
    """Ids of all pictures that some committed day holds already."""
    known: set[str] = set()
    for partition in context.store.committed("catalogue/"):
        table = context.store.read_partition(partition, "pictures", columns=["picture_id"])
        known.update(table.column("picture_id").to_pylist())
    return known


def _product_counts(context: Context, platform: str) -> list[int]:
    manifests = (context.store.manifest(layout.catalogue_day(d, platform)) for d in context.days)
    return [m.facts["health"]["products"] for m in manifests if m is not None]


def _plan(
    context: Context, listings: dict[tuple[date, str], pa.Table], known: set[str]
) -> Iterator[dict[str, Any]]:
    """One row per task: the pictures that no earlier day or task holds."""
    rows = max(1, context.config.ingest.shard_bytes // PICTURE_BYTES)
    for (day, platform), table in listings.items():
        fresh = ingest.new_pictures(table, known)
        known.update(fresh.column("picture_id").to_pylist())
        for start in range(0, max(fresh.num_rows, 1), rows):
            part = fresh.slice(start, rows)
            yield {
                "partition": layout.catalogue_day(day, platform),
                "number": start // rows,
                "pictures": part.to_pylist(),
            }


def _pack(context: Context, shards: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Fetch, check and pack all pictures on the cluster; only names of files and rejects come back."""
    limits = context.config.ingest
    dataset = ray.data.from_items(shards, override_num_blocks=min(len(shards), 64)).map(
        pack_shard,
        fn_args=(context.store, limits),
        num_cpus=1,
        memory=HELD * limits.shard_bytes,
    )
    packed: dict[str, list[dict[str, Any]]] = {}
    for row in dataset.iter_rows():
        packed.setdefault(row["partition"], []).append(row)
    return packed


def pack_shard(row: dict[str, Any], store: Store, limits: IngestConfig) -> dict[str, Any]:
    """Fetch and check the pictures of one task, write the good ones, return the others' reasons.

    A file ends with the picture that makes it reach `limits.shard_bytes`, so that what the task
    holds depends on that and not on what the pictures weigh. Names are new at each attempt.

    Args:
        row: of `_plan`: partition, number, and pictures (WANTED rows).
        store: where the raw bytes lie and where the files go.
        limits: what a picture must be, and the size of a file.

    Returns:
        The partition, the keys of its files (one at least), how many pictures they hold, and
        REJECT rows.
    """
    name = f"{row['partition']}/pictures-{row['number']:05d}-{uuid.uuid4().hex[:8]}"
    packed: dict[str, Any] = {
        "partition": row["partition"],
        "keys": [],
        "good": 0,
        "rejects": [],
    }

    def write(part: list[tuple[dict[str, Any], bytes | None]]) -> None:
        wanted = pa.Table.from_pylist([picture for picture, _ in part], ingest.NEW_PICTURE)
        good, rejects = ingest.check_pictures(wanted, [data for _, data in part], limits)
        key = f"{name}-{len(packed['keys']):03d}.parquet"
        store.write_table(key, good, row_group_rows=ROW_GROUP_ROWS)
        packed["keys"].append(key)
        packed["good"] += good.num_rows
        packed["rejects"] += rejects.to_pylist()

    part, weight = [], 0
    for picture, data in _fetched(store, row["pictures"], FETCH_THREADS):
        part.append((picture, data))
        weight += len(data or b"")
        if weight >= limits.shard_bytes:
            write(part)
            part, weight = [], 0
    if part or not packed["keys"]:
        write(part)
    return packed


def _fetched(
    store: Store, pictures: Sequence[dict[str, Any]], threads: int
) -> Iterator[tuple[dict[str, Any], bytes | None]]:
    """Pictures in their order with their raw bytes; one a thread is fetched ahead, not more."""
    ahead: deque[tuple[dict[str, Any], Future[bytes | None]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for picture in pictures:
            ahead.append((picture, pool.submit(_fetch, store, picture["picture_id"])))
            if len(ahead) > threads:
                first, data = ahead.popleft()
                yield first, data.result()
        for first, data in ahead:
            yield first, data.result()


def _fetch(store: Store, picture_id: str) -> bytes | None:
    """The raw bytes, or None where the crawler never stored them."""
    key = layout.raw_image(picture_id)
    try:
        return store.read(key)
    except StoreError:
        if store.exists(key):
            raise
        return None


def _commit(
    context: Context,
    key: tuple[date, str],
    listings: pa.Table,
    packed: dict[str, list[dict[str, Any]]],
    trailing: list[int],
) -> dict[str, Any]:
    partition = layout.catalogue_day(*key)
    shards = packed.get(partition, [])
    rejects = pa.Table.from_pylist([r for s in shards for r in s["rejects"]], schemas.REJECT)
    good, bad = ingest.valid_listings(listings)
    unfetched = ingest.missing_pictures(good)
    crawl = context.store.manifest(layout.raw_day(*key))
    numbers = health.measure_health(
        good, crawl.facts if crawl else {}, sum(s["good"] for s in shards), rejects.num_rows
    )
    verdict = gates.decide_health(
        numbers, trailing[-context.config.health.trailing_days :], context.config.health
    )
    facts = {
        "health": numbers.to_json(),
        "verdict": verdict.to_json(),
        "rejected": rejects.num_rows + bad.num_rows + unfetched.num_rows,
    }
    if not verdict.passed:
        log.warning("%s %s withheld: %s", *key, "; ".join(verdict.reasons))
    attempt = uuid.uuid4().hex[:8]
    files = {
        f"{partition}/listings-{attempt}.parquet": good,
        f"{partition}/rejects-{attempt}.parquet": pa.concat_tables([rejects, bad, unfetched]),
    }
    for name, table in files.items():
        context.store.write_table(name, table)
    try:
        context.store.commit(partition, [*files, *(k for s in shards for k in s["keys"])], facts)
    except Conflict:
        log.info("%s was committed by another run; its version holds", partition)
    return facts


def survey(context: Context) -> IngestFacts:
    """What the catalogue holds for this run, and what is withheld from the series and why."""
    withheld, products, pictures, partitions = [], 0, 0, 0
    for platform in context.platforms:
        manifests = {
            d: context.store.manifest(layout.catalogue_day(d, platform)) for d in context.days
        }
        seen = [d for d, m in manifests.items() if m is not None]
        for day in (d for d in context.days if seen and d >= seen[0]):
            reason = _withheld_because(context.store, day, platform)
            if reason:
                withheld.append(WithheldDay(platform, day, reason))
        facts = [m.facts["health"] for m in manifests.values() if m is not None]
        partitions += len(facts)
        products += sum(f["products"] for f in facts)
        pictures += sum(f["pictures"] for f in facts)
    return IngestFacts(partitions, products, pictures, tuple(withheld))


def _withheld_because(store: Store, day: date, platform: str) -> str:
    partition = layout.catalogue_day(day, platform)
    manifest = store.manifest(partition)
    if manifest is not None:
        verdict = Verdict.from_json(manifest.facts["verdict"], f"{partition}: verdict")
        return "" if verdict.passed else "; ".join(verdict.reasons)
    failures = store.keys(f"{layout.crawl_failures(day, platform)}/")
    return f"crawl failed: {store.read_json(failures[-1])['reason']}" if failures else "not crawled"
