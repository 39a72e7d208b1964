"""Recognition of catalogue tables: the rows that a caller provides and the rows of results."""

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fashiontrend.config import ServeConfig
from fashiontrend.errors import DataError, PictureError, StoreError
from fashiontrend.labelled_sets import columns
from fashiontrend.serve.recognition.allowed_keys import is_allowed
from fashiontrend.serve.recognition.recognise import picture_problem
from fashiontrend.serve.recognition.served_model import Item, Result, ServedModel
from fashiontrend.serve.schemas.requests import Options
from fashiontrend.serve.schemas.responses import JsonObject
from fashiontrend.taxonomy import Taxonomy

ID, IMAGE, KEY = "id", "image", "key"
#: How far the columns that are read may grow when they are unpacked. Pictures are compressed already and hardly
#: grow; ids and keys that repeat do, and the allowance is for them.
UNPACKED_RATIO, UNPACKED_ALLOWANCE = 20, 16 << 20
#: Bytes of pictures that are copied out of a table at a time.
PORTION_BYTES = 64 << 20


def check_columns(source: object, schema: pa.Schema) -> None:
    """Check that a table has `id`, and either `image` (bytes) or `key` (of the store).

    Raises:
        DataError: it has not; the message names the source and its columns.
    """
    if ID not in schema.names or (IMAGE in schema.names) == (KEY in schema.names):
        raise DataError(
            f"{source}: its columns are {', '.join(schema.names)}; expected `id` and either `image` "
            "(bytes) or `key` (of the store)."
        )
    if IMAGE in schema.names:
        columns.check_images(source, schema.field(IMAGE).type)


def check_unpacked_size(source: object, parquet: pq.ParquetFile, size: int) -> None:
    """Check by its footer that a file does not unpack to many times its size, before a column is read.

    Args:
        source: names the file in the message.
        parquet: the open file.
        size: its bytes.

    Raises:
        DataError: the columns that would be read unpack to more than `UNPACKED_RATIO` times `size` and
            `UNPACKED_ALLOWANCE` bytes.
    """
    groups = (parquet.metadata.row_group(n) for n in range(parquet.num_row_groups))
    unpacked = sum(
        chunk.total_uncompressed_size
        for group in groups
        for chunk in (group.column(c) for c in range(group.num_columns))
        if chunk.path_in_schema.split(".")[0] in (ID, IMAGE, KEY)
    )
    most = UNPACKED_RATIO * size + UNPACKED_ALLOWANCE
    if unpacked > most:
        raise DataError(
            f"{source}: its {size} bytes unpack to {unpacked}, at most {most} are read. Write the pictures "
            "as they are, in JPEG, PNG or WebP."
        )


def check_attributes(options: Options, taxonomy: Taxonomy) -> None:
    """Check that a taxonomy has all attributes that the options name.

    Raises:
        DataError: it has not; the message names the first unknown attribute and all known ones.
    """
    unknown = [a for a in options.attributes or () if a not in taxonomy.ids]
    if unknown:
        raise DataError(
            f"The recogniser knows no attribute {unknown[0]!r}; it knows {', '.join(taxonomy.ids)}."
        )


def read_rows(source: Any, first: int, count: int) -> Iterator[pa.Table]:
    """Read rows of an open Parquet file in small tables; earlier row groups are not read.

    Args:
        source: the open file.
        first: position of the first row.
        count: number of rows.
    """
    parquet = pq.ParquetFile(source)
    source.seek(0, 2)
    check_unpacked_size("the file", parquet, source.tell())
    needed = [c for c in (ID, IMAGE, KEY) if c in parquet.schema_arrow.names]
    if IMAGE in needed and not pa.types.is_struct(parquet.schema_arrow.field(IMAGE).type):
        # As a dictionary, a picture that a file names a million times is in memory once.
        parquet = pq.ParquetFile(source, read_dictionary=[IMAGE])
    start = 0
    for n in range(parquet.num_row_groups):
        size = parquet.metadata.row_group(n).num_rows
        low, high = max(first - start, 0), min(first + count - start, size)
        start += size
        if low >= high:
            continue
        passed = 0
        for batch in parquet.iter_batches(64, row_groups=[n], columns=needed):
            skipped = max(low - passed, 0)
            here = batch.slice(skipped, max(high - passed - skipped, 0))
            passed += batch.num_rows
            if here.num_rows:
                yield from _portions(pa.Table.from_batches([here]))
            if passed >= high:
                break


