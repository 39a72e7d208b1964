"""What people said of pictures: an annotator's CSV to ANNOTATION rows."""

import csv
import difflib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import pyarrow as pa

from fashiontrend.errors import DataError
from fashiontrend.labels.split import TRAIN, VAL, split_of
from fashiontrend.storage import schemas
from fashiontrend.taxonomy import NOT_VISIBLE, Taxonomy

#: Corners of the garment's box, in pixels of the upright picture.
CORNERS = ("x0", "y0", "x1", "y1")
KEYS = ("platform", "product_id", "split", "picture_id")
Box: TypeAlias = list[float]


@dataclass(frozen=True)
class Annotated:
    """ANNOTATION rows, and what could not become one."""

    table: pa.Table
    missing: tuple[str, ...]  # product keys or picture ids that the catalogue does not hold
    ignored_columns: tuple[str, ...]  # columns that are no attribute of the taxonomy
    disagreements: int  # labels left out because two rows contradict each other


@dataclass(frozen=True)
class Answer:
    """One annotator's row, checked."""

    picture_id: str
    product_key: str
    split: str
    labels: Mapping[str, str]
    box: Box | None


@dataclass(frozen=True)
class Catalogue:
    """The catalogue's pictures by id and by product (the first picture of each)."""

    pictures: Mapping[str, Mapping[str, Any]]
    first: Mapping[str, str]

    def find(self, picture_id: str, product_key: str) -> Mapping[str, Any] | None:
        """The picture with this id, or the product's first one."""
        return self.pictures.get(picture_id or self.first.get(product_key, ""))


def index_pictures(pictures: pa.Table) -> Catalogue:
    """Index PICTURE rows (the column `image` is not needed)."""
    columns = ["picture_id", "platform", "product_id", "position", "day", "width", "height"]
    rows = sorted(pictures.select(columns).to_pylist(), key=_order)
    first: dict[str, str] = {}
    for row in rows:
        first.setdefault(f"{row['platform']}/{row['product_id']}", row["picture_id"])
    return Catalogue({r["picture_id"]: r for r in rows}, first)


def _order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (row["position"] or 0, str(row["day"]), row["picture_id"])


