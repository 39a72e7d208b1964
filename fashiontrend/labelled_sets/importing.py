"""Read labelled sets made by others, and derive their taxonomy (`fashiontrend import`).

A set is one of: Parquet files with the columns id, split, title, attribute columns and image; a
folder with one CSV and picture files; a folder with one CSV, and Parquet files that hold the
pictures by id; a folder whose sub-folders are values (`folders`). Columns x0, y0, x1, y1 (pixels)
become boxes.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fashiontrend import delimited
from fashiontrend import images as pictures
from fashiontrend.config import IngestConfig, digest
from fashiontrend.errors import DataError, PictureError
from fashiontrend.labelled_sets import columns as tables
from fashiontrend.labelled_sets import folders
from fashiontrend.labelled_sets.folders import SUFFIXES
from fashiontrend.labels import text_tables
from fashiontrend.storage import schemas
from fashiontrend.taxonomy import Taxonomy

log = logging.getLogger(__name__)
#: Columns that may name the picture file of a row, the first one first.
FILE_COLUMNS = ("image_path", "image", "file", "filename", "path")
CORNERS = ["x0", "y0", "x1", "y1"]
#: Key of a table's metadata for the notes on how its file was understood.
_NOTES = b"fashiontrend.notes"
#: Names of splits in labelled sets -> our split. Rows of any other split, such as test, query or gallery,
#: are left out: whoever named it meant it to stay unseen.
SPLIT_NAMES = {
    **dict.fromkeys(("", "train", "training", "trn", "extra"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
}


@dataclass(frozen=True)
class ImportFacts:
    """What a set's manifest says of its import."""

    rows: int  # all rows of the set
    splits: Mapping[str, int]  # split -> pictures
    columns: Sequence[str]  # attribute columns
    rejected: Mapping[str, int]  # reason -> rows
    duplicates: int  # rows whose picture another row has
    thin_values: Mapping[str, int]  # attribute.value with few training pictures -> their number
    spellings: Mapping[str, Sequence[str]]  # attribute.value -> its spellings, if there are several
    notes: Sequence[str] = ()  # how the form of the files was understood

    def to_json(self) -> dict[str, object]:
        """Return the facts as a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class ImportedSet:
    """A labelled set as annotations, with the taxonomy of its columns."""

    taxonomy: Taxonomy
    annotations: pa.Table  # ANNOTATION rows with the pictures' bytes
    facts: ImportFacts


def import_set(
    sources: Sequence[Path],
    name: str,
    columns: Sequence[str] = (),
    limits: IngestConfig | None = None,
    min_examples: int = 20,
) -> ImportedSet:
    """Read a labelled set.

    Args:
        sources: Parquet files, or one folder.
        name: name of the set; product keys are `name/id`, and the taxonomy's version is
            `name-<digest>`.
        columns: the attribute columns; they are guessed if none are given.
        limits: limits of size and format; pictures beyond them are left out and counted.
        min_examples: values with fewer training pictures are kept and reported as thin.

    Raises:
        DataError: nothing can be read, a column is missing, or no column is an attribute.
    """
    rows = read_rows(sources, folders.name_of(columns))
    chosen = tuple(columns) or tables.guess_columns(rows)
    taxonomy = tables.derive_taxonomy(rows, chosen, name)
    annotations, rejected, duplicates = _annotate(
        rows, chosen, taxonomy, name, limits or IngestConfig()
    )
    facts = ImportFacts(
        rows=rows.num_rows,
        splits=dict(Counter(annotations["split"].to_pylist())),
        columns=list(chosen),
        rejected=rejected,
        duplicates=duplicates,
        thin_values=_thin_values(annotations, taxonomy, min_examples),
        spellings=_spellings(rows, chosen, taxonomy),
        notes=read_notes(rows),
    )
    return ImportedSet(taxonomy, annotations, facts)


def read_rows(sources: Sequence[Path], folder_column: str = folders.COLUMN) -> pa.Table:
    """Read all rows of a set, with `id` as text and `image` as bytes; other columns unchanged.

    Args:
        sources: Parquet files, or one folder.
        folder_column: column for the names of sub-folders, if those are the values.

    Raises:
        DataError: a path does not exist or is no set.
    """
    missing = [str(p) for p in sources if not p.exists()]
    if missing or not sources:
        raise DataError(
            f"{', '.join(missing) or 'no source'}: not found. Name Parquet files, or one folder "
            "with a CSV."
        )
    named = [p for p in sources if p.is_dir()]
    if named and len(sources) > 1:
        raise DataError(
            f"{named[0]} is a folder beside other sources. Name one folder, or Parquet files."
        )
    table = _read_folder(named[0], folder_column) if named else _read_parquet(sorted(sources))
    for column in ("id", "image"):
        if column not in table.column_names:
            raise DataError(
                f"{sources[0]}: no column {column!r}, seen {', '.join(table.column_names)}. Add "
                "or rename it."
            )
    tables.check_images(sources[0], table.schema.field("image").type)
    if table.num_rows == 0:
        raise DataError(f"{sources[0]}: no rows. Name a set that holds something.")
    place = table.column_names.index("id")
    return table.set_column(place, "id", table["id"].cast(pa.string()))


def digest_content(annotations: pa.Table) -> str:
    """Return a hash of ANNOTATION rows that ignores their order; ids stand for the pictures' bytes."""
    rows = annotations.select([n for n in annotations.column_names if n != "image"]).to_pylist()
    return digest(sorted(({**row, "labels": sorted(row["labels"] or ())} for row in rows), key=str))


