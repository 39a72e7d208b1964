"""The committed partitions below a prefix, listed once, with their manifests read at most once.

A committed partition never changes, so whatever was read of it stays true. That makes two savings
safe: manifests are cached, and the partitions of a closed month can be *rolled up*: copied into one
partition that is read in their place, so that a history of 430 days costs 15 reads and not 430.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from fashiontrend.config import digest
from fashiontrend.storage import layout
from fashiontrend.storage.manifest import MANIFEST, Manifest
from fashiontrend.storage.object_store import Store

log = logging.getLogger(__name__)
#: Raise it when roll-ups are written in another form: those of the old form are then not read.
ROLL_UP_FORMAT = 1


class Partitions:
    """The committed partitions below a prefix.

    What this process commits is added with `add` or `commit_tables`; what other processes commit appears
    with the next `refresh`. Neither can overwrite: creating a manifest stays exclusive in the store.
    """

    def __init__(self, store: Store, prefix: str) -> None:
        self.store = store
        self.prefix = prefix
        self._files: dict[str, tuple[str, ...]] | None = None
        self._manifests: dict[str, Manifest] = {}

    def refresh(self) -> None:
        """Forget the listing; the next use lists the prefix again."""
        self._files = None

    def __contains__(self, partition: object) -> bool:
        return partition in self._listing()

    def __iter__(self) -> Iterator[str]:
        """Names of the partitions, sorted."""
        return iter(sorted(self._listing()))

    def manifest(self, partition: str) -> Manifest | None:
        """The manifest of a partition, or None if it is not committed."""
        if partition not in self:
            return None
        if partition not in self._manifests:
            self._manifests[partition] = self.store.read_manifest(partition)
        return self._manifests[partition]

    def read(
        self, partition: str, name_prefix: str = "", columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The rows of a partition's tables whose file name starts with `name_prefix`.

        Raises:
            DataError: the partition is not committed, or holds no such table.
        """
        return self.store.read_partition(
            partition, name_prefix, columns, manifest=self.manifest(partition)
        )

    def add(self, partition: str, manifest: Manifest) -> None:
        """Note a partition that stands since this process committed it, or tried to."""
        self._manifests[partition] = manifest
        self._listing()[partition] = tuple(sorted([*manifest.files, f"{partition}/{MANIFEST}"]))

    def commit_tables(
        self, partition: str, tables: dict[str, pa.Table], facts: dict[str, Any]
    ) -> Manifest:
        """Commit tables as `Store.commit_tables` does, and note the partition."""
        manifest = self.store.commit_tables(partition, tables, facts)
        self.add(partition, manifest)
        return manifest

    def _listing(self) -> dict[str, tuple[str, ...]]:
        """The keys in the folder of each committed partition."""
        if self._files is None:
            folders: dict[str, list[str]] = defaultdict(list)
            for key in self.store.keys(self.prefix):
                folders[key.rpartition("/")[0]].append(key)
            self._files = {p: tuple(k) for p, k in folders.items() if f"{p}/{MANIFEST}" in k}
        return self._files


@dataclass(frozen=True)
class RolledTable:
    """A table that a roll-up keeps of each partition.

    Attributes:
        name: what the table's file names start with; "" for all files of the partition.
        columns: the columns that are kept; None keeps all.
    """

    name: str
    columns: tuple[str, ...] | None = None

    @property
    def file(self) -> str:
        """The name of the table within the roll-up."""
        return self.name or "rows"

    def keeps(self, columns: Sequence[str] | None) -> bool:
        """Whether all these columns can be read from a roll-up; None stands for every column."""
        return self.columns is None or (columns is not None and set(columns) <= set(self.columns))


@dataclass(frozen=True)
class RollUp:
    """A month's partitions in one.

    Attributes:
        partition: where it lies.
        files: its own files.
        manifests: of each partition that it holds.
        spans: for each table, the first row and the number of rows of each partition.
    """

    partition: str
    files: Manifest
    manifests: dict[str, Manifest]
    spans: dict[str, dict[str, tuple[int, int]]]

    @classmethod
    def read(cls, store: Store, partition: str) -> "RollUp":
        """Read what a roll-up holds from its manifest."""
        own = store.read_manifest(partition)
        held = {
            p: store.remember(p, Manifest.from_json(p, body))
            for p, body in own.facts["partitions"].items()
        }
        spans = {name: _spans(rows) for name, rows in own.facts["rows"].items()}
        return cls(partition, own, held, spans)


def _spans(rows: dict[str, int]) -> dict[str, tuple[int, int]]:
    spans, start = {}, 0
    for partition, count in rows.items():
        spans[partition] = (start, count)
        start += count
    return spans


