"""The one loop from encoded pictures to predictions.

Training's evaluation, `fit-attrnet`, `recognise`, the batch jobs and the server all run it. These
callers differ in the loop's arguments: the device, the pictures of a batch, and what becomes of an
unreadable one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from fashiontrend import images
from fashiontrend.attrnet.inference.prediction import Box
from fashiontrend.errors import PictureError

Columns: TypeAlias = dict[str, NDArray[Any]]


class Unreadable(StrEnum):
    """What the loop does with a picture that cannot be decoded."""

    RAISE = "raise"
    SKIP = "skip"
    ROW = "row"


@dataclass(frozen=True)
class EncodedPicture:
    """A picture to recognise.

    Attributes:
        picture_id: names it in results and messages.
        image: the encoded bytes.
        box: where the garment is known to be, in pixels of the upright picture; None has the network
            look for it.
        size: upright width and height in pixels, if the caller has read them already.
    """

    picture_id: str
    image: bytes
    box: Box | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class PredictedBatch:
    """Predictions for N encoded pictures, M of which have a row.

    Attributes:
        pictures: all N, in order.
        rows: (M,) places in `pictures` of those that have a row: all, or the readable ones.
        columns: `box` (M, 4) in fractions of the upright picture, `box_score` (M,), `vector` (M, D)
            and calibrated `probs_<attribute>` (M, V + 1) under the training prior; all float32.
        problems: place in `pictures` -> why that picture does not decode.
    """

    pictures: tuple[EncodedPicture, ...]
    rows: tuple[int, ...]
    columns: Columns
    problems: Mapping[int, PictureError]

    def to_columns(self) -> Columns:
        """The columns of `schemas.prediction_schema`: `picture_id` (M,) and all but `vector`."""
        names = np.array([self.pictures[n].picture_id for n in self.rows], dtype=object)
        kept = {name: values for name, values in self.columns.items() if name != "vector"}
        return {"picture_id": names, **kept}


class PicturePredictor(Protocol):
    """The interface that the loop needs; see `predict.Recogniser`."""

    def to(self, device: str) -> Self:
        """Move the recogniser to a torch device, and return it."""
        ...

    def decode(self, image: bytes) -> Image.Image:
        """Decode a picture, upright; raises PictureError."""
        ...

    def predict_decoded(
        self, decoded: Sequence[Image.Image], boxes: Sequence[Box | None]
    ) -> Columns:
        """Predict decoded pictures; boxes in pixels of what was decoded."""
        ...


def predict_batches(
    recogniser: PicturePredictor,
    pictures: Iterable[EncodedPicture],
    *,
    device: str,
    batch_size: int,
    unreadable: Unreadable,
) -> Iterator[PredictedBatch]:
    """Predict pictures batch by batch; one batch is in memory at a time.

    Args:
        recogniser: the network with its decoding; it is moved to `device` and stays there.
        pictures: read as the batches are taken; none of them gives one batch without a row.
        device: torch device on which the network runs.
        batch_size: pictures of a batch; the last one may be smaller.
        unreadable: what becomes of a picture that does not decode. `RAISE` ends the loop, `SKIP`
            leaves it without a row, `ROW` gives it a row of NaN. It changes no other picture's row,
            and except with `RAISE` its problem is in the batch.

    Raises:
        PictureError: with `RAISE`, a picture does not decode; the message names it.
    """
    recogniser.to(device)
    remaining = iter(pictures)
    batch = tuple(islice(remaining, batch_size))
    while True:
        yield _predict_batch(recogniser, batch, unreadable)
        batch = tuple(islice(remaining, batch_size))
        if not batch:
            return


def predict_all(
    recogniser: PicturePredictor,
    pictures: Iterable[EncodedPicture],
    *,
    device: str,
    batch_size: int,
    unreadable: Unreadable = Unreadable.ROW,
) -> Columns:
    """Predict pictures batch by batch and return the columns of all; arguments as `predict_batches`.

    The pictures themselves are not kept.

    Returns:
        Columns of `schemas.prediction_schema`, see `PredictedBatch.to_columns`.
    """
    batches = predict_batches(
        recogniser, pictures, device=device, batch_size=batch_size, unreadable=unreadable
    )
    return concatenate([batch.to_columns() for batch in batches])


def concatenate(parts: Sequence[Columns]) -> Columns:
    """Join columns of the same names, of at least one part."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def read_pictures(table: pa.Table, rows: int = 64) -> Iterator[EncodedPicture]:
    """Take pictures from a table's columns `picture_id` and `image`, so many rows in memory at a time."""
    for part in table.select(["picture_id", "image"]).to_batches(rows):
        yield from pair(part["picture_id"].to_pylist(), part["image"].to_pylist())


def pair(ids: Iterable[str], data: Iterable[bytes]) -> Iterator[EncodedPicture]:
    """Take pictures from their ids and their encoded bytes, in order."""
    for picture_id, image in zip(ids, data, strict=True):
        yield EncodedPicture(picture_id, image)


def _predict_batch(
    recogniser: PicturePredictor, pictures: tuple[EncodedPicture, ...], unreadable: Unreadable
) -> PredictedBatch:
    decoded: dict[int, Image.Image] = {}
    problems: dict[int, PictureError] = {}
    for n, picture in enumerate(pictures):
        try:
            decoded[n] = recogniser.decode(picture.image)
        except PictureError as error:
            if unreadable is Unreadable.RAISE:
                raise PictureError(f"{error} It is picture {picture.picture_id}.") from error
            problems[n] = error
    boxes = [_shrink(pictures[n], image.size) for n, image in decoded.items()]
    columns = recogniser.predict_decoded(list(decoded.values()), boxes)
    rows = tuple(decoded)
    if problems and unreadable is Unreadable.ROW:
        columns = {name: _spread(values, rows, len(pictures)) for name, values in columns.items()}
        rows = tuple(range(len(pictures)))
    return PredictedBatch(pictures, rows, columns, problems)


def _shrink(picture: EncodedPicture, decoded: tuple[int, int]) -> Box | None:
    """The known box in pixels of the decoded picture, which may be smaller than the original."""
    if picture.box is None:
        return None
    width, height = picture.size or images.upright_size(picture.image)
    x, y = width / decoded[0], height / decoded[1]
    return picture.box[0] / x, picture.box[1] / y, picture.box[2] / x, picture.box[3] / y


def _spread(values: NDArray[Any], rows: Sequence[int], count: int) -> NDArray[Any]:
    """Put rows at their places among all pictures, and NaN at the others."""
    whole = np.full((count, *values.shape[1:]), np.nan, np.float32)
    whole[list(rows)] = values
    return whole
