"""Remove what a shop asks to have removed, from every table and picture of the store (`fashiontrend forget`).

Committed partitions never change otherwise. Here each one that holds a row of the shop is written anew
without it: first beside (`forgetting/`), then in its place. A `forget` that was stopped is finished by the
next one. Numbers in which the shop's products were counted together with others', and what models learnt
from them, stay; the releases concerned are named.
"""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fashiontrend.pipeline.forgotten import DECIDING, Forgotten, Wish, find, rows_to_keep
from fashiontrend.storage import layout, releases
from fashiontrend.storage.manifest import Manifest
from fashiontrend.storage.object_store import Store


@dataclass(frozen=True)
class Change:
    """What becomes of one place of the store."""

    key: str  # a partition or a file
    rows: int  # so many are removed; 0 for a file that is removed as a whole
    whole: bool  # nothing is left of it


@dataclass(frozen=True)
class Forgetting:
    """All changes, and the releases that were made with what is removed."""

    products: int
    pictures: int
    changes: tuple[Change, ...]
    releases: tuple[str, ...]


def forget(store: Store, wish: Wish, *, dry_run: bool) -> Forgetting:
    """Remove everything of a platform, or of the pages that fit a pattern.

    Args:
        store: where everything lies.
        wish: what is to be forgotten.
        dry_run: True only tells what would be removed.
    """
    if not dry_run:
        _finish(store)
    found = find(store, wish)
    cited = _citing(store, found)
    changes = [*_change_files(store, found, dry_run), *_change_partitions(store, found, dry_run)]
    return Forgetting(len(found.products), len(found.pictures), tuple(changes), cited)


def _change_partitions(store: Store, found: Forgotten, dry_run: bool) -> Iterator[Change]:
    for prefix in layout.FORGETTING_ORDER:
        for partition in store.committed(prefix):
            change = _partition_change(store, partition, found)
            if change is None:
                continue
            yield change
            if not dry_run:
                _apply(store, change, found)


def _partition_change(store: Store, partition: str, found: Forgotten) -> Change | None:
    """Say how many rows of a partition are meant, None if none is."""
    platform = layout.parts(partition).get("platform", "")
    manifest = store.read_manifest(partition)
    # A page of a list holds many products: where one is meant, the kept pages of its shop go.
    if partition.startswith(layout.RAW_PAGES):
        gone = platform in found.platforms or platform == found.wish.platform
        return Change(partition, 0, whole=True) if gone else None
    removed = left = 0
    for key in manifest.tables():
        kept = _kept(store, key, found, platform)
        removed, left = removed + kept.count(False), left + kept.count(True)
    for _, body in _documents(store, manifest):
        removed += _pruned(body, found)[1]
    if not removed and platform != (found.wish.platform or None):
        return None
    whole = not left and platform != "" and platform == found.wish.platform
    return Change(partition, removed, whole)


def _kept(store: Store, key: str, found: Forgotten, platform: str) -> list[bool]:
    columns = pq.read_schema(store.path(key), filesystem=store.filesystem).names
    deciding = store.read_table(key, [name for name in DECIDING if name in columns])
    return rows_to_keep(deciding, columns, found, platform)


def _documents(store: Store, manifest: Manifest) -> Iterator[tuple[str, Any]]:
    """The JSON documents of published keywords, which name sample products."""
    for key in manifest.files:
        if key.startswith(layout.KEYWORDS) and key.endswith(".json"):
            yield key, json.loads(store.read(key))


def _pruned(value: Any, found: Forgotten) -> tuple[Any, int]:
    """A JSON value without the objects that are meant, and how many these were."""
    if isinstance(value, dict):
        parts = {name: _pruned(inner, found) for name, inner in value.items()}
        return {name: part for name, (part, _) in parts.items()}, sum(n for _, n in parts.values())
    if not isinstance(value, list):
        return value, 0
    stays = [one for one in value if not (isinstance(one, dict) and found.means(one))]
    inner = [_pruned(one, found) for one in stays]
    removed = len(value) - len(stays) + sum(n for _, n in inner)
    return [part for part, _ in inner], removed


