"""From rows of `schemas.EXAMPLE` to arrays and batches; `feed` does so picture by picture while a network trains.

N rows become M pictures: a row of the resampled set counts `repeat` times.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from fashiontrend import images
from fashiontrend.attrnet.network import plain_shots
from fashiontrend.attrnet.training.batches import Batch
from fashiontrend.config import AttrNetConfig
from fashiontrend.errors import DataError, PictureError

Rows: TypeAlias = Mapping[str, NDArray[Any]]

#: The columns of `schemas.EXAMPLE` that training reads.
COLUMNS = ("picture_id", "annotated", "labels", "confidences", "box", "repeat", "image")
#: The arrays that every batch has.
TENSORS = ("image", "labels", "weights", "box")


def decode_rows(columns: Rows | pa.Table, cfg: AttrNetConfig) -> dict[str, NDArray[Any]]:
    """Decode rows of the EXAMPLE schema, each picture once, however often it repeats.

    Labels of annotators weigh 1, others their confidence, and missing ones 0.

    Args:
        columns: a table, or lists or arrays by name; `COLUMNS` are read.
        cfg: branch `attrnet`; gives the side S of the square, `train_px` or else `input_px`,
            whether pictures keep their aspect, and whether plain shots get masks and boxes.

    Returns:
        image uint8 (M, 3, S, S), (M, 4, S, S) with masks, labels int64 (M, A), weights float32
        (M, A), box float32 (M, 4) in fractions of the square with NaN rows if none is known,
        names (M,) of str, and with `cfg.plain_share` plain uint8 (M, 3, h, w) of `plain_shots.cut_plain`.
        Repeats stand next to each other: shuffle.

    Raises:
        PictureError: a picture that ingest had accepted does not decode; names it.
    """
    rows = {name: _list(columns[name]) for name in COLUMNS}
    labels = np.asarray(rows["labels"], dtype=np.int64)
    trust = np.asarray(rows["confidences"], dtype=np.float32)
    annotated = np.asarray(rows["annotated"], dtype=bool)[:, None]
    weights = np.where(labels >= 0, np.where(annotated, np.float32(1), trust), np.float32(0))
    side, channels = cfg.train_px or cfg.input_px, 4 if cfg.background_masks else 3
    squares = [
        _decode(data, name, _box(box), cfg, side)
        for data, name, box in zip(rows["image"], rows["picture_id"], rows["box"], strict=True)
    ]
    image = np.array([s for s, _, _ in squares], dtype=np.uint8).reshape(-1, channels, side, side)
    box = np.array([b for _, b, _ in squares], dtype=np.float32).reshape(-1, 4)
    repeat = np.asarray(rows["repeat"], dtype=np.int64)
    names = np.array(rows["picture_id"], dtype=object)
    arrays: dict[str, NDArray[Any]] = {
        "image": image,
        "labels": labels,
        "weights": weights,
        "box": box,
        "names": names,
    }
    if cfg.plain_share:
        shots = np.array([p for _, _, p in squares], dtype=np.uint8)
        arrays["plain"] = shots.reshape(-1, 3, *cfg.plain_size)
    order = np.repeat(np.arange(len(repeat)), repeat)
    return {name: array[order] for name, array in arrays.items()}


def repeat_more(
    labels: NDArray[Any], repeat: NDArray[Any], more: tuple[int, Sequence[float]] | None
) -> NDArray[np.int64]:
    """Multiply the repeats (N,) of pictures by a factor for their value of one attribute.

    Args:
        labels: (N, A) indices of values.
        repeat: (N,) repeats of each picture.
        more: column of the attribute, and a factor for each value and "not visible"; None changes
            nothing.

    Returns:
        (N,), rounded to whole repeats.
    """
    if more is None or not len(labels):
        return np.asarray(repeat, dtype=np.int64)
    column, factors = more
    values = labels[:, column]
    factor = np.where(values >= 0, np.asarray(factors)[values], 1.0)
    return np.asarray(np.rint(repeat * factor), dtype=np.int64)


def to_batch(rows: Mapping[str, Any]) -> Batch:
    """Make a batch of the arrays that `decode_rows` returned, or of a part of their rows.

    Arrays share their memory with the tensors unless it is read-only, as in Ray's object store.
    Tensors stay as they are.
    """
    names = tuple(str(name) for name in rows.get("names", ()))
    image, labels, weights, box = (_tensor(rows[name]) for name in TENSORS)
    title_words, plain = (
        _tensor(rows[name]) if rows.get(name) is not None else None
        for name in ("title_words", "plain")
    )
    return Batch(image, labels, weights, box, title_words, names, plain)


def epoch_batches(
    rows: Rows,
    batch_size: int,
    rng: np.random.Generator,
    *,
    drop_last: bool = True,
    chosen: NDArray[np.int64] | None = None,
) -> Iterator[Batch]:
    """Make the batches of one shuffled pass in one process.

    Args:
        rows: what `decode_rows` returned.
        batch_size: pictures of a batch; a smaller set makes one batch.
        rng: make it from seed and epoch, so that a resumed epoch has the same order.
        drop_last: whether to leave the last batch out if it is smaller than the others.
        chosen: numbers of the rows to use; None uses all.
    """
    order = rng.permutation(len(rows["labels"]) if chosen is None else chosen)
    for step in range(count_batches(len(order), batch_size, drop_last=drop_last)):
        taken = order[step * batch_size : (step + 1) * batch_size]
        yield to_batch({name: rows[name][taken] for name in Batch._fields if name in rows})


def count_batches(count: int, batch_size: int, *, drop_last: bool = True) -> int:
    """Count the batches that `epoch_batches` makes of `count` pictures."""
    return max(count // batch_size, 1 if count else 0) if drop_last else -(-count // batch_size)


def channel_mean(image: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Average red, green and blue (0..255) over the resampled training set, uint8 (M, 3 or 4, H, W).

    Raises:
        DataError: there is no picture.
    """
    if not len(image):
        raise DataError("channel mean: no training picture. Label and resample first.")
    red, green, blue = image[:, :3].mean(axis=(0, 2, 3), dtype=np.float64)
    return float(red), float(green), float(blue)


