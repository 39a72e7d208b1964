"""Read an annotator's CSV as ANNOTATION rows."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn, TypeAlias

import pyarrow as pa

from fashiontrend.errors import DataError
from fashiontrend.labels import text_tables
from fashiontrend.labels.notes import Note, Notes
from fashiontrend.labels.split import TRAIN, VAL, split_of
from fashiontrend.labels.successors import Successors
from fashiontrend.labels.value_names import ValueNames
from fashiontrend.storage import schemas
from fashiontrend.taxonomy import NOT_VISIBLE, Taxonomy

#: Columns of the garment's box, in pixels of the upright picture.
CORNER_COLUMNS = ("x0", "y0", "x1", "y1")
KEY_COLUMNS = ("platform", "product_id", "split", "picture_id")
#: Columns that an export of this program adds: who labelled, and which taxonomy the values are of.
EXPORT_COLUMNS = ("annotator", "taxonomy", "why", "address")
#: x0, y0, x1, y1 as fractions of the picture, origin at the top left.
Box: TypeAlias = list[float]


@dataclass(frozen=True)
class ReadAnnotations:
    """The annotations of one file, and what in the file could not be used."""

    table: pa.Table  # ANNOTATION rows
    missing: tuple[str, ...]  # product keys or picture ids that the catalogue does not hold
    ignored_columns: tuple[str, ...]  # columns that are no attribute of the taxonomy
    disagreements: int  # labels that were left out because two rows contradict each other
    notes: tuple[Note, ...] = ()  # what was left out or understood otherwise than written
    annotations: tuple["Annotation", ...] = ()  # each annotator's own, before they were merged


@dataclass(frozen=True)
class Annotation:
    """One annotator's labels of one picture, checked."""

    picture_id: str
    product_key: str
    split: str
    labels: Mapping[str, str]  # attribute -> value id or `not_visible`
    box: Box | None
    annotator: str = ""  # "" if nobody is named


@dataclass(frozen=True)
class IndexedPicture:
    """What annotations need of a picture of the catalogue."""

    picture_id: str
    product_key: str
    width: int  # pixels
    height: int


@dataclass(frozen=True)
class PictureIndex:
    """The catalogue's pictures by picture id, and the first picture of each product."""

    by_id: Mapping[str, IndexedPicture]
    first_of_product: Mapping[str, str]  # product key -> picture id

    def find(self, picture_id: str, product_key: str) -> IndexedPicture | None:
        """Return the picture with this id, or the product's first one if the id is empty."""
        return self.by_id.get(picture_id or self.first_of_product.get(product_key, ""))


def index_pictures(pictures: pa.Table) -> PictureIndex:
    """Index PICTURE rows; the column `image` is not needed."""
    columns = ["picture_id", "platform", "product_id", "position", "day", "width", "height"]
    rows = sorted(
        pictures.select(columns).to_pylist(),
        key=lambda row: (row["position"] or 0, str(row["day"]), row["picture_id"]),
    )
    indexed = [
        IndexedPicture(
            row["picture_id"], f"{row['platform']}/{row['product_id']}", row["width"], row["height"]
        )
        for row in rows
    ]
    first: dict[str, str] = {}
    for picture in indexed:
        first.setdefault(picture.product_key, picture.picture_id)
    return PictureIndex({picture.picture_id: picture for picture in indexed}, first)


