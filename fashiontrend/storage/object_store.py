"""The object store: committed partitions and documents, in a directory or in S3-compatible storage.

A *partition* is a folder of files with a `_manifest.json` written last and exclusively, which
lists the files that count. Therefore a half-written partition is an absent one, and of two writers
exactly one commits. What is read is compared with what the manifest states.
"""

import hashlib
import io
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from fashiontrend.config import StoreConfig
from fashiontrend.errors import Conflict, DataError, StoreError
from fashiontrend.storage import checked, layout
from fashiontrend.storage.digests import FileDigest, damaged, describe, open_sealed
from fashiontrend.storage.files import Files
from fashiontrend.storage.manifest import MANIFEST, Manifest, parse_manifest

#: What manifests state is remembered of about this many files; then it is forgotten and read again.
REMEMBERED = 100_000


@dataclass(frozen=True)
class Store(Files):
    """A root under which every key lies. Picklable without credentials: workers read their own."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Store, (self.config,))

    @cached_property
    def _written(self) -> dict[str, FileDigest]:
        """Of files that this process wrote and has not committed yet."""
        return {}

    @cached_property
    def _stated(self) -> dict[str, dict[str, FileDigest]]:
        """What the manifests that this process saw state: folder -> key -> digest."""
        return {}

    def read(self, key: str) -> bytes:
        """The bytes of a key, compared with what the manifest of its folder states.

        Raises:
            StoreError: it is not there, or the store cannot be reached.
            DataError: it is not what was written.
        """
        return self._compared(key)

    def read_json(self, key: str) -> Any:
        """The object of a JSON key, without its seal.

        Raises:
            StoreError: it is not there, or the store cannot be reached.
            DataError: it is no whole JSON object, or not the one that was written.
        """
        return open_sealed(self.read(key), self.uri(key))

    def read_picture(self, picture_id: str) -> bytes:
        """The bytes of a picture, whose name is their SHA-256.

        Raises:
            StoreError: it is not there, or the store cannot be reached.
            DataError: it is not what was written.
        """
        key = layout.raw_image(picture_id)
        data = self.read(key)
        if hashlib.sha256(data).hexdigest() != picture_id:
            raise DataError(damaged(self.uri(key), "its SHA-256 is not its name"))
        return data

    def write(self, key: str, data: bytes, durable: bool = True) -> None:
        """Write a key as `Files.write` does, and note its digest for the manifest that will name it."""
        super().write(key, data, durable)
        if durable:
            if len(self._written) > REMEMBERED:
                self._written.clear()
            self._written[key] = describe(key, data)

    def stated(self, key: str) -> FileDigest | None:
        """What the manifest of a key's folder states of it; None for a file without a manifest.

        The manifest is read if this process has not seen it.

        Raises:
            DataError: the manifest is damaged.
        """
        folder, _, name = key.rpartition("/")
        if name != MANIFEST and folder not in self._stated and layout.is_in_partition(key):
            self.manifest(folder)
        return self._stated.get(folder, {}).get(key)

    def _compared(self, key: str) -> bytes:
        """The bytes of a key, if they are what its manifest states.

        `fashiontrend forget` writes partitions anew under the same names, so a manifest that was
        remembered is read again before a file is called damaged.
        """
        stated = self.stated(key)
        data = self._bytes(key)
        if stated and stated.fault_of(data):
            self._stated.pop(key.rpartition("/")[0], None)
            stated = self.stated(key)
        if stated and (fault := stated.fault_of(data)):
            raise DataError(damaged(self.uri(key), fault))
        return data

    def remember(self, partition: str, manifest: Manifest) -> Manifest:
        """Compare what is read from now on with what a manifest states; returns it."""
        if len(self._stated) * 4 > REMEMBERED:
            self._stated.clear()
        self._stated[partition] = manifest.digests
        return manifest

    def write_table(self, key: str, table: pa.Table, row_group_rows: int | None = None) -> None:
        """Write a table as Parquet."""
        self.write(key, parquet_bytes(table, row_group_rows))

    def read_table(self, key: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Read a Parquet key, or some of its columns, and compare it with what was written.

        Columns of `schemas.ADDED_LATER` that an older version did not write are null.

        Raises:
            StoreError: it is not there, or the store cannot be reached.
            DataError: it is damaged, or lacks another column.
        """
        return checked.fill(self._read_table(key, columns), columns, self.uri(key))

    def _read_table(self, key: str, columns: Sequence[str] | None) -> pa.Table:
        stated = self.stated(key)
        whole = columns is None or stated is None or stated.size <= checked.WHOLE_BYTES
        if stated and stated.sha256 and whole:
            return checked.read_whole(self._compared(key), self.uri(key), columns)
        with self._explained(key):
            if stated and stated.footer_bytes:
                return checked.read_part(self.filesystem, self.path(key), stated, columns)
            return checked.read_unstated(self.filesystem, self.path(key), self.uri(key), columns)

    def check_footers(self, keys: Sequence[str]) -> None:
        """Compare sizes and footers of Parquet files that another library will read.

        Raises:
            StoreError: one is not there, or the store cannot be reached.
            DataError: one is damaged.
        """
        for key in keys:
            stated = self.stated(key)
            if stated is None or not stated.footer_bytes:
                continue
            with self._explained(key), self.filesystem.open_input_file(self.path(key)) as file:
                checked.read_footer(file, stated, self.uri(key))

    def remove_partition(self, partition: str) -> None:
        """Remove a partition: first its manifest, so that no reader finds it half removed."""
        self.delete(f"{partition}/{MANIFEST}")
        self._stated.pop(partition, None)
        self.delete_folder(partition)

    def commit(self, partition: str, files: Sequence[str], facts: dict[str, Any]) -> Manifest:
        """Make a partition exist: its files, all written before, and facts about them.

        Raises:
            Conflict: it is committed already; that commit stays valid.
        """
        digests = {f: self._described(f) for f in files}
        data = Manifest(tuple(files), facts, digests).to_bytes(partition)
        self.create(f"{partition}/{MANIFEST}", data)
        for key in files:
            self._written.pop(key, None)
        return self.remember(partition, parse_manifest(partition, data))

    def commit_bytes(
        self, partition: str, files: Mapping[str, bytes], facts: dict[str, Any]
    ) -> Manifest:
        """Write files under fixed names and commit them together.

        Two writers of one partition use the same names. The one whose commit stands puts its own
        bytes back if the other one has written over them.

        Raises:
            Conflict: it is committed already; that commit stays valid.
        """
        keys = {f"{partition}/{name}": data for name, data in files.items()}
        for key, data in keys.items():
            self.write(key, data)
        manifest = self.commit(partition, list(keys), facts)
        for key, data in keys.items():
            if self._bytes(key) != data:
                self.write(key, data)
        return manifest

    def commit_tables(
        self, partition: str, tables: dict[str, pa.Table], facts: dict[str, Any]
    ) -> Manifest:
        """Write tables under file names that only this attempt uses, and commit them together.

        Returns:
            The manifest that is committed: this one, or that of a writer who was first.
        """
        attempt = uuid.uuid4().hex[:8]
        keys = {f"{partition}/{name}-{attempt}.parquet": table for name, table in tables.items()}
        for key, table in keys.items():
            self.write_table(key, table)
        try:
            return self.commit(partition, list(keys), facts)
        except Conflict:
            standing = self.manifest(partition)
            if standing is None:
                raise
            return standing

    def manifest(self, partition: str) -> Manifest | None:
        """The manifest of a partition, or None if it was never committed."""
        there = self.exists(f"{partition}/{MANIFEST}")
        return self.read_manifest(partition) if there else None

    def read_manifest(self, partition: str) -> Manifest:
        """The manifest of a partition that is known to be committed, with one request.

        Raises:
            StoreError: it is not committed, or the store cannot be reached.
        """
        key = f"{partition}/{MANIFEST}"
        return self.remember(partition, parse_manifest(partition, self.read(key)))

    def committed(self, prefix: str) -> list[str]:
        """The committed partitions below a prefix, sorted."""
        ending = f"/{MANIFEST}"
        return [k.removesuffix(ending) for k in self.keys(prefix) if k.endswith(ending)]

    def read_partition(
        self,
        partition: str,
        name_prefix: str = "",
        columns: Sequence[str] | None = None,
        manifest: Manifest | None = None,
    ) -> pa.Table:
        """The rows of a committed partition's tables whose file name starts with `name_prefix`.

        Args:
            partition: where the tables lie.
            name_prefix: "" reads all tables of the partition.
            columns: only these are read; None reads all.
            manifest: the partition's, if the caller has it; it is read otherwise.

        Raises:
            DataError: the partition is not committed, or holds no such table.
        """
        manifest = manifest or self.manifest(partition)
        if manifest is None:
            raise DataError(f"{self.uri(partition)}: not committed. Run the step that makes it.")
        self.remember(partition, manifest)
        tables = [self.read_table(key, columns) for key in manifest.tables(name_prefix)]
        if not tables:
            raise DataError(f"{self.uri(partition)}: holds no table {name_prefix!r}.")
        return pa.concat_tables(tables)

    def download(self, partition: str, folder: Path) -> None:
        """Copy a committed partition's files into a local folder."""
        manifest = self.manifest(partition)
        if manifest is None:
            raise DataError(f"{self.uri(partition)}: not committed. Run the step that makes it.")
        folder.mkdir(parents=True, exist_ok=True)
        for key in manifest.files:
            (folder / key.rsplit("/", 1)[1]).write_bytes(self.read(key))

    def upload(self, partition: str, folder: Path, facts: dict[str, Any]) -> Manifest:
        """Commit a local folder's files as a partition, unless it is committed already."""
        if (standing := self.manifest(partition)) is not None:
            return standing
        found = sorted(p for p in folder.iterdir() if p.is_file())
        try:
            return self.commit_bytes(partition, {p.name: p.read_bytes() for p in found}, facts)
        except Conflict:
            return self.read_manifest(partition)

    def _described(self, key: str) -> FileDigest:
        """What a manifest states of a file: all of it, or size and footer if another process wrote it."""
        if (known := self._written.get(key)) is not None:
            return known
        if not key.endswith(".parquet"):
            return describe(key, self._bytes(key))
        with self._explained(key):
            return checked.describe_unseen(self.filesystem, self.path(key))


def parquet_bytes(table: pa.Table, row_group_rows: int | None = None) -> bytes:
    """A table as a Parquet file; pictures are left uncompressed, the rest is zstd."""
    compression = {f.name: "NONE" if f.name == "image" else "ZSTD" for f in table.schema}
    sink = io.BytesIO()
    pq.write_table(
        table,
        sink,
        compression=compression,
        write_page_checksum=True,
        row_group_size=row_group_rows,
        write_statistics=[f.name for f in table.schema if f.name != "image"],
    )
    return sink.getvalue()


def open_store(config: StoreConfig) -> Store:
    """The store that the configuration names; nothing is contacted yet.

    Raises:
        StoreError: the scheme of the URL is not supported.
    """
    scheme = urlsplit(config.url).scheme
    if scheme not in ("", "file", "s3"):
        raise StoreError(
            f"store.url {config.url!r}: scheme {scheme!r} is unknown. Use a directory, file:// or s3://bucket/prefix."
        )
    if scheme == "":
        # Ray workers run in other folders: only an absolute path means the same to all of them.
        config = config.model_copy(update={"url": str(Path(config.url).absolute())})
    return Store(config)