def read_csv(text: str, source: str, taxonomy: Taxonomy, pictures: pa.Table) -> Annotated:
    """Read an annotator's table.

    Args:
        text: columns platform, product_id (or picture_id), split (`train`, `val` or empty: then a
            hash of the product decides), one column per attribute with value ids (empty =
            unlabelled, `not_visible` allowed) and optionally x0, y0, x1, y1 in pixels.
        source: names the table in errors.
        taxonomy: attributes and values; other columns are ignored and reported.
        pictures: PICTURE rows of the catalogue.

    Raises:
        DataError: unknown value, column that looks like a misspelt attribute, or a bad box; with
            row, column, what was seen and the nearest right name.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    columns = [c for c in reader.fieldnames or () if c]
    ignored = _check_columns(columns, source, taxonomy)
    catalogue, answers, missing = index_pictures(pictures), [], []
    for row in reader:
        place = f"{source}: row {reader.line_num}"
        cells = {
            k: (v or "").strip()
            for k, v in row.items()
            if isinstance(k, str) and not isinstance(v, list)
        }
        key = f"{cells.get('platform', '')}/{cells.get('product_id', '')}"
        picture = catalogue.find(cells.get("picture_id", ""), key)
        labels = _read_labels(cells, place, taxonomy)
        split = _read_split(cells.get("split", ""), place)
        if picture is None:
            missing.append(cells.get("picture_id") or key)
            continue
        answers.append(_answer(picture, split, labels, _read_box(cells, place, picture)))
    table, disagreements = collect(answers)
    return Annotated(table, tuple(dict.fromkeys(missing)), ignored, disagreements)


def _answer(
    picture: Mapping[str, Any], split: str, labels: Mapping[str, str], box: Box | None
) -> Answer:
    key = f"{picture['platform']}/{picture['product_id']}"
    return Answer(picture["picture_id"], key, split or split_of(key), labels, box)


def _check_columns(columns: Sequence[str], source: str, taxonomy: Taxonomy) -> tuple[str, ...]:
    if "picture_id" not in columns and not {"platform", "product_id"} <= set(columns):
        raise DataError(
            f"{source}: row 1: the columns are {', '.join(columns) or 'none'}; expected platform "
            "and "
            "product_id, or picture_id. Add them, so that each row can be matched to a picture."
        )
    others = [c for c in columns if c not in (*KEYS, *CORNERS, *taxonomy.ids)]
    for name in others:
        near = difflib.get_close_matches(name.casefold(), taxonomy.ids, n=1, cutoff=0.8)
        if near and near[0] not in columns:
            raise DataError(
                f"{source}: row 1: column {name!r} is no attribute. Did you mean {near[0]!r}? "
                "Rename the column, or remove it."
            )
    return tuple(others)


def _read_labels(cells: Mapping[str, str], place: str, taxonomy: Taxonomy) -> dict[str, str]:
    stated = {a: cells[a] for a in taxonomy.ids if cells.get(a)}
    for attribute, value in stated.items():
        check_value(taxonomy, attribute, value, f"{place}, column {attribute!r}")
    return stated


def check_value(taxonomy: Taxonomy, attribute: str, value: str, place: str) -> None:
    """Refuse a value that the attribute does not have.

    Raises:
        DataError: names place, value and the nearest right one.
    """
    known = (*taxonomy.attribute(attribute).value_ids, NOT_VISIBLE)
    if value in known:
        return
    near = difflib.get_close_matches(value.casefold(), known, n=1, cutoff=0.0)
    raise DataError(
        f"{place}: {value!r} is no value of {attribute!r}. Nearest: {near[0]!r}; all: "
        f"{', '.join(known)}. "
        "Correct the cell."
    )


def _read_split(cell: str, place: str) -> str:
    if cell not in ("", TRAIN, VAL):
        raise DataError(
            f"{place}, column 'split': seen {cell!r}, expected train, val or nothing. Correct "
            "the cell."
        )
    return cell


def _read_box(cells: Mapping[str, str], place: str, picture: Mapping[str, Any]) -> Box | None:
    corners = [cells.get(c, "") for c in CORNERS]
    if not any(corners):
        return None
    try:
        pixels = [float(c) for c in corners]
    except ValueError:
        _refuse_box(place, corners, "expected four numbers of pixels, or four empty cells")
    sides = (picture["width"], picture["height"])
    return fractions(pixels, sides, place)


def fractions(pixels: Sequence[float], sides: Sequence[float], place: str) -> Box:
    """A box in pixels as fractions of the picture; up to a pixel outside is cut off.

    Raises:
        DataError: no area, or further outside.
    """
    x0, y0, x1, y1 = pixels
    width, height = sides
    if not (-1 <= x0 < x1 <= width + 1 and -1 <= y0 < y1 <= height + 1):
        _refuse_box(place, pixels, f"expected 0 <= x0 < x1 <= {width} and 0 <= y0 < y1 <= {height}")
    return [min(max(v / s, 0.0), 1.0) for v, s in zip(pixels, (width, height) * 2, strict=True)]


def _refuse_box(place: str, seen: Sequence[object], expected: str) -> NoReturn:
    shown = ", ".join(str(s) for s in seen)
    raise DataError(f"{place}, columns x0..y1: seen {shown}; {expected}. Correct the box.")


def collect(answers: Iterable[Answer]) -> tuple[pa.Table, int]:
    """One ANNOTATION row per picture.

    Where several rows speak of a picture, a label that they contradict each other in is left out
    and counted, the first box holds, and `val` wins over `train`.
    """
    grouped: dict[str, list[Answer]] = {}
    for answer in answers:
        grouped.setdefault(answer.picture_id, []).append(answer)
    rows, disagreements = [], 0
    for picture_id, several in grouped.items():
        said: dict[str, set[str]] = {}
        for answer in several:
            for attribute, value in answer.labels.items():
                said.setdefault(attribute, set()).add(value)
        disagreements += sum(len(values) > 1 for values in said.values())
        rows.append(
            {
                "picture_id": picture_id,
                "product_key": several[0].product_key,
                "split": VAL if any(a.split == VAL for a in several) else TRAIN,
                "labels": [(a, min(v)) for a, v in said.items() if len(v) == 1],
                "box": next((a.box for a in several if a.box), None),
                "image": None,
            }
        )
    return pa.Table.from_pylist(rows, schemas.ANNOTATION), disagreements