def read_csv(text: str, source: str, taxonomy: Taxonomy, pictures: pa.Table) -> ReadAnnotations:
    """Read an annotator's table.

    Args:
        text: CSV with the columns platform and product_id (or picture_id), split (`train`, `val`
            or empty: then a hash of the product decides), one column per attribute with value
            ids (empty means unlabelled, `not_visible` is allowed), and optionally x0, y0, x1, y1
            in pixels.
        source: name of the table in errors.
        taxonomy: attributes and values; other columns are ignored and reported.
        pictures: PICTURE rows of the catalogue.

    Raises:
        DataError: a value is unknown, a column looks like a misspelt attribute, or a box is
            wrong. The message names row, column, what was seen and the nearest right name.
    """
    cells_of = text_tables.with_decimal_points(text_tables.read(text, source), CORNER_COLUMNS)
    ignored = _check_columns(cells_of.columns, source, taxonomy)
    notes, names, successors = Notes(), ValueNames(taxonomy), Successors(taxonomy)
    for note in cells_of.notes:
        notes.add(note, source)
    index, found, missing = index_pictures(pictures), [], []
    for line, cells in zip(cells_of.lines, cells_of.rows, strict=True):
        place = f"{source}: row {line}"
        key = f"{cells.get('platform', '')}/{cells.get('product_id', '')}"
        picture = index.find(cells.get("picture_id", ""), key)
        labels = _read_labels(cells, place, taxonomy, names, successors, notes)
        split = _read_split(cells.get("split", ""), place)
        if picture is None:
            missing.append(cells.get("picture_id") or key)
            continue
        box = _read_box(cells, place, picture)
        found.append(make_annotation(picture, split, labels, box, cells.get("annotator", "")))
    return gather(found, missing, ignored, notes)


@dataclass
class AnnotationReader:
    """What the readers of all tools collect while they read a file part by part."""

    taxonomy: Taxonomy
    index: PictureIndex
    names: ValueNames
    found: list[Annotation] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)
    notes: Notes = field(default_factory=Notes)

    def gathered(self) -> ReadAnnotations:
        """Merge the annotations of the file, and hand on what of it could not be used."""
        return gather(self.found, self.missing, sorted(self.ignored), self.notes)


def gather(
    found: Sequence[Annotation], missing: Sequence[str], ignored: Iterable[str], notes: Notes
) -> ReadAnnotations:
    """Merge the annotations of a file, and hand on what of it could not be used."""
    table, disagreements = merge_annotations(found)
    return ReadAnnotations(
        table,
        tuple(dict.fromkeys(missing)),
        tuple(ignored),
        disagreements,
        notes.all(),
        tuple(found),
    )


def make_annotation(
    picture: IndexedPicture,
    split: str,
    labels: Mapping[str, str],
    box: Box | None,
    annotator: str = "",
) -> Annotation:
    """Return the annotation of a picture; without a split, a hash of its product decides."""
    key = picture.product_key
    return Annotation(picture.picture_id, key, split or split_of(key), labels, box, annotator)


def _check_columns(columns: Sequence[str], source: str, taxonomy: Taxonomy) -> tuple[str, ...]:
    if "picture_id" not in columns and not {"platform", "product_id"} <= set(columns):
        raise DataError(
            f"{source}: row 1: the columns are {', '.join(columns) or 'none'}; expected platform "
            "and product_id, or picture_id. Add them, so that each row can be matched to a picture."
        )
    known = (*KEY_COLUMNS, *CORNER_COLUMNS, *EXPORT_COLUMNS, *taxonomy.ids)
    others = [c for c in columns if c not in known]
    for name in others:
        near = difflib.get_close_matches(name.casefold(), taxonomy.ids, n=1, cutoff=0.8)
        if near and near[0] not in columns:
            raise DataError(
                f"{source}: row 1: column {name!r} is no attribute. Did you mean {near[0]!r}? "
                "Rename the column, or remove it."
            )
    return tuple(others)


def _read_labels(
    cells: Mapping[str, str],
    place: str,
    taxonomy: Taxonomy,
    names: ValueNames,
    successors: Successors,
    notes: Notes,
) -> dict[str, str]:
    """Read a row's values; those of another version of the taxonomy are left out if this one lacks them."""
    version = cells.get("taxonomy", "")
    if foreign := bool(version) and version != taxonomy.version:
        notes.add(other_version(version, taxonomy), place)
    stated: dict[str, str] = {}
    for attribute, cell in cells.items():
        if (now := successors.of(attribute, cell)) is not None:
            notes.add(f"{attribute} {cell} is read as {' '.join(now)}", place)
            stated.setdefault(*now)
    for attribute in (a for a in taxonomy.ids if cells.get(a)):
        cell = cells[attribute]
        if successors.of(attribute, cell) is not None:
            continue
        value = names.find(attribute, cell)
        if value is None:
            if foreign:
                notes.add(f"{attribute}: value {cell!r} is not in the taxonomy, left out", place)
                continue
            check_value(taxonomy, attribute, cell, f"{place}, column {attribute!r}")
        elif value != cell:
            notes.add(f"{attribute}: {cell!r} is read as {value!r}", place)
        stated[attribute] = value or cell
    return stated


