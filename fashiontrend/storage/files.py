"""Files in a directory or in S3-compatible storage: what the store does with single keys.

Bulk bytes go through `pyarrow.fs`. What `pyarrow.fs` cannot do, creating a key only if it does not
exist and replacing it only if nobody else did, goes through boto3's conditional PUT and,
locally, through an exclusive hard link.
"""

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.exceptions
import pyarrow as pa
import pyarrow.fs as pafs

from fashiontrend.config import StoreConfig
from fashiontrend.errors import Conflict, DataError, StoreError
from fashiontrend.storage import s3
from fashiontrend.storage.digests import damaged

#: Error codes of S3-compatible servers for a conditional PUT that came second.
TAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
#: Names of files that are being written begin so; a killed process leaves them behind.
TEMPORARY = ".tmp-"


@dataclass(frozen=True)
class StoredFile:
    """A file of a listing: its key, its size in bytes, and when it was written (seconds since 1970)."""

    key: str
    size: int
    written_at: float


@dataclass(frozen=True)
class Files:
    """A root under which every key lies."""

    config: StoreConfig

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

    def keys(self, prefix: str) -> list[str]:
        """All keys below a prefix that ends in `/`, sorted."""
        found = self.listing(prefix)
        return [f.key for f in found if not f.key.rpartition("/")[2].startswith(TEMPORARY)]

    def listing(self, prefix: str) -> list[StoredFile]:
        """All files below a prefix that ends in `/`, or all of the store for "", sorted by key; temporary ones too."""
        folder = self.path(prefix).rstrip("/")
        selector = pafs.FileSelector(folder, recursive=True, allow_not_found=True)
        with self._explained(prefix):
            infos = self.filesystem.get_file_info(selector)
        found = [
            StoredFile(i.path.removeprefix(f"{self.root}/"), i.size or 0, (i.mtime_ns or 0) / 1e9)
            for i in infos
            if i.type == pafs.FileType.File
        ]
        return sorted(found, key=lambda f: f.key)

    def delete(self, key: str) -> None:
        """Remove one key, if it is there. A file of a committed partition must not be removed alone."""
        with self._explained(key):
            if self.filesystem.get_file_info(self.path(key)).type == pafs.FileType.File:
                self.filesystem.delete_file(self.path(key))

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

    def delete_folder(self, prefix: str) -> None:
        """Remove everything below a prefix, if there is anything."""
        with self._explained(prefix):
            if self.filesystem.get_file_info(self.path(prefix)).type == pafs.FileType.Directory:
                self.filesystem.delete_dir(self.path(prefix))

    def _bytes(self, key: str) -> bytes:
        with self._explained(key), self.filesystem.open_input_stream(self.path(key)) as stream:
            data: bytes = stream.read()
        return data

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
                and self._bytes(key) == data
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
