"""What a committed partition says of itself, and the words for a file that is not what was written."""

from dataclasses import dataclass
from typing import Any

from fashiontrend.errors import DataError
from fashiontrend.typed_json import parse_object

MANIFEST = "_manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What a committed partition holds: the keys of its files and facts about them."""

    files: tuple[str, ...]
    facts: dict[str, Any]

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


def parse_manifest(partition: str, data: bytes | str) -> Manifest:
    """The manifest of a partition from its JSON.

    Raises:
        DataError: it is no whole document, or lists no files and facts.
    """
    body = parse_object(data, f"{partition}/{MANIFEST}")
    files, facts = body.get("files"), body.get("facts")
    if not isinstance(files, list) or not isinstance(facts, dict):
        raise DataError(damaged(f"{partition}/{MANIFEST}", "it lists no files and facts"))
    return Manifest(tuple(f"{partition}/{f}" for f in files), facts)


def damaged(uri: str, fault: object) -> str:
    """The message for a file whose content cannot be what was written."""
    return (
        f"{uri}: is damaged ({fault}). Restore it from a backup, or remove its folder and give the command of "
        "the step that writes it again."
    )
