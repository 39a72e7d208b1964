"""Find the attribute columns of a labelled table, and derive a taxonomy from them."""

import hashlib
import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from fashiontrend.errors import DataError
from fashiontrend.labelled_sets.folders import COLUMN
from fashiontrend.labels.value_names import fold
from fashiontrend.taxonomy import NOT_VISIBLE, Attribute, Taxonomy, Value

log = logging.getLogger(__name__)

#: At most this many unknown values are named in a warning.
MAX_NAMED = 5
#: Columns with another meaning, which are never guessed to be attributes.
RESERVED_COLUMNS = frozenset(
    [
        *("id", "split", "title", "description", "year", "platform", "product_id"),
        *("brand", "price"),
        *("image", "image_path", "file", "filename", "path", "url", "source", "picture_id"),
        *("width", "height", "x0", "y0", "x1", "y1", "area", "offset", "background"),
    ]
)
#: Columns with the text of a listing.
TEXT_COLUMNS = ("title", "description", "brand", "year")
#: A guessed column has at most `MAX_VALUES` values, and at least `ROWS_PER_VALUE` rows per value.
MAX_VALUES, ROWS_PER_VALUE = 100, 5
EMPTY_CELLS = frozenset({"", "nan", "none", "null", "na", "n/a"})
#: English words that have no singular.
PLURAL_ONLY = frozenset(
    {"shorts", "jeans", "trousers", "pants", "tights", "leggings", "glasses", "sunglasses"}
)


def guess_columns(rows: pa.Table) -> tuple[str, ...]:
    """Return the categorical text columns: few values, many rows per value, no reserved name.

    The names of sub-folders are values in any case.

    Raises:
        DataError: no column is categorical.
    """
    found = []
    for field in rows.schema:
        text = (
            pa.types.is_string(field.type)
            or pa.types.is_large_string(field.type)
            or pa.types.is_dictionary(field.type)
        )
        if not text or field.name.casefold() in RESERVED_COLUMNS:
            continue
        cells = [c for c in map(clean, rows[field.name].to_pylist()) if c]
        kinds = len(set(cells))
        few = 2 <= kinds <= MAX_VALUES and kinds * ROWS_PER_VALUE <= len(cells)
        if few or field.name == COLUMN:
            found.append(field.name)
    if not found:
        raise DataError(
            f"no column looks like an attribute; seen {', '.join(rows.column_names)}. Name them "
            "with --attributes."
        )
    return tuple(found)


def listing_texts(rows: pa.Table) -> list[str]:
    """Return the cells of `TEXT_COLUMNS` of each row as one text, "" without such columns."""
    columns = [map(clean, rows[c].to_pylist()) for c in TEXT_COLUMNS if c in rows.column_names]
    return [" ".join(filter(None, cells)) for cells in zip(*columns, strict=True)] or [""] * len(
        rows
    )


def derive_taxonomy(rows: pa.Table, columns: Sequence[str], name: str) -> Taxonomy:
    """Derive a taxonomy whose attributes are the columns, with values in order of frequency.

    Ids are slugs. The names in the set become `en` and also `zh`, because there are no others. The
    singular of a plural name becomes a synonym. The version holds a digest of the attributes.

    Raises:
        DataError: a column is missing, empty or named twice.
    """
    absent = [c for c in columns if c not in rows.column_names]
    if absent or len(set(columns)) < len(columns):
        raise DataError(
            f"columns {', '.join(absent or columns)}: not there or named twice; the set has "
            f"{', '.join(rows.column_names)}. Correct --attributes."
        )
    attributes = tuple(_derive_attribute(rows, c) for c in columns)
    digest = hashlib.sha256(repr(attributes).encode()).hexdigest()[:8]
    return Taxonomy(version=f"{name}-{digest}", attributes=attributes)


def _derive_attribute(rows: pa.Table, column: str) -> Attribute:
    found = spellings(rows, column)
    ordered = sorted(found, key=lambda c: (-sum(found[c].values()), c))
    names = [c for c in ordered if slug(c) != NOT_VISIBLE]
    if not names:
        raise DataError(f"column {column!r} is empty. Leave it out of --attributes.")
    ids: dict[str, str] = {}
    for cell in names:
        stem = candidate = slug(cell)
        number = 2
        while candidate in ids.values():
            candidate, number = f"{stem}_{number}", number + 1
        ids[cell] = candidate
    values = tuple(Value(id=ids[n], en=n, zh=n, synonyms=_synonyms(n)) for n in names)
    label = column.replace("_", " ")
    return Attribute(id=slug(column), en=label, zh=label, values=values)


def spellings(rows: pa.Table, column: str) -> dict[str, Counter[str]]:
    """Return the spellings of each value of a column with their numbers, by the most frequent one.

    `Red`, `red` and `RED ` are one value; spellings differ in case and spaces alone.
    """
    groups: dict[str, Counter[str]] = {}
    for cell in filter(None, map(clean, rows[column].to_pylist())):
        groups.setdefault(fold(cell), Counter())[cell] += 1
    return {min(g, key=lambda c: (-g[c], c)): g for g in groups.values()}


def slug(name: str) -> str:
    """Return a stable id: lower-case ASCII with underscores, or a digest if the name has no ASCII."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    text = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    if not text:
        return f"v_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return text if text[0].isalpha() else f"v_{text}"


def _synonyms(name: str) -> tuple[str, ...]:
    lower = name.casefold()
    if lower.endswith("ss") or not lower.endswith("s") or lower in PLURAL_ONLY or len(lower) < 4:
        return ()
    singular = re.sub(r"(?<=s|x|h)es$|s$", "", lower)
    return () if singular.split(" ")[-1] in PLURAL_ONLY else (singular,)


def clean(cell: object) -> str:
    """Return a cell as text, "" if it states nothing."""
    text = "" if cell is None else str(cell).strip()
    return "" if text.casefold() in EMPTY_CELLS else text


def check_images(source: object, kind: pa.DataType) -> None:
    """Check that a column `image` can hold pictures: bytes, or the {bytes, path} of some tools.

    Raises:
        DataError: it cannot; the message names the source and the column's type.
    """
    struct = pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0
    inner = kind.field("bytes").type if struct else kind
    plain = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_null)
    if not any(fits(inner) for fits in plain):
        raise DataError(
            f"{source}: column 'image' is of type {kind}, expected the pictures' bytes. Name the "
            "picture files themselves, or store their bytes."
        )


def value_ids(rows: pa.Table, column: str, attribute: Attribute) -> list[str | None]:
    """Return a column's cells (names or ids) as value ids of an attribute, None if unlabelled.

    A cell that names no value of the attribute is unlabelled; a warning counts such cells.
    """
    ids = {v.id: v.id for v in attribute.values} | {fold(v.en): v.id for v in attribute.values}
    cells = [clean(c) for c in rows[column].to_pylist()]
    found = [
        NOT_VISIBLE if slug(c) == NOT_VISIBLE else ids.get(fold(c), ids.get(c)) if c else None
        for c in cells
    ]
    outside = Counter(c for c, v in zip(cells, found, strict=True) if c and v is None)
    if outside:
        log.warning(
            "column %r: %d cells count as unlabelled, they hold no value of %s: %s",
            column, outside.total(), attribute.id,
            ", ".join(f"{c} ({n})" for c, n in outside.most_common(MAX_NAMED)),
        )  # fmt: skip
    return found