def _apply(store: Store, change: Change, found: Forgotten) -> None:
    """Delete a partition, or write it anew without the rows that are meant."""
    if change.whole:
        store.delete_folder(change.key)
        return
    manifest = store.read_manifest(change.key)
    beside = f"{layout.FORGETTING}{change.key}"
    files = [_write_anew(store, key, beside, found) for key in manifest.files]
    store.commit(beside, files, manifest.facts)
    _take_place(store, beside)


def _write_anew(store: Store, key: str, folder: str, found: Forgotten) -> str:
    """Write a file of a partition into another folder, without what is meant."""
    fresh = f"{folder}/{key.rpartition('/')[2]}"
    platform = layout.parts(key).get("platform", "")
    if key.endswith(".parquet"):
        kept = _kept(store, key, found, platform)
        table = store.read_table(key)
        store.write_table(fresh, table.filter(pa.array(kept, pa.bool_())) if kept else table)
    elif key.startswith(layout.KEYWORDS) and key.endswith(".json"):
        body, _ = _pruned(json.loads(store.read(key)), found)
        store.write(fresh, json.dumps(body, ensure_ascii=False, indent=1).encode())
    else:
        store.write(fresh, store.read(key))
    return fresh


def _take_place(store: Store, beside: str) -> None:
    """Put a partition that was written anew into its place, whatever stands there."""
    place = beside.removeprefix(layout.FORGETTING)
    manifest = store.read_manifest(beside)
    store.delete_folder(place)
    files = []
    for key in manifest.files:
        files.append(f"{place}/{key.rpartition('/')[2]}")
        store.write(files[-1], store.read(key))
    store.commit(place, files, manifest.facts)
    store.delete_folder(beside)


def _finish(store: Store) -> None:
    """Finish what a stopped `forget` left beside: what is committed there is whole."""
    for beside in store.committed(layout.FORGETTING):
        _take_place(store, beside)
    store.delete_folder(layout.FORGETTING.rstrip("/"))


def _change_files(store: Store, found: Forgotten, dry_run: bool) -> Iterator[Change]:
    """Remove what lies in no partition: bytes of pictures, copies, reports with pictures, requests."""
    if not found.products and not found.wish.platform:
        return
    for key in _files_to_remove(store, found):
        yield Change(key, 0, whole=True)
        if not dry_run:
            store.delete(key)
    for key in (k for k in store.keys(layout.LABELLING) if not _is_export(k)):
        rows, kept = _request_rows(store.read(key).decode("utf-8-sig"), found)
        if len(kept) < len(rows):
            yield Change(key, len(rows) - len(kept), whole=False)
            if not dry_run:
                text = io.StringIO()
                csv.writer(text).writerows(kept)
                store.write(key, text.getvalue().encode())


def _files_to_remove(store: Store, found: Forgotten) -> Iterator[str]:
    yield from (
        key for key in store.keys(layout.RAW_IMAGES) if layout.picture_of(key) in found.pictures
    )
    yield from (k for k in store.keys(layout.RUNS) if k.endswith("/report.html"))
    yield from (k for k in store.keys(layout.LABELLING) if _is_export(k))
    yield from store.keys(layout.ROLL_UPS)  # copies, which are written again
    platform = found.wish.platform
    failures = store.keys(layout.CRAWL_FAILURES) if platform else []
    yield from (k for k in failures if layout.parts(k).get("platform") == platform)


def _is_export(key: str) -> bool:
    """Whether a file is part of an export for labelling, which has pictures in it and can be made again."""
    return "/export" in key or not key.endswith(".csv")


def _request_rows(text: str, found: Forgotten) -> tuple[list[list[str]], list[list[str]]]:
    """The rows of a labelling request, and those that stay."""
    rows = list(csv.reader(io.StringIO(text)))
    header = rows[0] if rows else []
    kept = [row for row in rows[1:] if not found.means(dict(zip(header, row, strict=False)))]
    return rows, rows[:1] + kept


def _citing(store: Store, found: Forgotten) -> tuple[str, ...]:
    """Releases whose recogniser was trained on what is meant."""
    known = [releases.load(store, name) for name in releases.releases(store)]
    hit = {
        version
        for version in {release.dataset for release in known}
        if store.manifest(layout.dataset(version)) is not None
        and _partition_change(store, layout.dataset(version), found) is not None
    }
    return tuple(release.release_id for release in known if release.dataset in hit)
