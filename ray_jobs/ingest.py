"""Ingest (D): Ray Data checks each day's raw listings and pictures and packs them as Parquet files."""

import logging
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from functools import cached_property
from typing import Any

import pyarrow as pa
import ray
import ray.data

from fashiontrend import console, gates
from fashiontrend.catalogue import health, ingest
from fashiontrend.config import IngestConfig
from fashiontrend.errors import Conflict, HealthError, StoreError
from fashiontrend.labels import titles
from fashiontrend.outcomes import HealthFacts, IngestFacts, Verdict, WithheldDay
from fashiontrend.pipeline.context import Context, Outcome
from fashiontrend.pipeline.words import rules_of
from fashiontrend.storage import layout, schemas
from fashiontrend.storage.manifest import Manifest
from fashiontrend.storage.object_store import Store
from ray_jobs.runtime import connect

log = logging.getLogger(__name__)
#: Few pictures of a shop are smaller, so `shard_bytes` divided by it are enough to fill a whole file.
PICTURE_BYTES = 20_000
#: Days of a backfill that one Ray Data job packs: enough to share its start, few enough to commit often.
DAYS_PER_JOB = 30
#: Pictures that a task fetches at a time; it waits for the store, not for a core.
FETCH_THREADS = 8
#: Rows of a row group, so that a reader of a few pictures decodes little more than those.
ROW_GROUP_ROWS = 256
#: Peak memory of a task divided by `shard_bytes`: it holds the bytes as fetched, as a table and as Parquet,
#: whose buffers double as they grow. bench.packing measured 7.9.
HELD = 8


def ingest_days(context: Context) -> Outcome:
    """Pack every crawled day that is not packed yet, and decide on the health of each."""
    catalogue = context.catalogue
    pending = [
        (day, platform)
        for day in context.days
        for platform in context.platforms
        if layout.catalogue_day(day, platform) not in catalogue.packed
        and layout.raw_day(day, platform) in catalogue.raw
    ]
    if pending:
        connect(context.config)
        _pack_all(context, pending)
    catalogue.packed.roll_up(context.day)
    facts = survey(context)
    if not facts.partitions:
        raise HealthError(
            f"no platform has a single usable day up to {context.day}: nothing to learn from. "
            "Look at the crawl failures of `fashiontrend status`, or check crawl.platforms."
        )
    return Outcome("catalogue", facts)


def _pack_all(context: Context, pending: Sequence[tuple[date, str]]) -> None:
    catalogue = context.catalogue
    known = catalogue.picture_ids(catalogue.packed)
    trailing = {p: _product_counts(context, p) for p in context.platforms}
    rules = rules_of(context)
    chunk = DAYS_PER_JOB * len(context.platforms)
    with console.bar("ingest", len(pending)) as advance:
        for start in range(0, len(pending), chunk):
            part = pending[start : start + chunk]
            listings = {k: catalogue.raw.read(layout.raw_day(*k), "listings") for k in part}
            shards = list(_plan(context, listings, known))
            packed = _pack(context, shards)
            for key in part:
                marked = titles.mark_garments(listings[key], rules)
                numbers = _commit(context, key, marked, packed, trailing[key[1]])
                trailing[key[1]].append(int(numbers.products))
                advance(1, f"{key[0]} {key[1]}")


def _product_counts(context: Context, platform: str) -> list[int]:
    """Products of each committed day of the run, in order of day."""
    packed = context.catalogue.packed
    manifests = (packed.manifest(layout.catalogue_day(d, platform)) for d in context.days)
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
    """Fetch, check and pack all pictures on the cluster; only file names and rejects are returned."""
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
    """Fetch and check the pictures of one task, write the good ones, and say why the others were rejected.

    A file ends with the picture that makes it reach `limits.shard_bytes`, so the memory of the task
    does not depend on the size of the pictures. Every attempt writes files with new names.

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
    """Pictures in their order with their raw bytes; at most one per thread is fetched ahead."""
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
    """The raw bytes, or None if the crawler never stored them."""
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
) -> HealthFacts:
    """Commit a day; return the numbers that its health was decided on."""
    store, partition = context.store, layout.catalogue_day(*key)
    shards = packed.get(partition, [])
    rejects = pa.Table.from_pylist([r for s in shards for r in s["rejects"]], schemas.REJECT)
    good, bad = ingest.valid_listings(listings)
    unfetched = ingest.missing_pictures(good)
    crawl = context.catalogue.raw.manifest(layout.raw_day(*key))
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
        store.write_table(name, table)
    try:
        manifest = store.commit(partition, [*files, *(k for s in shards for k in s["keys"])], facts)
    except Conflict:
        log.info("%s was committed by another run; its version holds", partition)
        manifest = store.read_manifest(partition)
    context.catalogue.packed.add(partition, manifest)
    return numbers


def survey(context: Context) -> IngestFacts:
    """What the catalogue holds for this run, and what is withheld from the series and why."""
    withheld: list[WithheldDay] = []
    healths: list[HealthFacts] = []
    failures = _CrawlFailures(context.store)
    for platform in context.platforms:
        manifests = {
            d: context.catalogue.packed.manifest(layout.catalogue_day(d, platform))
            for d in context.days
        }
        seen = [d for d, m in manifests.items() if m is not None]
        for day in (d for d in context.days if seen and d >= seen[0]):
            reason = _withheld_because(manifests[day], failures, day, platform)
            if reason:
                withheld.append(WithheldDay(platform, day, reason))
        healths += [
            HealthFacts.from_json(m.facts["health"], layout.catalogue_day(day, platform))
            for day, m in manifests.items()
            if m is not None
        ]
    return IngestFacts(
        len(healths),
        sum(int(h.products) for h in healths),
        sum(h.pictures for h in healths),
        tuple(withheld),
        sum(h.no_garments for h in healths),
    )


class _CrawlFailures:
    """Why crawls committed nothing; all records are listed once, when the first is needed."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @cached_property
    def _keys(self) -> list[str]:
        return self.store.keys(layout.CRAWL_FAILURES)

    def reason(self, day: date, platform: str) -> str | None:
        """The reason in the last record of a day, None if there is no record."""
        prefix = f"{layout.crawl_failures(day, platform)}/"
        keys = [k for k in self._keys if k.startswith(prefix)]
        return str(self.store.read_json(keys[-1])["reason"]) if keys else None


def _withheld_because(
    manifest: Manifest | None, failures: _CrawlFailures, day: date, platform: str
) -> str:
    """Why a day is kept out of the series; "" if it is not."""
    if manifest is not None:
        partition = layout.catalogue_day(day, platform)
        verdict = Verdict.from_json(manifest.facts["verdict"], f"{partition}: verdict")
        return "" if verdict.passed else "; ".join(verdict.reasons)
    reason = failures.reason(day, platform)
    return "not crawled" if reason is None else f"crawl failed: {reason}"
