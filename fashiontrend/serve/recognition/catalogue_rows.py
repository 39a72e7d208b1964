"""Rows of a catalogue and the rows that answer them."""

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fashiontrend.config import ServeConfig
from fashiontrend.errors import DataError, PictureError, StoreError
from fashiontrend.labelled_sets import columns
from fashiontrend.serve.recognition.allowed_keys import is_allowed
from fashiontrend.serve.recognition.recognise import of_picture
from fashiontrend.serve.recognition.served_model import Item, Outcome, ServedModel
from fashiontrend.serve.schemas.requests import Options
from fashiontrend.taxonomy import Taxonomy

ID, IMAGE, KEY = "id", "image", "key"


def check_columns(source: object, schema: pa.Schema) -> None:
    """Refuse a table without `id` and one of `image` (bytes) and `key` (of the store).

    Raises:
        DataError: names the source and what is there.
    """
    if ID not in schema.names or (IMAGE in schema.names) == (KEY in schema.names):
        raise DataError(
            f"{source}: columns {', '.join(schema.names)}; expected `id` and one of `image` (bytes) "
            "and `key` (of the store)."
        )
    if IMAGE in schema.names:
        columns.check_images(source, schema.field(IMAGE).type)


def check_attributes(options: Options, taxonomy: Taxonomy) -> None:
    """Refuse to answer for an attribute that a recogniser does not know.

    Raises:
        DataError: names the first one, and those that it knows.
    """
    unknown = [a for a in options.attributes or () if a not in taxonomy.ids]
    if unknown:
        raise DataError(
            f"The recogniser knows no attribute {unknown[0]!r}; it knows {', '.join(taxonomy.ids)}."
        )


def read_rows(source: Any, first: int, count: int) -> Iterator[pa.Table]:
    """Rows of an open Parquet file, a few at a time, without reading the groups before them."""
    parquet = pq.ParquetFile(source)
    needed = [c for c in (ID, IMAGE, KEY) if c in parquet.schema_arrow.names]
    start = 0
    for n in range(parquet.num_row_groups):
        size = parquet.metadata.row_group(n).num_rows
        low, high = max(first - start, 0), min(first + count - start, size)
        start += size
        if low >= high:
            continue
        seen = 0
        for batch in parquet.iter_batches(64, row_groups=[n], columns=needed):
            here = batch.slice(max(low - seen, 0), max(high - seen - max(low - seen, 0), 0))
            seen += batch.num_rows
            if here.num_rows:
                yield pa.Table.from_batches([here])
            if seen >= high:
                break


def answer(
    rows: Iterator[pa.Table],
    model: ServedModel,
    options: Options,
    cfg: ServeConfig,
    read_key: Callable[[str], bytes],
) -> pa.Table:
    """One row a picture, in order; see `answer_schema`.

    Raises:
        DataError: the options name an attribute that the model does not know.
    """
    check_attributes(options, model.recogniser.taxonomy)
    told: list[dict[str, Any]] = []
    for table in rows:
        found = table.to_pylist()
        contents = [_content(r, cfg, read_key) for r in found]
        items = [Item(c, None, options) for c in contents if isinstance(c, bytes)]
        outcomes = iter(
            o
            for i in range(0, len(items), cfg.max_batch_size)
            for o in model.run(items[i : i + cfg.max_batch_size])
        )
        for row, content in zip(found, contents, strict=True):
            outcome = next(outcomes) if isinstance(content, bytes) else content
            told.append({ID: str(row[ID]), **_flat(outcome)})
    return pa.Table.from_pylist(told, schema=answer_schema(model.recogniser.taxonomy, options))


def answer_schema(taxonomy: Taxonomy, options: Options) -> pa.Schema:
    """Columns: id, status, detail, size, box in fractions, score; per attribute value, status, confidence."""
    chosen = [a for a in taxonomy.ids if options.attributes is None or a in options.attributes]
    per_attribute = [
        field
        for a in chosen
        for field in (
            (a, pa.string()),
            (f"{a}_status", pa.string()),
            (f"{a}_confidence", pa.float32()),
        )
    ]
    embedding = [("embedding", pa.list_(pa.float32()))] if options.return_embedding else []
    return pa.schema(
        [
            ("id", pa.string()),
            ("status", pa.string()),
            ("detail", pa.string()),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("box", pa.list_(pa.float32())),
            ("score", pa.float32()),
            *per_attribute,
            *embedding,
        ]
    )


def _content(
    row: dict[str, Any], cfg: ServeConfig, read_key: Callable[[str], bytes]
) -> bytes | PictureError:
    if KEY not in row:
        image = row[IMAGE]
        data = image.get("bytes") if isinstance(image, dict) else image
        return data or PictureError("empty: no bytes.")
    key = str(row[KEY])
    try:
        return read_key(key) if is_allowed(key, cfg.key_prefixes) else _nothing()
    except StoreError:
        return _nothing()


def _nothing() -> PictureError:
    return PictureError("not_found: there is no such key among those that may be read.")


def _flat(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, PictureError):
        problem = of_picture(outcome)
        return {"status": problem.code, "detail": problem.detail}
    told: dict[str, Any] = {
        "status": "ok" if outcome.box else "no_garment",
        "width": outcome.width,
        "height": outcome.height,
        "box": outcome.box,
        "score": outcome.score,
        "embedding": outcome.embedding,
    }
    for name, attribute in outcome.attributes.items() if outcome.box else ():
        told |= {
            name: attribute.get("value"),
            f"{name}_status": attribute["status"],
            f"{name}_confidence": attribute.get("confidence"),
        }
    return told