def _portions(rows: pa.Table) -> Iterator[pa.Table]:
    """Cut a table so that each part holds at most `PORTION_BYTES` of pictures, or one row."""
    if IMAGE not in rows.column_names:
        yield rows
        return
    begun, held = 0, 0
    for n, size in enumerate(_sizes(rows[IMAGE])):
        if n > begun and held + size > PORTION_BYTES:
            yield rows.slice(begun, n - begun)
            begun, held = n, 0
        held += size
    yield rows.slice(begun)


def _sizes(pictures: pa.ChunkedArray) -> Iterator[int]:
    for chunk in pictures.chunks:
        if pa.types.is_struct(chunk.type):
            chunk = chunk.field("bytes")
        if pa.types.is_null(chunk.type):
            yield from (0 for _ in range(len(chunk)))
            continue
        shared = isinstance(chunk, pa.DictionaryArray)
        found = pc.binary_length(chunk.dictionary if shared else chunk)
        found = found.take(chunk.indices) if shared else found
        yield from (size or 0 for size in found.to_pylist())


def recognise_rows(
    rows: Iterator[pa.Table],
    model: ServedModel,
    options: Options,
    cfg: ServeConfig,
    read_key: Callable[[str], bytes],
) -> pa.Table:
    """Recognise the pictures of tables; the result has one row per picture, see `result_schema`.

    Args:
        rows: tables with the columns that `check_columns` expects.
        model: the recogniser.
        options: what the results contain.
        cfg: batch size and the prefixes of keys that may be read.
        read_key: reads the bytes of a store key.

    Raises:
        DataError: the options name an attribute that the model does not know.
    """
    check_attributes(options, model.recogniser.taxonomy)
    results: list[JsonObject] = []
    for table in rows:
        found = table.to_pylist()
        contents = [_content(r, cfg, read_key) for r in found]
        items = [Item(c, None, options) for c in contents if isinstance(c, bytes)]
        predictions = iter(
            o
            for i in range(0, len(items), cfg.max_batch_size)
            for o in model.run(items[i : i + cfg.max_batch_size])
        )
        for row, content in zip(found, contents, strict=True):
            result = next(predictions) if isinstance(content, bytes) else content
            results.append({ID: str(row[ID]), **_columns(result)})
    return pa.Table.from_pylist(results, schema=result_schema(model.recogniser.taxonomy, options))


def result_schema(taxonomy: Taxonomy, options: Options) -> pa.Schema:
    """Return the columns of results.

    The columns are id, status, detail, width and height (pixels), box (fractions), score, and for each
    attribute its value, status and confidence; also the embedding, if the options ask for it.
    """
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
    row: JsonObject, cfg: ServeConfig, read_key: Callable[[str], bytes]
) -> bytes | PictureError:
    if KEY not in row:
        image = row[IMAGE]
        data = image.get("bytes") if isinstance(image, dict) else image
        return data or PictureError("empty: the row has no bytes.")
    key = str(row[KEY])
    try:
        return read_key(key) if is_allowed(key, cfg.key_prefixes) else _not_found()
    except StoreError:
        return _not_found()


def _not_found() -> PictureError:
    return PictureError("not_found: the key does not exist, or callers may not read it.")


def _columns(result: Result) -> JsonObject:
    """One result as the columns of a row, without the id."""
    if isinstance(result, PictureError):
        problem = picture_problem(result)
        return {"status": problem.code, "detail": problem.detail}
    row: JsonObject = {
        "status": "ok" if result.box else "no_garment",
        "width": result.width,
        "height": result.height,
        "box": result.box,
        "score": result.score,
        "embedding": result.embedding,
    }
    for name, attribute in result.attributes.items() if result.box else ():
        row |= {
            name: attribute.value,
            f"{name}_status": attribute.status,
            f"{name}_confidence": attribute.confidence,
        }
    return row
