"""Copy the chosen pictures of a dataset from where they lie into the dataset's own files, part by part.

Which pictures a dataset has is decided from ids and labels alone. Their bytes are read by whoever
takes a part, so that neither the size of a part nor the memory of its copying grows with the dataset.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from fashiontrend.errors import DataError
from fashiontrend.storage import schemas

#: Examples of a part. A part ends with the source that makes it reach them, unless that source has more.
PART_ROWS = 1024

#: Reads the columns `picture_id` and `image` of a source, as a stream of tables.
ReadSource = Callable[["Source"], Iterable[pa.Table]]


@dataclass(frozen=True)
class Source:
    """A committed partition that holds pictures.

    Attributes:
        partition: of the store.
        files: keys of its files with the columns `picture_id` and `image`.
    """

    partition: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """Some examples of a dataset, and the sources that hold their pictures.

    Attributes:
        name: of the dataset's file, such as `train-00003`.
        examples: EXAMPLE rows without the column `image`.
        sources: read in this order until every picture is found.
    """

    name: str
    examples: pa.Table
    sources: tuple[Source, ...]


def plan(name: str, examples: pa.Table, held: Iterable[tuple[Source, pa.Array]]) -> Iterator[Part]:
    """Share the examples out among parts, each of which reads as few sources as possible.

    Args:
        name: of the split, `train` or `val`; the parts' names begin with it.
        examples: EXAMPLE rows; the column `image` is not read.
        held: the sources in order of preference, each with the ids (N,) of its pictures.

    Raises:
        DataError: no source holds one of the pictures.
    """
    rest = examples.drop_columns("image")
    empty = rest.slice(0, 0)
    taken, number = empty, 0
    sources: list[Source] = []
    for source, ids in held:
        here = pc.is_in(rest["picture_id"], ids)
        found, rest = rest.filter(here), rest.filter(pc.invert(here))
        for start in range(0, found.num_rows, PART_ROWS):
            taken = pa.concat_tables([taken, found.slice(start, PART_ROWS)])
            sources = [*sources, source]
            if taken.num_rows >= PART_ROWS:
                yield Part(f"{name}-{number:05d}", taken, tuple(dict.fromkeys(sources)))
                taken, sources, number = empty, [], number + 1
    if rest.num_rows:
        raise DataError(
            f"dataset: the catalogue holds no bytes of {rest.num_rows} chosen pictures, among them "
            f"{rest['picture_id'][0]}. Run the step ingest of their day again."
        )
    if taken.num_rows or not number:
        yield Part(f"{name}-{number:05d}", taken, tuple(dict.fromkeys(sources)))


def fill(part: Part, read: ReadSource) -> pa.Table:
    """Return the part's EXAMPLE rows, sorted by picture id, with the bytes of their pictures.

    Raises:
        DataError: the sources lack a picture that the plan found in them.
    """
    wanted = part.examples["picture_id"]
    found = [
        table.filter(pc.is_in(table["picture_id"], wanted))
        for source in part.sources
        for table in read(source)
    ]
    held = pa.concat_tables(
        [pa.table({"picture_id": wanted[:0], "image": pa.nulls(0, pa.binary())}), *found]
    )
    rows = pc.index_in(wanted, held["picture_id"].combine_chunks())
    missing = wanted.filter(pc.is_null(rows))
    if len(missing):
        raise DataError(
            f"dataset: {len(missing)} pictures of {part.name} are gone from "
            f"{', '.join(s.partition for s in part.sources)}, among them {missing[0]}."
        )
    filled = part.examples.append_column("image", held["image"].take(rows))
    return filled.select(schemas.EXAMPLE.names).cast(schemas.EXAMPLE).sort_by("picture_id")