def _read_parquet(files: Sequence[Path]) -> pa.Table:
    try:
        # Read one by one, because a dataset of files could add a partition column from the folder's name.
        return pa.concat_tables(
            [pq.ParquetFile(f).read() for f in files], promote_options="permissive"
        )
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        reason = str(error).rstrip(".")
        raise DataError(
            f"{', '.join(map(str, files))}: {reason}. All must be Parquet with the same columns."
        ) from None


def read_notes(rows: pa.Table) -> tuple[str, ...]:
    """How the form of a set's files was understood, as `read_rows` noted it in the table's metadata."""
    text = (rows.schema.metadata or {}).get(_NOTES, b"").decode()
    return tuple(text.splitlines())


def _with_notes(table: pa.Table, notes: Sequence[str], source: Path) -> pa.Table:
    """Note in a table how its file was understood, and report it."""
    for note in notes:
        log.warning("%s: %s", source, note)
    return table.replace_schema_metadata({_NOTES: "\n".join(notes).encode()}) if notes else table


def _read_list(path: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read a CSV file as text cells, and how its form was understood."""
    text, notes = delimited.decode(path.read_bytes())
    table = text_tables.with_decimal_points(text_tables.read(text, str(path)), CORNERS)
    frame = pd.DataFrame(list(table.rows), columns=list(table.columns), dtype=str)
    return frame, (*notes, *table.notes)


def _read_folder(folder: Path, folder_column: str) -> pa.Table:
    lists = sorted(folder.glob("*.csv"))
    files = sorted(folder.glob("*.parquet"))
    if not lists and files:
        return _read_parquet(files)
    if not lists and (found := folders.read(folder, folder_column, SPLIT_NAMES)) is not None:
        return _with_notes(found.rows, found.notes, folder)
    if len(lists) != 1:
        raise DataError(
            f"{folder}: seen {len(lists)} CSV files ({', '.join(t.name for t in lists)}), "
            "expected one. Keep one there."
        )
    frame, notes = _read_list(lists[0])
    if "id" not in frame:
        raise DataError(
            f"{lists[0]}: no column 'id', seen {', '.join(frame.columns)}. Add or rename it."
        )
    if files:
        return _with_notes(_join_pictures(frame, _read_parquet(files)), notes, lists[0])
    images = [_read_picture(folder, dict(row)) for row in frame.to_dict("records")]
    text = pa.Table.from_pandas(frame.drop(columns="image", errors="ignore"), preserve_index=False)
    table = text.append_column("image", pa.array(images, pa.binary()))
    return _with_notes(table, notes, lists[0])


def _join_pictures(frame: pd.DataFrame, stored: pa.Table) -> pa.Table:
    ids = stored["id"].cast(pa.string()).to_pylist()
    row_of = {picture: n for n, picture in enumerate(ids)}
    rows = pa.array([row_of.get(i) for i in frame["id"]], pa.int64())
    text = pa.Table.from_pandas(frame.drop(columns="image", errors="ignore"), preserve_index=False)
    return text.append_column("image", stored["image"].take(rows))


def _read_picture(folder: Path, row: Mapping[Any, Any]) -> bytes | None:
    """Return the bytes of a row's picture, from the file that a column or else the id names."""
    named = next((str(row[c]) for c in FILE_COLUMNS if row.get(c)), None)
    names = [named] if named else [f"{row['id']}{s}" for s in SUFFIXES]
    for name in names:
        file = (folder / name).resolve()
        if not file.is_relative_to(folder.resolve()):
            raise DataError(
                f"{folder}: row {row['id']} names {name!r}, outside the folder. Keep pictures "
                "inside."
            )
        if file.is_file():
            return file.read_bytes()
    return None


def _annotate(
    rows: pa.Table, columns: Sequence[str], taxonomy: Taxonomy, name: str, limits: IngestConfig
) -> tuple[pa.Table, dict[str, int], int]:
    """Return ANNOTATION rows, rejected rows by reason, and the number of duplicates."""
    labels = {
        tables.slug(c): tables.value_ids(rows, c, taxonomy.attribute(tables.slug(c)))
        for c in columns
    }
    splits, stated_splits = _splits(rows), _stated_splits(rows)
    corners = read_corners(rows)
    found: dict[str, dict[str, object]] = {}
    counts: Counter[str] = Counter()
    for n, (key, data) in enumerate(zip(rows["id"].to_pylist(), rows["image"], strict=True)):
        if not splits[n]:
            counts[f"{stated_splits[n]}_left_out"] += 1
            continue
        try:
            seen = pictures.inspect(data.as_py() or b"", limits)
            box = None if corners is None else to_box(corners[n], (seen.width, seen.height))
        except PictureError as error:
            counts[error.reason] += 1
            continue
        stated = [(a, v) for a, cells in labels.items() if (v := cells[n])]
        row = {
            "picture_id": seen.picture_id,
            "product_key": f"{name}/{key}",
            "split": splits[n],
            "labels": stated,
            "box": box,
            "image": data.as_py(),
        }
        counts["duplicates"] += seen.picture_id in found
        if seen.picture_id not in found or splits[n] == "val":
            found[seen.picture_id] = row
    if not found:
        raise DataError(
            f"{name}: none of {rows.num_rows} rows has a usable picture ({dict(counts)}). Check "
            "the column `image`."
        )
    table = pa.Table.from_pylist(list(found.values()), schemas.ANNOTATION)
    duplicates = counts.pop("duplicates", 0)
    return table, dict(counts), duplicates


def _splits(rows: pa.Table) -> list[str]:
    """Return the split of each row, "" for rows that are left out; a hash of the id decides if none is stated."""
    if "split" in rows.column_names:
        return [SPLIT_NAMES.get(name, "") for name in _stated_splits(rows)]
    return _hashed_splits(rows)


def _hashed_splits(rows: pa.Table) -> list[str]:
    hashes = (hashlib.sha256(i.encode()).digest()[0] for i in rows["id"].to_pylist())
    return ["val" if h < 51 else "train" for h in hashes]


def with_split(rows: pa.Table) -> pa.Table:
    """Return the rows with a column `split`; a hash of the id decides if they have none, as in an import."""
    if "split" in rows.column_names:
        return rows
    log.warning("no split is named: one picture in five is evaluated on, by a hash of its id")
    return rows.append_column("split", pa.array(_hashed_splits(rows), pa.string()))


def _stated_splits(rows: pa.Table) -> list[str]:
    if "split" not in rows.column_names:
        return [""] * rows.num_rows
    return [str(s or "").strip().casefold() for s in rows["split"].to_pylist()]


def _spellings(rows: pa.Table, columns: Sequence[str], taxonomy: Taxonomy) -> dict[str, list[str]]:
    """Return the values whose cells are spelt in several ways, so that the report can say so."""
    found = {}
    for column in columns:
        attribute = taxonomy.attribute(tables.slug(column))
        ids = {value.en: value.id for value in attribute.values}
        for name, counts in tables.spellings(rows, column).items():
            if len(counts) > 1 and name in ids:
                found[f"{attribute.id}.{ids[name]}"] = sorted(counts)
    return found


def read_corners(rows: pa.Table) -> NDArray[np.float64] | None:
    """Return (N, 4) corners in pixels, NaN for rows without a box; None without such columns."""
    return read_numbers(rows, CORNERS) if set(CORNERS) <= set(rows.column_names) else None


def read_numbers(rows: pa.Table, columns: Sequence[str]) -> NDArray[np.float64]:
    """Return columns of numbers, possibly as text, as (N, columns); NaN for other cells."""
    cells = rows.select(list(columns)).to_pandas().apply(pd.to_numeric, errors="coerce")
    return np.asarray(cells.to_numpy(np.float64))


def to_box(corners: NDArray[np.float64], size: tuple[float, float]) -> list[float] | None:
    """Return corners x0, y0, x1, y1 in pixels as fractions of the picture; None if they are no box.

    Args:
        corners: (4,) pixels.
        size: width and height of the picture in pixels.
    """
    sides = np.array(size * 2, dtype=np.float64)
    x0, y0, x1, y1 = np.clip(corners / sides, 0.0, 1.0)
    return [float(v) for v in (x0, y0, x1, y1)] if x0 < x1 and y0 < y1 else None


def _thin_values(annotations: pa.Table, taxonomy: Taxonomy, min_examples: int) -> dict[str, int]:
    seen = Counter(
        pair
        for split, labels in zip(
            annotations["split"].to_pylist(), annotations["labels"].to_pylist(), strict=True
        )
        if split == "train"
        for pair in labels
    )
    pairs = ((a.id, v) for a in taxonomy.attributes for v in a.value_ids)
    return {f"{a}.{v}": seen[(a, v)] for a, v in pairs if seen[(a, v)] < min_examples}
