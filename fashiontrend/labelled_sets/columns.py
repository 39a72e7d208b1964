"""Which columns of a labelled table are attributes, and the taxonomy that they imply."""

import hashlib
import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from fashiontrend.errors import DataError
from fashiontrend.taxonomy import NOT_VISIBLE, Attribute, Taxonomy, Value

log = logging.getLogger(__name__)

#: Unknown values that a warning names.
NAMED = 5
#: Columns with a meaning of their own; never guessed to be attributes.
RESERVED = frozenset(
    [
        *(
            "id",
            "split",
            "title",
            "description",
            "year",
            "platform",
            "product_id",
            "brand",
            "price",
        ),
        *("image", "image_path", "file", "filename", "path", "url", "source", "picture_id"),
        *("width", "height", "x0", "y0", "x1", "y1", "area", "offset", "background"),
    ]
)
#: Columns that tell of a listing in words.
TEXTS = ("title", "description", "brand", "year")
#: A guessed column has at most so many values, and so many rows per value.
MAX_VALUES, ROWS_PER_VALUE = 100, 5
EMPTY = frozenset({"", "nan", "none", "null", "na", "n/a"})
#: English words that have no singular.
PLURAL_ONLY = frozenset(
    {"shorts", "jeans", "trousers", "pants", "tights", "leggings", "glasses", "sunglasses"}
)


def guess_columns(rows: pa.Table) -> tuple[str, ...]:
    """The categorical text columns: few values, each several times, no reserved name.

    Raises:
        DataError: there is none.
    """
    found = []
    for field in rows.schema:
        text = (
            pa.types.is_string(field.type)
            or pa.types.is_large_string(field.type)
            or pa.types.is_dictionary(field.type)
        )
        if not text or field.name.casefold() in RESERVED:
            continue
        cells = [c for c in map(clean, rows[field.name].to_pylist()) if c]
        kinds = len(set(cells))
        if 2 <= kinds <= MAX_VALUES and kinds * ROWS_PER_VALUE <= len(cells):
            found.append(field.name)
    if not found:
        raise DataError(
            f"no column looks like an attribute; seen {', '.join(rows.column_names)}. Name them "
            "with --attributes."
        )
    return tuple(found)


def texts(rows: pa.Table) -> list[str]:
    """What `TEXTS` say of each row, together; empty where the table has none of them."""
    told = [map(clean, rows[c].to_pylist()) for c in TEXTS if c in rows.column_names]
    return [" ".join(filter(None, cells)) for cells in zip(*told, strict=True)] or [""] * len(rows)


def derive_taxonomy(rows: pa.Table, columns: Sequence[str], name: str) -> Taxonomy:
    """A taxonomy whose attributes are the columns, and whose values stand in order of frequency.

    Ids are slugs; the names in the set are kept as `en` and, being all there is, as `zh`. The
    singular of a plural name becomes a synonym. The version holds a digest of the values.

    Raises:
        DataError: a column is missing or empty, or is named twice.
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
    cells = Counter(c for c in map(clean, rows[column].to_pylist()) if c)
    ordered = sorted(cells, key=lambda c: (-cells[c], c))
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


def slug(name: str) -> str:
    """A stable id: lower-case ASCII with underscores; a digest where no such letter is in it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    text = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    if not text:
        return f"v_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return text if text[0].isalpha() else f"v_{text}"


def _synonyms(name: str) -> tuple[str, ...]:
    word = name.casefold()
    if word.endswith("ss") or not word.endswith("s") or word in PLURAL_ONLY or len(word) < 4:
        return ()
    short = re.sub(r"(?<=s|x|h)es$|s$", "", word)
    return () if short.split(" ")[-1] in PLURAL_ONLY else (short,)


def clean(cell: object) -> str:
    """A cell as text; empty where it states nothing."""
    text = "" if cell is None else str(cell).strip()
    return "" if text.casefold() in EMPTY else text


def check_images(source: object, kind: pa.DataType) -> None:
    """Refuse a column `image` that cannot hold pictures: bytes, or {bytes, path} of some tools.

    Raises:
        DataError: names the source and the column's type.
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
    """A column's cells (names or ids) as value ids of an attribute; None where unlabelled.

    A cell that names no value of the attribute labels nothing; a warning counts such cells.
    """
    ids = {v.id: v.id for v in attribute.values} | {v.en: v.id for v in attribute.values}
    cells = [clean(c) for c in rows[column].to_pylist()]
    found = [NOT_VISIBLE if slug(c) == NOT_VISIBLE else ids.get(c) if c else None for c in cells]
    outside = Counter(c for c, v in zip(cells, found, strict=True) if c and v is None)
    if outside:
        log.warning(
            "column %r: %d cells count as unlabelled, they hold no value of %s: %s",
            column, outside.total(), attribute.id,
            ", ".join(f"{c} ({n})" for c, n in outside.most_common(NAMED)),
        )  # fmt: skip
    return found
