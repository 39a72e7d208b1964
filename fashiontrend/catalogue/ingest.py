"""The checks of ingest: which pictures are new and usable, and which listings are complete.

Ray Data calls these functions; they read and write nothing themselves. Everything that is left
out becomes a REJECT row with a countable reason.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from fashiontrend import images as pictures
from fashiontrend.config import IngestConfig
from fashiontrend.errors import PictureError
from fashiontrend.storage import schemas

Batch: TypeAlias = dict[str, NDArray[Any]]

#: A picture to fetch and check; `url` goes into its REJECT row if it fails.
NEW_PICTURE = pa.schema(
    [
        *(
            schemas.PICTURE.field(n)
            for n in ("picture_id", "platform", "product_id", "day", "position")
        ),
        ("url", pa.string()),
    ]
)
#: A listing without one of these is rejected; other missing fields only lower the day's health.
REQUIRED = ("platform", "day", "product_id", "title")


def new_pictures(listings: pa.Table, known: Collection[str]) -> pa.Table:
    """Find the pictures of a day's listings that no earlier day holds.

    Args:
        listings: LISTING rows. Pictures without an id were never fetched and are left out here;
            `missing_pictures` rejects them.
        known: ids of the pictures that the catalogue holds.

    Returns:
        NEW_PICTURE rows, each picture once, with the product that shows it first.
    """
    frame = _explode(listings)
    frame = frame[frame["picture_id"].notna() & ~frame["picture_id"].isin(list(known))]
    frame = frame.sort_values(["position", "product_id"], kind="stable")
    return _table(frame.drop_duplicates("picture_id"), NEW_PICTURE)


def missing_pictures(listings: pa.Table) -> pa.Table:
    """Return REJECT rows (`not_fetched`) for the pictures that the crawler could not fetch."""
    frame = _explode(listings)
    frame = frame[frame["picture_id"].isna()]
    frame = frame.assign(reason="not_fetched", detail="the crawler has no bytes for this address")
    return _table(frame, schemas.REJECT)


def check_pictures(
    wanted: pa.Table, images: Sequence[bytes | None], limits: IngestConfig
) -> tuple[pa.Table, pa.Table]:
    """Inspect fetched bytes.

    Args:
        wanted: NEW_PICTURE rows.
        images: their bytes in the same order, None for a picture without bytes.
        limits: limits of size and format.

    Returns:
        PICTURE rows of the good pictures and REJECT rows of the others. Reasons are those of
        `images.inspect`, `missing` (no bytes) and `digest` (the bytes do not match the id).
    """
    batch = {
        name: _column(wanted, name) for name in NEW_PICTURE.names if name in wanted.column_names
    }
    batch["image"] = np.array([*images, None], dtype=object)[:-1]
    frame = pd.DataFrame(check_batch(batch, limits) if len(images) else {})
    if frame.empty:
        return schemas.PICTURE.empty_table(), schemas.REJECT.empty_table()
    good = frame["reason"].isna()
    return _table(frame[good], schemas.PICTURE), _table(frame[~good], schemas.REJECT)


def check_batch(batch: Batch, limits: IngestConfig) -> Batch:
    """Inspect a batch of pictures, in the form that `Dataset.map_batches` requires.

    Args:
        batch: columns picture_id, platform, product_id, day, position, image (bytes or None),
            and any others, which are passed on.
        limits: limits of size and format.

    Returns:
        The batch with width, height, format, reason and detail; the last two are None for good
        pictures, the first three for the others.
    """
    checks = [
        _check(i, b, limits) for i, b in zip(batch["picture_id"], batch["image"], strict=True)
    ]
    out = dict(batch)
    for name in PictureCheck._fields:
        out[name] = np.array([*(getattr(c, name) for c in checks), None], dtype=object)[:-1]
    return out


class PictureCheck(NamedTuple):
    """The result of one check; a good picture has a size and a format, a bad one a reason."""

    width: int | None = None
    height: int | None = None
    format: str | None = None
    reason: str | None = None
    detail: str | None = None


def _check(picture_id: str, data: bytes | None, limits: IngestConfig) -> PictureCheck:
    if data is None:
        return PictureCheck(reason="missing", detail="the store has no bytes under this id")
    try:
        seen = pictures.inspect(data, limits)
    except PictureError as error:
        return PictureCheck(reason=error.reason, detail=str(error))
    if seen.picture_id != picture_id:
        return PictureCheck(reason="digest", detail=f"the bytes hash to {seen.picture_id}")
    return PictureCheck(seen.width, seen.height, seen.format)


def valid_listings(listings: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Split listings into complete ones and rejects.

    A missing column is filled with nulls, and so is a cell that cannot be cast to its type. A
    listing is rejected if a field of REQUIRED is empty (`missing_<field>`) or if its product id
    is repeated on that platform and day (`duplicate`).

    Returns:
        LISTING rows and REJECT rows.
    """
    table = pa.table([_cast(listings, field) for field in schemas.LISTING], schema=schemas.LISTING)
    frame = table.select([*REQUIRED, "url"]).to_pandas()
    reasons = pd.Series(pd.NA, index=frame.index, dtype="object")
    for name in reversed(REQUIRED):
        empty = frame[name].isna() | (frame[name].astype(str).str.strip() == "")
        reasons[empty] = f"missing_{name}"
    first = ~frame[reasons.isna()].duplicated(["platform", "day", "product_id"])
    reasons[first.index[~first]] = "duplicate"
    bad = frame.assign(reason=reasons)[reasons.notna()]
    bad = bad.assign(picture_id=None, detail=bad["title"])
    return table.filter(pa.array(reasons.isna())), _table(bad, schemas.REJECT)


def _cast(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    """Return a column in the schema's type; cells that cannot be cast become null."""
    if field.name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, field.type)])
    seen = table.column(field.name)
    try:
        return seen.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return pa.chunked_array(
            [pa.array([_fit(v, field.type) for v in seen.to_pylist()], field.type)]
        )


def _fit(value: Any, kind: pa.DataType) -> Any:
    try:
        return pa.scalar(value).cast(kind).as_py()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return None


def _explode(listings: pa.Table) -> pd.DataFrame:
    """Return one row per picture of a listing, with the columns of NEW_PICTURE."""
    rows = listings.select(["platform", "product_id", "day", "images"]).to_pylist()
    flat = [
        {**{k: row[k] for k in ("platform", "product_id", "day")}, **_image_columns(image, order)}
        for row in rows
        for order, image in enumerate(row["images"] or ())
    ]
    return pd.DataFrame(flat, columns=NEW_PICTURE.names)


def _image_columns(image: Mapping[str, Any], order: int) -> dict[str, object]:
    position = image.get("position")
    return {
        "url": image.get("url"),
        "picture_id": image.get("picture_id"),
        "position": order if position is None else position,
    }


def _table(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Return a frame as a table of the schema; columns that the frame lacks are null."""
    rows = frame.reindex(columns=schema.names).astype(object)
    rows = rows.where(rows.notna(), None)
    return pa.Table.from_pydict({n: rows[n].tolist() for n in schema.names}, schema=schema)


def _column(table: pa.Table, name: str) -> NDArray[Any]:
    """Return a column as an object array, in which nulls stay None."""
    return np.array([*table.column(name).to_pylist(), None], dtype=object)[:-1]
