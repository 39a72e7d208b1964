"""Bytes and tables at rest, in a directory or in S3-compatible storage; the only module that talks to it.

Bulk bytes go through `pyarrow.fs`. What it cannot do, creating a key only if it does not
exist and replacing it only if nobody else did, goes through boto3's conditional PUT and,
locally, through an exclusive hard link.

A *partition* is a folder of files with a `_manifest.json` written last and exclusively, which
lists the files that count. So a half-written partition is an absent one, and of two writers
exactly one commits.
"""

import fcntl
import hashlib
import io
import json
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.config
import botocore.exceptions
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from fashiontrend.config import StoreConfig
from fashiontrend.errors import Conflict, DataError, StoreError

MANIFEST = "_manifest.json"
#: What S3-compatible servers answer to a conditional PUT that came second.
TAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
#: A server that does not accept a connection within this many seconds is not there.
CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Manifest:
    """What a committed partition holds: the keys of its files and facts about them."""

    files: tuple[str, ...]
    facts: dict[str, Any]


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
        options: dict[str, Any] = {}
        if self.config.endpoint:
            parts = urlsplit(self.config.endpoint)
            options = {"endpoint_override": parts.netloc, "scheme": parts.scheme}
        if os.environ.get("AWS_ACCESS_KEY_ID"):
            # The SDK asks EC2's metadata address even where keys are given: three seconds
            # for every file system wherever that address does not answer.
            os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
        return pafs.S3FileSystem(
            region=self.config.region,
            connect_timeout=CONNECT_TIMEOUT_S,
            request_timeout=self.config.request_timeout_s,
            **options,
        )

    @cached_property
    def _s3(self) -> Any:
        # A session of its own: the shared default one keeps the first credentials it ever read.
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.config.endpoint,
            region_name=self.config.region,
            config=botocore.config.Config(
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=self.config.request_timeout_s,
                retries={"mode": "standard", "max_attempts": 4},
                max_pool_connections=32,
            ),
        )

    def path(self, key: str) -> str:
        """The key as `filesystem` spells it."""
        return f"{self.root}/{key}"

    def uri(self, key: str) -> str:
        """The key as a person spells it."""
        return f"s3://{self.path(key)}" if self.bucket else self.path(key)

    def exists(self, key: str) -> bool:
        """Whether there is a file with this key."""
        with self._told(key):
            kind: pafs.FileType = self.filesystem.get_file_info(self.path(key)).type
        return bool(kind == pafs.FileType.File)

    def read(self, key: str) -> bytes:
        """The bytes of a key.

        Raises:
            StoreError: it is not there, or the store cannot be reached.
        """
        with self._told(key), self.filesystem.open_input_stream(self.path(key)) as stream:
            data: bytes = stream.read()
        return data

    def read_json(self, key: str) -> Any:
        """The value of a JSON key."""
        return json.loads(self.read(key))

    def write(self, key: str, data: bytes, durable: bool = True) -> None:
        """Write a key whole; a reader sees the old bytes or the new ones, never half.

        Args:
            key: where.
            data: all of it.
            durable: False saves a local store the wait for the disk: right only for bytes whose
                reader checks them, such as content-addressed pictures.
        """
        with self._told(key):
            if self.bucket:
                with self.filesystem.open_output_stream(self.path(key)) as stream:
                    stream.write(data)
            else:
                os.replace(self._beside(key, data, durable), self.path(key))

    def write_table(self, key: str, table: pa.Table, row_group_rows: int | None = None) -> None:
        """Write a table as Parquet."""
        self.write(key, parquet_bytes(table, row_group_rows))

    def read_table(self, key: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Read a Parquet key, or some of its columns."""
        with self._told(key):
            return pq.read_table(
                self.path(key),
                filesystem=self.filesystem,
                partitioning=None,
                columns=list(columns) if columns is not None else None,
            )

    def keys(self, prefix: str) -> list[str]:
        """All keys below a prefix that ends in `/`, sorted."""
        folder = self.path(prefix.rstrip("/"))
        selector = pafs.FileSelector(folder, recursive=True, allow_not_found=True)
        with self._told(prefix):
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
            Conflict: it is committed already; what stands there holds.
        """
        manifest = Manifest(tuple(files), facts)
        body = {"files": [f.removeprefix(f"{partition}/") for f in files], "facts": facts}
        self.create(f"{partition}/{MANIFEST}", json.dumps(body, indent=1, default=str).encode())
        return manifest

    def commit_tables(
        self, partition: str, tables: dict[str, pa.Table], facts: dict[str, Any]
    ) -> Manifest:
        """Write tables under names of this attempt's own and commit them together.

        Returns:
            The manifest that stands: ours, or that of a writer who came first.
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
        key = f"{partition}/{MANIFEST}"
        if not self.exists(key):
            return None
        body = self.read_json(key)
        return Manifest(tuple(f"{partition}/{f}" for f in body["files"]), body["facts"])

    def committed(self, prefix: str) -> list[str]:
        """The committed partitions below a prefix, sorted."""
        ending = f"/{MANIFEST}"
        return [k.removesuffix(ending) for k in self.keys(prefix) if k.endswith(ending)]

    def read_partition(
        self, partition: str, name_prefix: str = "", columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The rows of a committed partition's files whose name starts with `name_prefix`.

        Raises:
            DataError: the partition is not committed, or holds no such file.
        """
        manifest = self.manifest(partition)
        if manifest is None:
            raise DataError(f"{self.uri(partition)}: not committed. Run the step that makes it.")
        files = [f for f in manifest.files if f.rsplit("/", 1)[1].startswith(name_prefix)]
        tables = [self.read_table(f, columns) for f in files if f.endswith(".parquet")]
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
        """Commit a local folder's files as a partition; an earlier commit stands."""
        if (standing := self.manifest(partition)) is not None:
            return standing
        keys = []
        for path in sorted(p for p in folder.iterdir() if p.is_file()):
            self.write(f"{partition}/{path.name}", path.read_bytes())
            keys.append(f"{partition}/{path.name}")
        try:
            return self.commit(partition, keys, facts)
        except Conflict:
            return self.manifest(partition) or Manifest(tuple(keys), facts)

    def delete_folder(self, prefix: str) -> None:
        """Remove everything below a prefix; nothing there is fine."""
        with self._told(prefix):
            if self.filesystem.get_file_info(self.path(prefix)).type == pafs.FileType.Directory:
                self.filesystem.delete_dir(self.path(prefix))

    def _put(self, key: str, data: bytes, expected: bytes | None) -> None:
        with self._told(key):
            (self._put_s3 if self.bucket else self._put_local)(key, data, expected)

    def _put_s3(self, key: str, data: bytes, expected: bytes | None) -> None:
        name = self.path(key).removeprefix(f"{self.bucket}/")
        # A single-part object's ETag is the MD5 of its bytes; ours are a few KB, never multipart.
        tag = expected and f'"{hashlib.md5(expected, usedforsecurity=False).hexdigest()}"'
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": tag}
        try:
            self._s3.put_object(Bucket=self.bucket, Key=name, Body=data, **condition)
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in TAKEN:
                raise
            # A retried PUT whose first answer was lost finds its own bytes there: that is success.
            if not (
                error.response.get("ResponseMetadata", {}).get("RetryAttempts")
                and self.read(key) == data
            ):
                raise Conflict(_taken(self.uri(key))) from None

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
    def _told(self, key: str) -> Iterator[None]:
        """Turn what the clients raise into a StoreError that says what to do."""
        try:
            yield
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
        row_group_size=row_group_rows,
        write_statistics=[f.name for f in table.schema if f.name != "image"],
    )
    return sink.getvalue()


def open_store(config: StoreConfig) -> Store:
    """The store that the configuration names; nothing is contacted yet.

    Raises:
        StoreError: the URL's scheme is not one we speak.
    """
    scheme = urlsplit(config.url).scheme
    if scheme not in ("", "file", "s3"):
        raise StoreError(
            f"store.url {config.url!r}: scheme {scheme!r} is unknown. Use a directory, file:// or s3://bucket/prefix."
        )
    if scheme == "":
        # Workers have working folders of their own: only an absolute path means the same to all.
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
