"""Reading files so that what was changed since it was written is refused, at the least cost.

A whole file is compared with the SHA-256 that its manifest states. Of a large Parquet file of which
only some columns are wanted, its size and its footer are compared, and Parquet's checksum of each page.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from fashiontrend.errors import DataError
from fashiontrend.storage import schemas
from fashiontrend.storage.digests import (
    TAIL_BYTES,
    FileDigest,
    damaged,
    describe_end,
    footer_length,
)

#: A file of at most this many bytes is read whole, even for some columns: one request costs less than two.
WHOLE_BYTES = 4 << 20
#: What pyarrow's messages hold if the server or the disk failed, and not the file's content.
_STORE_FAILED = ("AWS Error", "errno", "Errno", "curl")


def read_part(
    filesystem: pafs.FileSystem, path: str, stated: FileDigest, columns: Sequence[str] | None
) -> pa.Table:
    """Some columns of a Parquet file whose size and footer are compared before.

    Raises:
        DataError: it is damaged.
        OSError: it could not be read.
    """
    with filesystem.open_input_file(path) as file:
        footer = read_footer(file, stated, path)
        metadata = pq.read_metadata(pa.BufferReader(b"PAR1" + footer))
        with parsing(path):
            return pq.ParquetFile(
                file, metadata=metadata, pre_buffer=True, page_checksum_verification=True
            ).read(None if columns is None else list(columns))


def read_unstated(
    filesystem: pafs.FileSystem, path: str, name: str, columns: Sequence[str] | None
) -> pa.Table:
    """A Parquet file of which no manifest states anything, with the checksums of its pages compared.

    Raises:
        DataError: it is damaged; the message gives its `name`.
        OSError: it could not be read.
    """
    with filesystem.open_input_file(path) as file, parsing(name):
        return pq.ParquetFile(file, page_checksum_verification=True).read(
            None if columns is None else list(columns)
        )


def fill(table: pa.Table, columns: Sequence[str] | None, path: str) -> pa.Table:
    """The wanted columns in their order; those of `schemas.ADDED_LATER` that an older file lacks are null.

    Raises:
        DataError: the file lacks another column.
    """
    if columns is None:
        return table
    for name in columns:
        if name in table.column_names:
            continue
        if name not in schemas.ADDED_LATER:
            raise DataError(damaged(path, f"it has no column {name!r}"))
        table = table.append_column(name, pa.nulls(len(table), schemas.ADDED_LATER[name]))
    return table.select(list(columns))


def read_footer(file: pa.NativeFile, stated: FileDigest, path: str) -> bytes:
    """The end of an open Parquet file, compared with what its manifest states.

    Raises:
        DataError: size or footer is another one.
    """
    size = file.size()
    if size != stated.size:
        raise DataError(
            damaged(path, f"it has {size:,} bytes, and its manifest states {stated.size:,}")
        )
    footer: bytes = file.read_at(stated.footer_bytes, size - stated.footer_bytes)
    if fault := stated.fault_of_footer(footer):
        raise DataError(damaged(path, fault))
    return footer


def read_whole(data: bytes, path: str, columns: Sequence[str] | None) -> pa.Table:
    """The table of a Parquet file whose bytes were read and compared with their SHA-256.

    Raises:
        DataError: it is damaged.
    """
    with parsing(path):
        return pq.ParquetFile(pa.BufferReader(data)).read(
            None if columns is None else list(columns)
        )


def describe_unseen(filesystem: pafs.FileSystem, path: str) -> FileDigest:
    """What a manifest states of a Parquet file that another process wrote: its size and its footer."""
    with filesystem.open_input_file(path) as file:
        size = file.size()
        tail = file.read_at(min(size, TAIL_BYTES), max(0, size - TAIL_BYTES))
        length = min(size, footer_length(tail))
        return describe_end(size, file.read_at(length, size - length))


@contextmanager
def parsing(path: str) -> Iterator[None]:
    """Turn what pyarrow raises for a file that is no whole Parquet file into a DataError."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        text = str(error)
        if getattr(error, "errno", None) or any(word in text for word in _STORE_FAILED):
            raise
        raise DataError(damaged(path, text.splitlines()[0] if text else repr(error))) from error
