"""Bytes and tables at rest, in a directory or in S3-compatible storage; the only module that talks to it.

Bulk bytes go through `pyarrow.fs`. What `pyarrow.fs` cannot do, creating a key only if it does not
exist and replacing it only if nobody else did, goes through boto3's conditional PUT and,
locally, through an exclusive hard link.

A *partition* is a folder of files with a `_manifest.json` written last and exclusively, which
lists the files that count. Therefore a half-written partition is an absent one, and of two writers
exactly one commits.
"""

import fcntl
import hashlib
import io
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.exceptions
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from fashiontrend.config import StoreConfig
from fashiontrend.errors import Conflict, DataError, StoreError
from fashiontrend.storage import checked, layout, s3
from fashiontrend.storage.digests import FileDigest, damaged, describe, open_sealed
from fashiontrend.storage.manifest import MANIFEST, Manifest, parse_manifest

#: Error codes of S3-compatible servers for a conditional PUT that came second.
TAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
#: What manifests state is remembered of about this many files; then it is forgotten and read again.
REMEMBERED = 100_000


@dataclass(frozen=True)
class Store:
    """A root under which every key lies. Picklable without credentials: workers read their own."""

    config: StoreConfig

    def __reduce__(self) -> tuple[Any, ...]:
        return (Store, (self.config,))

    @cached_property
    def bucket(self) -> str | None:
        """The bucket of an `s3://` root, None for a directory."""
        parts = urlsplit(self.config.url)
        return parts.netloc if parts.scheme == "s3" else None

    @cached_property
    def root(self) -> str:
        """Where keys start, in the form that `filesystem` takes."""
        parts = urlsplit(self.config.url)
        if parts.scheme == "s3":
            return f"{parts.netloc}{parts.path}".rstrip("/")
        return str(Path(parts.path if parts.scheme == "file" else self.config.url).absolute())

    @cached_property
    def filesystem(self) -> pafs.FileSystem:
        """The file system that Ray Data and Ray Train read and write with."""
        if self.bucket is None:
            return pafs.LocalFileSystem()
        return s3.make_filesystem(self.config)

    @cached_property
    def _s3(self) -> Any:
        return s3.make_client(self.config)

    @cached_property
    def _written(self) -> dict[str, FileDigest]:
        """Of files that this process wrote and has not committed yet."""
        return {}

    @cached_property
    def _stated(self) -> dict[str, dict[str, FileDigest]]:
        """What the manifests that this process saw state: folder -> key -> digest."""
        return {}

    def path(self, key: str) -> str:
        """The key in the form that `filesystem` takes."""
        return f"{self.root}/{key}"

    def uri(self, key: str) -> str:
        """The key as it is shown to people: an `s3://` address or a path."""
        return f"s3://{self.path(key)}" if self.bucket else self.path(key)

    def exists(self, key: str) -> bool:
        """Whether there is a file with this key."""
        with self._explained(key):
            kind: pafs.FileType = self.filesystem.get_file_info(self.path(key)).type
        return bool(kind == pafs.FileType.File)

    def read(self, key: str) -> bytes:
        """The bytes of a key, compared with what the manifest of its folder states.

        Raises:
            StoreError: it is not there, or the store cannot be reached.
            DataError: it is not what was written.
        """
        data, stated = self._bytes(key), self.stated(key)
        if stated and (fault := stated.fault_of(data)):
            raise DataError(damaged(self.uri(key), fault))
        return data

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

    def remember(self, partition: str, manifest: Manifest) -> Manifest:
        """Compare what is read from now on with what a manifest states; returns it."""
        if len(self._stated) * 4 > REMEMBERED:
            self._stated.clear()
        self._stated[partition] = manifest.digests
        return manifest

    def write(self, key: str, data: bytes, durable: bool = True) -> None:
        """Write a key as a whole: a reader sees the old bytes or the new ones, never a part.

        Args:
            key: where.
            data: all of it.
            durable: False makes a local store not wait for the disk. It is right only for bytes that
                their reader checks, such as content-addressed pictures.
        """
        with self._explained(key):
            if self.bucket:
                with self.filesystem.open_output_stream(self.path(key)) as stream:
                    stream.write(data)
            else:
                os.replace(self._beside(key, data, durable), self.path(key))
        if durable:
            if len(self._written) > REMEMBERED:
                self._written.clear()
            self._written[key] = describe(key, data)

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
        stated = self.stated(key)
        whole = columns is None or stated is None or stated.size <= checked.WHOLE_BYTES
        if stated and stated.sha256 and whole:
            data = self._bytes(key)
            if fault := stated.fault_of(data):
                raise DataError(damaged(self.uri(key), fault))
            table = checked.read_whole(data, self.uri(key), columns)
            return checked.with_added(table, columns, self.uri(key))
        with self._explained(key):
            if stated and stated.footer_bytes:
                table = checked.read_part(self.filesystem, self.path(key), stated, columns)
            else:
                table = checked.read_unstated(self.filesystem, self.path(key), columns)
        return checked.with_added(table, columns, self.uri(key))

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

    def keys(self, prefix: str) -> list[str]:
        """All keys below a prefix that ends in `/`, sorted."""
        folder = self.path(prefix.rstrip("/"))
        selector = pafs.FileSelector(folder, recursive=True, allow_not_found=True)
        with self._explained(prefix):
            infos = self.filesystem.get_file_info(selector)
        return sorted(
            i.path.removeprefix(f"{self.root}/")
            for i in infos
            if i.type == pafs.FileType.File and not i.base_name.startswith(".tmp-")
        )

    def create(self, key: str, data: bytes) -> None:
        """Write a key that must not exist yet.

        Raises:
            Conflict: it exists; of any number of writers exactly one succeeds.
        """
        self._put(key, data, expected=None)

    def swap(self, key: str, data: bytes, expected: bytes | None) -> None:
        """Replace a key if it still holds what the caller read (None: it did not exist).

        Raises:
            Conflict: somebody else wrote it in between.
        """
        self._put(key, data, expected=expected)

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

    def delete_folder(self, prefix: str) -> None:
        """Remove everything below a prefix, if there is anything."""
        with self._explained(prefix):
            if self.filesystem.get_file_info(self.path(prefix)).type == pafs.FileType.Directory:
                self.filesystem.delete_dir(self.path(prefix))

    def delete(self, key: str) -> None:
        """Remove one key, if it is there. A file of a committed partition must not be removed alone."""
        if self.exists(key):
            with self._explained(key):
                self.filesystem.delete_file(self.path(key))

    def _bytes(self, key: str) -> bytes:
        with self._explained(key), self.filesystem.open_input_stream(self.path(key)) as stream:
            data: bytes = stream.read()
        return data

    def _described(self, key: str) -> FileDigest:
        """What a manifest states of a file: all of it, or size and footer if another process wrote it."""
        if (known := self._written.get(key)) is not None:
            return known
        if not key.endswith(".parquet"):
            return describe(key, self._bytes(key))
        with self._explained(key):
            return checked.describe_unseen(self.filesystem, self.path(key))

    def _put(self, key: str, data: bytes, expected: bytes | None) -> None:
        with self._explained(key):
            (self._put_s3 if self.bucket else self._put_local)(key, data, expected)

    def _put_s3(self, key: str, data: bytes, expected: bytes | None) -> None:
        name = self.path(key).removeprefix(f"{self.bucket}/")
        try:
            condition = (
                {"IfNoneMatch": "*"} if expected is None else {"IfMatch": self._tag(name, expected)}
            )
            self._s3.put_object(Bucket=self.bucket, Key=name, Body=data, **condition)
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in TAKEN:
                raise
            # A retried PUT whose first response was lost finds its own bytes there: that is success.
            if not (
                error.response.get("ResponseMetadata", {}).get("RetryAttempts")
                and self.read(key) == data
            ):
                raise Conflict(_taken(self.uri(key))) from None

    def _tag(self, name: str, expected: bytes) -> str:
        """The ETag that the server gives with the expected bytes. It means something to the server alone.

        Raises:
            Conflict: other bytes stand there, or none.
        """
        try:
            found = self._s3.get_object(Bucket=self.bucket, Key=name)
            held: bytes = found["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            held = b""
        if held != expected:
            raise Conflict(_taken(f"s3://{self.bucket}/{name}"))
        tag: str = found["ETag"]
        return tag

    def _put_local(self, key: str, data: bytes, expected: bytes | None) -> None:
        fresh, path = self._beside(key, data), Path(self.path(key))
        try:
            if expected is None:
                os.link(fresh, path)
                return
            with _locked(path.with_name(f".tmp-lock-{path.name}")):
                if not path.exists() or path.read_bytes() != expected:
                    raise FileExistsError
                os.replace(fresh, path)
        except FileExistsError:
            raise Conflict(_taken(str(path))) from None
        finally:
            Path(fresh).unlink(missing_ok=True)

    def _beside(self, key: str, data: bytes, durable: bool = True) -> str:
        """Write the bytes under a temporary name in the key's folder."""
        path = Path(self.path(key))
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".tmp-{uuid.uuid4().hex}")
        try:
            with open(fresh, "xb") as stream:
                stream.write(data)
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        return str(fresh)

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        """Turn what the clients raise into a StoreError that says what to do."""
        try:
            yield
        except pa.ArrowInvalid as error:
            raise DataError(damaged(self.uri(key), error)) from error
        except (
            OSError,
            botocore.exceptions.BotoCoreError,
            botocore.exceptions.ClientError,
        ) as error:
            raise StoreError(
                f"store: {self.uri(key)}: {error}. {_advice(error, self.config)}"
            ) from error


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


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _taken(uri: str) -> str:
    return f"{uri} was committed by another writer first; what stands there holds. Read it instead."


def _advice(error: Exception, config: StoreConfig) -> str:
    text = f"{getattr(error, 'errno', '')} {error}".lower()
    if "no space" in text or "quota" in text:
        return "The disk is full: free space or set store.url to a larger one, then run again; nothing was lost."
    if any(
        word in text
        for word in ("denied", "forbidden", "permission", "credential", "accesskey", "signature")
    ):
        return "Check the permissions or the AWS_* credentials of this process (read, write and list are needed)."
    if "not found" in text or "no such file" in text or "nosuchkey" in text:
        return "It is not there: run the step that makes it, or check store.url."
    return f"Check that {config.endpoint or config.url} can be reached, then run again."
