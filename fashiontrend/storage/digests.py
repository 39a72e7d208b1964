"""What a writer states of its bytes, and what a reader compares: sizes and SHA-256 of files, seals of documents.

A file of a partition is described in the manifest: its size, the SHA-256 of all its bytes and, for a
Parquet file, of its footer, so that a reader of some columns can check the part that Parquet's own page
checksums leave out. A JSON document carries a seal: the SHA-256 of everything else that it says.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fashiontrend.errors import DataError
from fashiontrend.typed_json import JsonObject, parse_object

#: The field of a document that holds its seal.
SEAL = "_sha256"
#: A Parquet file ends with the length of its footer (4 bytes, little-endian) and these bytes.
PARQUET_END = b"PAR1"
TAIL_BYTES = 4 + len(PARQUET_END)


@dataclass(frozen=True)
class FileDigest:
    """What a manifest states of a file.

    Attributes:
        size: in bytes.
        sha256: of all bytes, in hex; "" if the one who committed had not written the file itself.
        footer_bytes: length of a Parquet file's end: its footer, the footer's length, and `PAR1`.
        footer_sha256: of that end, in hex; "" for other files.
    """

    size: int
    sha256: str = ""
    footer_bytes: int = 0
    footer_sha256: str = ""

    def to_json(self) -> JsonObject:
        """Plain JSON, without what is not stated."""
        return {name: value for name, value in vars(self).items() if value}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "FileDigest":
        """Read what `to_json` returned.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        return cls(
            int(body["size"]),
            str(body.get("sha256", "")),
            int(body.get("footer_bytes", 0)),
            str(body.get("footer_sha256", "")),
        )

    def fault_of(self, data: bytes) -> str | None:
        """What is wrong with the bytes of a whole file; None if they are what was written."""
        if len(data) != self.size:
            return f"it has {len(data):,} bytes, and its manifest states {self.size:,}"
        if self.sha256 and hashlib.sha256(data).hexdigest() != self.sha256:
            return "its SHA-256 is not the one that its manifest states"
        return self.fault_of_footer(data[len(data) - self.footer_bytes :])

    def fault_of_footer(self, footer: bytes) -> str | None:
        """What is wrong with the last `footer_bytes` bytes; None if they are what was written."""
        if self.footer_bytes and hashlib.sha256(footer).hexdigest() != self.footer_sha256:
            return "the SHA-256 of its footer is not the one that its manifest states"
        return None


def describe(key: str, data: bytes) -> FileDigest:
    """What a manifest states of a file with these bytes."""
    footer = data[len(data) - footer_length(data) :] if key.endswith(".parquet") else b""
    footer_digest = hashlib.sha256(footer).hexdigest() if footer else ""
    return FileDigest(len(data), hashlib.sha256(data).hexdigest(), len(footer), footer_digest)


def describe_end(size: int, footer: bytes) -> FileDigest:
    """What a manifest states of a Parquet file of which only the end was read."""
    return FileDigest(size, "", len(footer), hashlib.sha256(footer).hexdigest())


def footer_length(end: bytes) -> int:
    """How many bytes of a Parquet file's end its footer takes, with the 8 bytes after it; 0 if it is no Parquet file."""
    if len(end) < TAIL_BYTES or not end.endswith(PARQUET_END):
        return 0
    return int.from_bytes(end[-TAIL_BYTES : -len(PARQUET_END)], "little") + TAIL_BYTES


def seal(body: Mapping[str, Any]) -> bytes:
    """A document as it is written: readable JSON with its seal at the end.

    Values that JSON does not know, such as days, are written as text.
    """
    plain = json.loads(json.dumps(dict(body), default=str))
    plain.pop(SEAL, None)
    return json.dumps({**plain, SEAL: _digest(plain)}, indent=1).encode()


def open_sealed(data: bytes | str, source: str) -> JsonObject:
    """Parse a document, compare its seal and take it off. A document of an older version has none.

    Args:
        data: its bytes.
        source: where it lies, for the message.

    Raises:
        DataError: it is no whole JSON object, or its seal does not fit to what it says.
    """
    body = parse_object(data, source)
    name = next(reversed(body), SEAL)
    rest = {k: v for k, v in body.items() if k != name}
    if name != SEAL and isinstance(body[name], str) and body[name] == _digest(rest):
        return rest  # the name of the seal was changed, and nothing that it seals
    stated = body.pop(SEAL, None)
    if stated is not None and stated != _digest(body):
        raise DataError(damaged(source, f"what it says does not fit to its seal, {SEAL}"))
    return body


def damaged(uri: str, fault: object) -> str:
    """The message for a file whose content cannot be what was written."""
    return (
        f"{uri}: is damaged ({fault}). Restore it from a backup, or remove its folder and give the command of "
        "the step that writes it again; `fashiontrend fsck` names the command."
    )


def _digest(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
