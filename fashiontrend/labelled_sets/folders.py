"""Read a folder whose sub-folders are the values of one attribute, as people keep photos.

`red/1.jpg` has the value red. Folders named like splits may stand above: `train/red/1.jpg`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif")
#: The attribute of the sub-folders' names, if the user names none.
COLUMN = "folder"
#: Names of splits that are evaluated on by somebody else; `importing` leaves their rows out.
_UNSEEN = frozenset({"test", "testing", "query", "gallery", "holdout", "hold-out", "eval"})


@dataclass(frozen=True)
class FolderSet:
    """The pictures of a folder, and how its sub-folders were understood."""

    rows: pa.Table  # id, the attribute's column, split if there are such folders, image
    notes: tuple[str, ...]


def name_of(columns: Sequence[str]) -> str:
    """The column that sub-folders fill: the one attribute that the user names, or `COLUMN`."""
    return columns[0] if len(columns) == 1 else COLUMN


def read(folder: Path, column: str, splits: Collection[str]) -> FolderSet | None:
    """Read the pictures in sub-folders.

    Args:
        folder: holds one sub-folder for each value, or one for each split that holds those.
        column: name of the attribute.
        splits: names of sub-folders that are splits, in lower case.

    Returns:
        None if no sub-folder holds a picture.
    """
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    inside = [p.relative_to(folder).parts for p in files]
    split_names = {*splits, *_UNSEEN} - {""}
    split_first = bool(inside) and all(
        len(p) > 2 and p[0].casefold() in split_names for p in inside
    )
    depth = 1 if split_first else 0
    used = [(f, p) for f, p in zip(files, inside, strict=True) if len(p) > depth + 1]
    if not used:
        return None
    values = [p[depth] for _, p in used]
    rows = {
        "id": ["/".join(p).rsplit(".", 1)[0] for _, p in used],
        column: values,
        **({"split": [p[0] for _, p in used]} if split_first else {}),
        "image": pa.array([f.read_bytes() for f, _ in used], pa.binary()),
    }
    return FolderSet(pa.table(rows), tuple(_notes(used, column, split_first, len(files))))


def _notes(
    used: Sequence[tuple[Path, tuple[str, ...]]], column: str, split_first: bool, number: int
) -> list[str]:
    values = sorted({p[1 if split_first else 0] for _, p in used})
    notes = [f"sub-folders are read as the values of {column!r}: {', '.join(values)}"]
    if split_first:
        notes.append(f"folders above them are splits: {', '.join(sorted({p[0] for _, p in used}))}")
    if deeper := sum(len(p) > (3 if split_first else 2) for _, p in used):
        notes.append(f"{deeper} pictures lie deeper; folders below a value's mean nothing")
    if beside := number - len(used):
        notes.append(f"{beside} pictures beside the sub-folders have no value and are left out")
    return notes
