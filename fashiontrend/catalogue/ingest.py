"""The checks of ingest: which pictures are new, which are usable, which listings are whole.

Ray Data calls these functions; they read and write nothing themselves. Nothing is dropped in
silence: what is put aside becomes a REJECT row with a countable reason.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

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
WANTED = pa.schema(
    [
        *(
            schemas.PICTURE.field(n)
            for n in ("picture_id", "platform", "product_id", "day", "position")
        ),
        ("url", pa.string()),
    ]
)
#: A listing without one of these cannot be counted or read; what else it lacks, health counts.
REQUIRED = ("platform", "day", "product_id", "title")


def new_pictures(listings: pa.Table, known: Collection[str]) -> pa.Table:
    """Find the pictures of a day's listings that no earlier day holds.

    Args:
        listings: LISTING rows. Pictures without an id were never fetched and are left out here;
            `missing_pictures` rejects them.
        known: ids of the pictures that are in the catalogue already.

    Returns:
        WANTED rows, each picture once, with the product that shows it first.
    """
    frame = _explode(listings)
    frame = frame[frame["picture_id"].notna() & ~frame["picture_id"].isin(list(known))]
    frame = frame.sort_values(["position", "product_id"], kind="stable")
    return _table(frame.drop_duplicates("picture_id"), WANTED)


def missing_pictures(listings: pa.Table) -> pa.Table:
    """REJECT rows (`not_fetched`) for the pictures that the crawler could not fetch."""
    frame = _explode(listings)
    frame = frame[frame["picture_id"].isna()]
    frame = frame.assign(reason="not_fetched", detail="the crawler has no bytes for this address")
    return _table(frame, schemas.REJECT)


def check_pictures(
    wanted: pa.Table, images: Sequence[bytes | None], limits: IngestConfig
) -> tuple[pa.Table, pa.Table]:
    """Inspect fetched bytes.

    Args:
        wanted: WANTED rows.
        images: their bytes in the same order, None where there are none.
        limits: what a picture must be.

    Returns:
        PICTURE rows of the good ones and REJECT rows of the others. Reasons are those of
        `pictures.inspect`, `missing` (no bytes) and `digest` (not the bytes that the id names).
    """
    batch = {name: _column(wanted, name) for name in WANTED.names if name in wanted.column_names}
    batch["image"] = np.array([*images, None], dtype=object)[:-1]
    frame = pd.DataFrame(check_batch(batch, limits) if len(images) else {})
    if frame.empty:
        return schemas.PICTURE.empty_table(), schemas.REJECT.empty_table()
    good = frame["reason"].isna()
    return _table(frame[good], schemas.PICTURE), _table(frame[~good], schemas.REJECT)


def check_batch(batch: Batch, limits: IngestConfig) -> Batch:
    """Inspect a batch; the form that `Dataset.map_batches` calls.

    Args:
        batch: columns picture_id, platform, product_id, day, position, image (bytes or None),
            and any others, which are passed on.
        limits: what a picture must be.

    Returns:
        The batch with width, height, format, reason and detail; the last two are None for good
        pictures, the first three for the others.
    """
    told = [_look(i, b, limits) for i, b in zip(batch["picture_id"], batch["image"], strict=True)]
    columns = ("width", "height", "format", "reason", "detail")
    out = dict(batch)
    for index, name in enumerate(columns):
        out[name] = np.array([*(t[index] for t in told), None], dtype=object)[:-1]
    return out


def _look(picture_id: str, data: bytes | None, limits: IngestConfig) -> tuple[Any, ...]:
    """Width, height, format, reason and detail of one picture."""
    if data is None:
        return None, None, None, "missing", "the store has no bytes under this id"
    try:
        seen = pictures.inspect(data, limits)
    except PictureError as error:
        return None, None, None, error.reason, str(error)
    if seen.picture_id != picture_id:
        return None, None, None, "digest", f"the bytes hash to {seen.picture_id}"
    return seen.width, seen.height, seen.format, None, None


def valid_listings(listings: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Split listings into whole ones and rejects.

    A column that is missing or of another type is filled with nulls where it cannot be cast. A
    listing needs the fields of REQUIRED (`missing_<field>`) and a product id that did not stand
    before on that platform and day (`duplicate`).

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
    """A column in the schema's type; what does not fit becomes null, cell by cell if need be."""
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
    """One row per picture of a listing: platform, product_id, day, url, picture_id, position."""
    rows = listings.select(["platform", "product_id", "day", "images"]).to_pylist()
    flat = [
        {**{k: row[k] for k in ("platform", "product_id", "day")}, **_place(image, order)}
        for row in rows
        for order, image in enumerate(row["images"] or ())
    ]
    return pd.DataFrame(flat, columns=WANTED.names)


def _place(image: Mapping[str, Any], order: int) -> dict[str, Any]:
    position = image.get("position")
    return {
        "url": image.get("url"),
        "picture_id": image.get("picture_id"),
        "position": order if position is None else position,
    }


def _table(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """The schema's columns of a frame; those that the frame lacks are null."""
    rows = frame.reindex(columns=schema.names).astype(object)
    rows = rows.where(rows.notna(), None)
    return pa.Table.from_pydict({n: rows[n].tolist() for n in schema.names}, schema=schema)


def _column(table: pa.Table, name: str) -> NDArray[Any]:
    """A column as an object array, so that nulls stay None."""
    return np.array([*table.column(name).to_pylist(), None], dtype=object)[:-1]
