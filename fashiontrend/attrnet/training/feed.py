"""From compressed training pictures to batches: shuffled, decoded ahead by threads, kept from epoch to epoch.

Compressed pictures are small enough for Ray's object store and for the way to a worker; decoded ones
are many times as large. Each training process therefore decodes its own pictures.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fashiontrend.attrnet.training.batches import Batch
from fashiontrend.attrnet.training.dataset import COLUMNS, decode_rows, repeat_more, to_batch
from fashiontrend.config import AttrNetConfig
from fashiontrend.errors import DataError

T = TypeVar("T")
#: One row of `schemas.EXAMPLE` with the columns `COLUMNS`.
Row: TypeAlias = Mapping[str, Any]
#: The arrays of one decoded picture, as `decode_rows` returns them, with a first axis of 1.
Arrays: TypeAlias = Mapping[str, NDArray[Any]]

#: Rows between which the order is random. A shard of fewer rows, repeats counted, is shuffled as a whole.
SHUFFLE_ROWS = 8192
#: Batches that are decoded while the network trains on another one.
BATCHES_AHEAD = 2


@dataclass
class PictureDecoder:
    """Decodes rows and keeps what it decoded, until the kept arrays reach a number of bytes.

    Every picture is as likely in an epoch as any other, so to keep the first ones is as good as to
    replace them by newer ones. Threads may share a decoder: at worst two decode the same picture.

    Attributes:
        cfg: branch `attrnet`, as for `decode_rows`.
        keep_bytes: the arrays of kept pictures together are at most so large; 0 keeps none.
    """

    cfg: AttrNetConfig
    keep_bytes: int
    _kept: dict[str, Arrays] = field(default_factory=dict)
    _bytes: int = 0

    def decode(self, rows: Sequence[Row]) -> Batch:
        """Return the batch of the rows, each of which counts once whatever its `repeat` says.

        Raises:
            PictureError: a picture does not decode; names it.
        """
        pictures = [self._decode_one(row) for row in rows]
        return to_batch({name: np.concatenate([p[name] for p in pictures]) for name in pictures[0]})

    def _decode_one(self, row: Row) -> Arrays:
        name = row["picture_id"]
        kept = self._kept.get(name)
        if kept is None:
            once = {column: [row[column]] for column in COLUMNS} | {"repeat": [1]}
            kept = decode_rows(once, self.cfg)
            size = sum(array.nbytes for array in kept.values())
            if self._bytes + size <= self.keep_bytes:
                self._kept[name] = kept
                self._bytes += size
        return kept


def endless_batches(
    read: Callable[[], Iterable[pa.Table]],
    decoder: PictureDecoder,
    *,
    batch_size: int,
    rng: np.random.Generator,
    threads: int = 1,
    more: tuple[int, Sequence[float]] | None = None,
) -> Iterator[Batch]:
    """Yield batches of shuffled pictures without end; a row stands in each pass as often as its `repeat` says.

    Args:
        read: one pass over the rows with `COLUMNS`, in any order.
        decoder: makes the batches.
        batch_size: pictures of each batch.
        rng: gives the order; the same generator gives the same batches.
        threads: decode beside the caller.
        more: further repeats, as for `repeat_more`.

    Raises:
        DataError: a pass has no row.
        PictureError: a picture does not decode.
    """
    passes = (shuffle(rows, SHUFFLE_ROWS, rng) for rows in _passes(read, more))
    rows = itertools.chain.from_iterable(passes)
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[Batch]] = deque()
        while True:
            chosen = list(itertools.islice(rows, batch_size))
            ahead.append(pool.submit(decoder.decode, chosen))
            if len(ahead) > BATCHES_AHEAD * threads:
                yield ahead.popleft().result()


def _passes(
    read: Callable[[], Iterable[pa.Table]], more: tuple[int, Sequence[float]] | None
) -> Iterator[Iterator[Row]]:
    while True:
        rows = _repeated(read(), more)
        first = next(rows, None)
        if first is None:
            raise DataError(
                "training: a worker's share of the dataset has no picture. "
                "Label more pictures, or train with fewer workers (ray.train_workers)."
            )
        yield itertools.chain([first], rows)


def _repeated(
    tables: Iterable[pa.Table], more: tuple[int, Sequence[float]] | None
) -> Iterator[Row]:
    for table in tables:
        rows = table.select(COLUMNS).to_pylist()
        labels = np.asarray([row["labels"] for row in rows], dtype=np.int64)
        repeat = repeat_more(labels, table["repeat"].to_numpy(), more)
        for row, times in zip(rows, repeat, strict=True):
            yield from itertools.repeat(row, int(times))


def shuffle(items: Iterable[T], size: int, rng: np.random.Generator) -> Iterator[T]:
    """Yield the items in random order, of which at most `size` are held at a time."""
    held: list[T] = []
    for item in items:
        if len(held) < size:
            held.append(item)
            continue
        place = int(rng.integers(size))
        yield held[place]
        held[place] = item
    for place in rng.permutation(len(held)):
        yield held[place]