class RolledPartitions(Partitions):
    """Partitions with a day in their name, whose closed months are rolled up.

    A roll-up is named by a digest of every key in the folders of its month. If a partition is
    committed late or made again, the digest changes, so a roll-up that is out of date is never read.
    """

    def __init__(self, store: Store, prefix: str, tables: Sequence[RolledTable]) -> None:
        super().__init__(store, prefix)
        self._tables = {t.name: t for t in tables}
        self._standing: dict[str, str] | None = None  # month -> its roll-up
        self._opened: dict[str, RollUp] = {}

    def refresh(self) -> None:
        """Forget the listings of partitions and of roll-ups."""
        super().refresh()
        self._standing = None

    def manifest(self, partition: str) -> Manifest | None:
        """The manifest of a partition, from its month's roll-up if there is one."""
        if partition in self and partition not in self._manifests:
            rolled = self._roll_up_of(partition)
            self._manifests |= rolled.manifests if rolled else {}
        return super().manifest(partition)

    def tables(
        self, partitions: Sequence[str], name: str, columns: Sequence[str] | None = None
    ) -> Iterator[tuple[str, pa.Table]]:
        """A table of each partition, in the order given, with only these columns read.

        One month's roll-up is in memory at a time.

        Raises:
            DataError: a partition is not committed, or holds no such table.
        """
        current, rows = "", pa.table({})
        for partition in partitions:
            rolled = self._roll_up_of(partition) if self._tables[name].keeps(columns) else None
            span = rolled.spans.get(name, {}).get(partition) if rolled else None
            if rolled is None or span is None:
                yield partition, self.read(partition, name, columns)
                continue
            if rolled.partition != current:
                current, rows = rolled.partition, self._open(rolled, name, columns)
            yield partition, rows.slice(*span)

    def roll_up(self, before: date) -> int:
        """Roll up every month that ended before the month of a day and is not rolled up yet.

        Returns:
            How many months were rolled up.
        """
        self.refresh()
        closed = [
            month
            for month in self._months()
            if "" < month < f"{before:%Y-%m}" and month not in self._roll_ups()
        ]
        return sum(self._write(month) for month in closed)

    def _open(self, rolled: RollUp, name: str, columns: Sequence[str] | None) -> pa.Table:
        file = f"{self._tables[name].file}-"
        return self.store.read_partition(rolled.partition, file, columns, manifest=rolled.files)

    def _roll_up_of(self, partition: str) -> RollUp | None:
        key = self._roll_ups().get(_month(partition))
        if key is None:
            return None
        if key not in self._opened:
            self._opened[key] = RollUp.read(self.store, key)
        rolled = self._opened[key]
        return rolled if partition in rolled.manifests else None

    def _months(self) -> dict[str, list[str]]:
        months: dict[str, list[str]] = defaultdict(list)
        for partition in self:
            months[_month(partition)].append(partition)
        return months

    def _roll_ups(self) -> dict[str, str]:
        if self._standing is None:
            there = set(self.store.committed(layout.roll_ups(self.prefix)))
            keys = {m: self._key(m, partitions) for m, partitions in self._months().items()}
            self._standing = {m: key for m, key in keys.items() if key in there}
        return self._standing

    def _key(self, month: str, partitions: Sequence[str]) -> str:
        form = [ROLL_UP_FORMAT, [[t.name, t.columns] for t in self._tables.values()]]
        files = [self._listing()[p] for p in partitions]
        return layout.roll_up(self.prefix, month, digest([form, files])[:16])

    def _write(self, month: str) -> bool:
        partitions = self._months()[month]
        manifests = {p: m for p in partitions if (m := self.manifest(p)) is not None}
        tables: dict[str, pa.Table] = {}
        rows: dict[str, dict[str, int]] = {}
        for table in self._tables.values():
            held = {
                p: self.read(p, table.name, table.columns)
                for p, m in manifests.items()
                if m.tables(table.name)
            }
            if held:
                try:
                    tables[table.file] = pa.concat_tables(held.values())
                except pa.ArrowInvalid as error:
                    log.warning("%s: not rolled up: %s", f"{self.prefix}{month}", error)
                    return False
            rows[table.name] = {p: t.num_rows for p, t in held.items()}
        bodies = {p: m.to_json(p) for p, m in manifests.items()}
        key = self._key(month, partitions)
        self.store.commit_tables(key, tables, {"partitions": bodies, "rows": rows})
        self._roll_ups()[month] = key
        return True


def _month(partition: str) -> str:
    parts = layout.parts(partition)
    return parts.get("day", parts.get("as_of", ""))[: len("2026-11")]