def count_labels(labels: NDArray[np.int64], num_values: Sequence[int]) -> list[NDArray[np.int64]]:
    """Count the labels of each value and, last, of "not visible": (V + 1,) per attribute.

    Args:
        labels: (N, A) indices; -1 is not counted. Over the rows of the resampled set the counts are
            the prior that the model learns.
        num_values: V of each attribute.
    """
    return [
        np.bincount(labels[labels[:, a] >= 0, a], minlength=v + 1) for a, v in enumerate(num_values)
    ]


def _list(column: Any) -> list[Any]:
    return column.to_pylist() if hasattr(column, "to_pylist") else list(column)


def _box(box: Sequence[float] | None) -> Sequence[float]:
    return (np.nan,) * 4 if box is None or len(box) != 4 else box


def _decode(
    data: bytes, picture_id: str, box: Sequence[float], cfg: AttrNetConfig, side: int
) -> tuple[images.Pixels, NDArray[np.float64], images.Pixels | None]:
    """Return a square (3 or 4, S, S), the box in it, and with `plain_share` the picture of `cut_plain`."""
    try:
        image = images.read(data, side * 2)
    except PictureError as error:
        raise PictureError(
            f"{error} It is training picture {picture_id}; build the dataset again."
        ) from None
    region = images.whole_region(image.size, cfg.keep_aspect)
    square = images.crop(image, region, side).transpose(2, 0, 1)
    corners = np.asarray(box, dtype=np.float64)
    if cfg.background_masks:
        garment = plain_shots.find_garment(np.asarray(image)) if np.isnan(corners).any() else None
        cover = np.full((1, side, side), 255, np.uint8)
        if garment is not None:
            corners = np.asarray(plain_shots.bound(garment))
            cover[0] = plain_shots.cut(garment, region, side)
        square = np.concatenate([square, cover])
    low, extent = np.array(region[:2] * 2), np.tile(np.subtract(region[2:], region[:2]), 2)
    placed = (corners * np.array(image.size * 2) - low) / extent
    known_empty = (corners == 0).all()
    plain = plain_shots.cut_plain(image, cfg.plain_size) if cfg.plain_share else None
    return square, corners if known_empty else placed, plain


def _tensor(values: Any) -> torch.Tensor:
    if isinstance(values, torch.Tensor):
        return values
    return torch.from_numpy(np.require(values, requirements=["C", "W"]))
