"""What is wrong with a store: damaged and missing files, files that no manifest names, temporary files."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from fashiontrend.errors import DataError, FashiontrendError, StoreError
from fashiontrend.storage import layout, ledger, releases
from fashiontrend.storage.files import TEMPORARY, StoredFile
from fashiontrend.storage.manifest import MANIFEST, Manifest
from fashiontrend.storage.object_store import Store

#: A file without a manifest may belong to a step that runs; after this many hours it does not.
GRACE_H = 24.0
#: Partitions are checked by this many threads, which mostly wait for the store.
THREADS = 8
#: What a later step writes again by itself once it is gone.
DERIVED = ("rollups/", "predictions/")
#: Where documents of this program lie; JSON elsewhere belongs to Ray, to a labelling tool or to a caller.
DOCUMENTS = (layout.RUNS, layout.RELEASES, layout.RECOGNITIONS, layout.CRAWL_FAILURES)
_CRAWL = (
    "Restore it from a backup. Without one remove its folder and give `fashiontrend crawl` for its day, "
    "if the shop still shows that day."
)
#: What to do about damage below a prefix.
ADVICE: Mapping[str, str] = {
    "rollups/": "`fashiontrend fsck --repair` removes it; the next `fashiontrend run` writes it again.",
    "predictions/": "`fashiontrend fsck --repair` removes it; `fashiontrend recognise` writes it again.",
    "raw/listings/": _CRAWL,
    "raw/images/": _CRAWL,
    "raw/pages/": "Nothing reads it but a person. Restore it from a backup, or remove its folder.",
    "raw/failures/": "Remove the file; `fashiontrend crawl` crawls the day again.",
    "catalogue/": "Remove its folder and give `fashiontrend ingest` for its day.",
    "annotations/": "Remove its folder and give `fashiontrend import` again.",
    "datasets/": "Remove its folder and give `fashiontrend label` for the day of its run.",
    "models/": "Restore it from a backup, or remove its folder, roll back and give `fashiontrend run`.",
    "training/": "Remove its folder; the training begins anew.",
    "shares/": "Remove its folder and give `fashiontrend shares` for its day.",
    "retail/": "Remove its folder and give `fashiontrend publish` for its day.",
    "keywords/": "Restore it from a backup, or remove its folder and give `fashiontrend publish` for its day.",
    "scorecard/": "Remove its folder and give `fashiontrend publish` for its day.",
    "recognitions/": "Remove its folder and submit the job again.",
    "releases/current.json": "Remove the file; `fashiontrend releases rollback RELEASE` writes it again.",
    "releases/": "Restore it from a backup, or roll back to another release.",
    "runs/": "Restore it from a backup, or remove its folder and give `fashiontrend run` for its day.",
}


class Kind(StrEnum):
    """What is wrong with a file."""

    DAMAGED = "damaged"
    MISSING = "missing"
    ORPHAN = "orphan"
    TEMPORARY = "temporary"


#: What makes a store unusable in part; leftovers only take room.
HARMFUL = (Kind.DAMAGED, Kind.MISSING)


@dataclass(frozen=True)
class StoreFault:
    """Something that is wrong.

    Attributes:
        kind: of what is wrong.
        key: of the file.
        fault: what was seen.
        advice: what to do.
        partition: what `repair` removes; "" if it removes the file alone.
        repairable: whether `repair` mends it.
    """

    kind: Kind
    key: str
    fault: str
    advice: str
    partition: str = ""
    repairable: bool = False


def check(store: Store, now: float, quick: bool = False) -> list[StoreFault]:
    """Everything that is wrong with a store, sorted by key.

    Args:
        store: which is only read.
        now: seconds since 1970.
        quick: compare sizes only, and read no file but manifests and documents.

    Raises:
        StoreError: the store cannot be reached.
    """
    found = store.listing("")
    folders: dict[str, dict[str, StoredFile]] = defaultdict(dict)
    findings: list[StoreFault] = []
    for file in found:
        folder, _, name = file.key.rpartition("/")
        if name.startswith(TEMPORARY):
            findings += _leftover(Kind.TEMPORARY, file, now)
        else:
            folders[folder][file.key] = file
    with ThreadPoolExecutor(THREADS) as pool:
        for faults in pool.map(lambda f: _check_folder(store, f, folders[f], now, quick), folders):
            findings += faults
    return sorted([*findings, *_check_records(store, folders)], key=lambda f: (f.key, f.kind))


def repair(store: Store, findings: Sequence[StoreFault]) -> list[StoreFault]:
    """Remove leftovers, and what is derived and damaged; returns what was mended."""
    mended = [f for f in findings if f.repairable]
    for partition in {f.partition for f in mended if f.partition}:
        store.remove_partition(partition)
    for finding in mended:
        if not finding.partition:
            store.delete(finding.key)
    return mended


def seconds_now() -> float:
    """The time of day that ages of files are measured against, in seconds since 1970."""
    return time.time()


def _check_folder(
    store: Store, folder: str, files: Mapping[str, StoredFile], now: float, quick: bool
) -> list[StoreFault]:
    manifest_key = f"{folder}/{MANIFEST}"
    if manifest_key in files:
        try:
            manifest = store.read_manifest(folder)
        except DataError as error:
            return [_damage(manifest_key, error, folder)]
        return [*_check_partition(store, folder, manifest, files, now, quick)]
    if layout.is_in_partition(f"{folder}/x"):
        return [f for file in files.values() for f in _leftover(Kind.ORPHAN, file, now)]
    return [f for key in files if (f := _check_alone(store, key, quick)) is not None]


def _check_partition(
    store: Store,
    folder: str,
    manifest: Manifest,
    files: Mapping[str, StoredFile],
    now: float,
    quick: bool,
) -> Iterator[StoreFault]:
    for key in manifest.files:
        if key not in files:
            yield _finding(Kind.MISSING, key, "the manifest of its folder names it", folder)
            continue
        stated = manifest.digests.get(key)
        if stated and stated.size != files[key].size:
            fault = f"it has {files[key].size:,} bytes, and its manifest states {stated.size:,}"
            yield _finding(Kind.DAMAGED, key, fault, folder)
        elif not quick:
            yield from _read(store, key, folder)
    for key in sorted(files.keys() - {*manifest.files, f"{folder}/{MANIFEST}"}):
        yield from _leftover(Kind.ORPHAN, files[key], now)


def _read(store: Store, key: str, folder: str) -> Iterator[StoreFault]:
    """Read a file of a partition as a whole, and each page of a table."""
    try:
        store.read_table(key) if key.endswith(".parquet") else store.read(key)
    except DataError as error:
        yield _damage(key, error, folder)
    except StoreError as error:
        yield _finding(Kind.DAMAGED, key, f"it cannot be read: {error}")


def _check_alone(store: Store, key: str, quick: bool) -> StoreFault | None:
    """A picture or a document, which belong to no partition."""
    try:
        if key.startswith("raw/images/") and not quick:
            store.read_picture(key.rpartition("/")[2])
        elif key.startswith(DOCUMENTS) and key.endswith(".json"):
            store.read_json(key)
    except DataError as error:
        return _damage(key, error)
    return None


def _check_records(store: Store, folders: Mapping[str, object]) -> Iterator[StoreFault]:
    """Documents that are whole and cannot be used: releases without their models, runs of another form."""
    for name in releases.releases(store):
        key = layout.release(name)
        try:
            release = releases.load(store, name)
        except FashiontrendError as error:
            yield _damage(key, error)
            continue
        for kind, version in (("attrnet", release.attrnet), ("forecaster", release.forecaster)):
            model = layout.model(kind, version)
            if model not in folders:
                fault = f"release {name} names it"
                yield _finding(Kind.MISSING, f"{model}/{MANIFEST}", fault)
    for run_id in ledger.runs(store):
        try:
            ledger.load(store, run_id)
        except FashiontrendError as error:
            yield _damage(layout.run(run_id), error)
    try:
        releases.current(store)
    except FashiontrendError as error:
        yield _damage(layout.CURRENT_RELEASE, error)


def _leftover(kind: Kind, file: StoredFile, now: float) -> Iterator[StoreFault]:
    hours = (now - file.written_at) / 3600
    if hours >= GRACE_H:
        fault = f"no manifest names it, and it was written {hours:,.0f} hours ago"
        advice = "`fashiontrend fsck --repair` removes it."
        yield StoreFault(kind, file.key, fault, advice, repairable=True)


def _damage(key: str, error: Exception, folder: str = "") -> StoreFault:
    return _finding(Kind.DAMAGED, key, str(error), folder)


def _finding(kind: Kind, key: str, fault: str, folder: str = "") -> StoreFault:
    advice = next((text for prefix, text in ADVICE.items() if key.startswith(prefix)), "")
    derived = key.startswith(DERIVED)
    return StoreFault(kind, key, fault, advice, folder if derived else "", derived and bool(folder))
