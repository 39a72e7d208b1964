"""What a committed partition says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fashiontrend.errors import DataError
from fashiontrend.storage.digests import FileDigest, damaged, open_sealed, seal

MANIFEST = "_manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What a committed partition holds: the keys of its files, facts about them, and their digests.

    A manifest that an older version wrote states no digests.
    """

    files: tuple[str, ...]
    facts: dict[str, Any]
    digests: dict[str, FileDigest] = field(default_factory=dict, compare=False)

    @property
    def names(self) -> list[str]:
        """Names of the files within the partition's folder."""
        return [key.rsplit("/", 1)[1] for key in self.files]

    def tables(self, name_prefix: str = "") -> list[str]:
        """Keys of the Parquet files whose name starts with `name_prefix`."""
        return [
            key
            for key, name in zip(self.files, self.names, strict=True)
            if name.startswith(name_prefix) and name.endswith(".parquet")
        ]

    def to_json(self, partition: str) -> dict[str, Any]:
        """The manifest as its document says it, with names below the partition."""
        below = f"{partition}/"
        return {
            "files": [key.removeprefix(below) for key in self.files],
            "facts": self.facts,
            "digests": {k.removeprefix(below): d.to_json() for k, d in self.digests.items()},
        }

    def to_bytes(self, partition: str) -> bytes:
        """The document that commits the partition."""
        return seal(self.to_json(partition))

    @classmethod
    def from_json(cls, partition: str, body: Mapping[str, Any]) -> "Manifest":
        """Read what `to_json` returned, in this version or the one before.

        Raises:
            DataError: it lists no files and facts.
        """
        files, facts, digests = body.get("files"), body.get("facts"), body.get("digests", {})
        if not isinstance(files, list) or not isinstance(facts, dict):
            raise DataError(damaged(f"{partition}/{MANIFEST}", "it lists no files and facts"))
        try:
            stated = {f"{partition}/{n}": FileDigest.from_json(d) for n, d in digests.items()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            fault = f"its digests cannot be read, {error!r}"
            raise DataError(damaged(f"{partition}/{MANIFEST}", fault)) from error
        return cls(tuple(f"{partition}/{f}" for f in files), facts, stated)


def parse_manifest(partition: str, data: bytes | str) -> Manifest:
    """The manifest of a partition from its document.

    Raises:
        DataError: it is no whole document, does not fit to its seal, or lists no files and facts.
    """
    return Manifest.from_json(partition, open_sealed(data, f"{partition}/{MANIFEST}"))