@contextmanager
def damage_named(place: str) -> Iterator[None]:
    """Turn what a malformed part of a tool's file raises into an error that names the part.

    Raises:
        DataError: the part cannot be read.
    """
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{place}: cannot be read ({type(error).__name__}: {error}). Export the file again, or take this part "
            "out of it."
        ) from error


def other_version(version: str, taxonomy: Taxonomy) -> str:
    """The note on an export of another version of the taxonomy."""
    return f"exported with taxonomy {version!r}, read with {taxonomy.version!r}"


def check_value(taxonomy: Taxonomy, attribute: str, value: str, place: str) -> None:
    """Check that the attribute has a value.

    Raises:
        DataError: it does not; the message names place, value and the nearest right one.
    """
    known = (*taxonomy.attribute(attribute).value_ids, NOT_VISIBLE)
    if value in known:
        return
    near = difflib.get_close_matches(value.casefold(), known, n=1, cutoff=0.0)
    raise DataError(
        f"{place}: {value!r} is no value of {attribute!r}. Nearest: {near[0]!r}; all: "
        f"{', '.join(known)}. Correct the cell."
    )


def _read_split(cell: str, place: str) -> str:
    if cell not in ("", TRAIN, VAL):
        raise DataError(
            f"{place}, column 'split': seen {cell!r}, expected train, val or nothing. Correct "
            "the cell."
        )
    return cell


def _read_box(cells: Mapping[str, str], place: str, picture: IndexedPicture) -> Box | None:
    corners = [cells.get(c, "") for c in CORNER_COLUMNS]
    if not any(corners):
        return None
    try:
        pixels = [float(c) for c in corners]
    except ValueError:
        _refuse_box(place, corners, "expected four numbers of pixels, or four empty cells")
    return to_fractions(pixels, (picture.width, picture.height), place)


def to_fractions(pixels: Sequence[float], sides: Sequence[float], place: str) -> Box:
    """Return a box in pixels as fractions of the picture; up to one pixel outside is cut off.

    Raises:
        DataError: the box has no area or lies further outside.
    """
    x0, y0, x1, y1 = pixels
    width, height = sides
    if not (-1 <= x0 < x1 <= width + 1 and -1 <= y0 < y1 <= height + 1):
        _refuse_box(place, pixels, f"expected 0 <= x0 < x1 <= {width} and 0 <= y0 < y1 <= {height}")
    return [min(max(v / s, 0.0), 1.0) for v, s in zip(pixels, (width, height) * 2, strict=True)]


def _refuse_box(place: str, seen: Sequence[object], expected: str) -> NoReturn:
    shown = ", ".join(str(s) for s in seen)
    raise DataError(f"{place}, columns x0..y1: seen {shown}; {expected}. Correct the box.")


def merge_annotations(annotations: Iterable[Annotation]) -> tuple[pa.Table, int]:
    """Merge the annotations of each picture into one ANNOTATION row.

    If several annotations of a picture contradict each other in a label, the label is left out
    and counted. The first box is taken, and `val` wins over `train`.

    Returns:
        The rows, and the number of labels that were left out.
    """
    grouped: dict[str, list[Annotation]] = {}
    for annotation in annotations:
        grouped.setdefault(annotation.picture_id, []).append(annotation)
    rows, disagreements = [], 0
    for picture_id, several in grouped.items():
        values: dict[str, set[str]] = {}
        for annotation in several:
            for attribute, value in annotation.labels.items():
                values.setdefault(attribute, set()).add(value)
        disagreements += sum(len(stated) > 1 for stated in values.values())
        rows.append(
            {
                "picture_id": picture_id,
                "product_key": several[0].product_key,
                "split": VAL if any(a.split == VAL for a in several) else TRAIN,
                "labels": [(a, min(v)) for a, v in values.items() if len(v) == 1],
                "box": next((a.box for a in several if a.box), None),
                "image": None,
            }
        )
    return pa.Table.from_pylist(rows, schemas.ANNOTATION), disagreements
