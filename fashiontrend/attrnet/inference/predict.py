"""The recogniser as the rest of the system calls it: Ray Data's actors, files and the server alike."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.special import expit, logit

from fashiontrend import images as pictures
from fashiontrend import malloc
from fashiontrend.attrnet.inference import artifact, prediction
from fashiontrend.attrnet.inference.prediction import Answer, Box
from fashiontrend.attrnet.inference.probabilities import calibrate, undo_prior
from fashiontrend.attrnet.network import plain_shots
from fashiontrend.attrnet.network.boxes import agree, mirror, widen
from fashiontrend.attrnet.network.model import Seen
from fashiontrend.errors import PictureError
from fashiontrend.storage import schemas

Columns = dict[str, NDArray[Any]]

#: A picture is kept at up to so many times the network's input, for the second look.
DETAIL = 4
#: No score is nearer to 0 or 1 than this, or one look would outvote any other.
SURE = 1e-6
NOWHERE = (float("nan"),) * 4


class Recogniser:
    """A loaded, self-tested, warm AttrNet, called with batches of encoded pictures."""

    def __init__(self, folder: str | Path, threads: int = 1, device: str = "cpu") -> None:
        """Load the model, check it, answer once.

        Args:
            folder: where `artifact.save` wrote.
            threads: of torch in this process; as many as the actor's CPUs.
            device: torch device.

        Raises:
            DataError: the model is damaged or fails its self-test.
        """
        torch.set_num_threads(threads)
        malloc.keep_freed()
        model, self.card = artifact.load(folder)
        self.model = model.to(device)
        self.device = device
        self.taxonomy = self.card.read_taxonomy()
        self.recognise(np.zeros((1, 3, self.input_px, self.input_px), np.uint8))

    @property
    def input_px(self) -> int:
        """Side of the square that the network looks at."""
        return self.card.config.input_px

    def __call__(self, batch: Mapping[str, Any]) -> Columns:
        """Recognise a batch of N encoded pictures.

        Args:
            batch: `picture_id` (N,) of str and `image` (N,) of bytes; other columns are ignored.

        Returns:
            Columns of `records.prediction_schema`: picture_id (N,), box (N, 4), box_score (N,),
            and calibrated probs_<attribute> (N, V + 1), float32, under the training prior. The
            row of a picture that does not decode holds NaN everywhere but in picture_id, so one
            bad picture harms no other; count such rows, for ingest had accepted them.
        """
        read = [self._read(data) for data in batch["image"]]
        good = np.array([isinstance(r, Image.Image) for r in read], dtype=bool)
        found = self._look([r for r in read if isinstance(r, Image.Image)])
        del found["vector"]
        return {
            "picture_id": np.asarray(batch["picture_id"], dtype=object),
            **{name: _spread(values, good) for name, values in found.items()},
        }

    def describe(
        self,
        images: Sequence[bytes],
        boxes: Sequence[Box | None] | None = None,
        top_k: int = 0,
        min_confidence: float = 0.0,
        embedding: bool = False,
        sizes: Sequence[tuple[int, int]] | None = None,
    ) -> list[Answer]:
        """Decide on N pictures one by one.

        The shift that resampling brought into the probabilities is undone where the card knows
        the natural proportions.

        Args:
            images: encoded pictures.
            boxes: where the garment is known to be, in pixels of the upright picture; None, or
                None in a place: look for it.
            top_k: how many classes of every attribute to list.
            min_confidence: a best class below it is `uncertain`.
            embedding: give the vector too.
            sizes: width and height of the upright pictures, where the caller has looked already.

        Returns:
            N answers in order. A picture that does not decode has its `problem` told and harms
            no other.
        """
        read = [self._read(data) for data in images]
        good = [n for n, r in enumerate(read) if isinstance(r, Image.Image)]
        opened = [r for r in read if isinstance(r, Image.Image)]
        full = [sizes[n] if sizes else pictures.upright_size(images[n]) for n in good]
        scales = [
            (width / image.width, height / image.height)
            for (width, height), image in zip(full, opened, strict=True)
        ]
        known = [None if boxes is None else boxes[n] for n in good]
        found = self._look(opened, [_shrink(b, s) for b, s in zip(known, scales, strict=True)])
        probs = self.natural(found)
        told = [Answer(problem=str(r)) for r in read]
        for row, (n, size) in enumerate(zip(good, full, strict=True)):
            score = float(found["box_score"][row])
            told[n] = Answer(
                prediction.decide(
                    {a: p[row] for a, p in probs.items()}, self.taxonomy, top_k, min_confidence
                ),
                known[row] or self._box(found["box"][row], size, score),
                score,
                size,
            )
            if embedding:
                vector = tuple(found["vector"][row].tolist())
                told[n] = replace(told[n], embedding=vector)
        return told

    def recognise(
        self,
        image: NDArray[np.uint8],
        box: NDArray[Any] | None = None,
        seen: Seen | None = None,
    ) -> Columns:
        """Recognise decoded squares in one look.

        Args:
            image: (N, 3, S, S), RGB.
            box: (N, 4) in fractions of the square, where known; NaN rows where not.
            seen: what the model saw of those that are plain shots as a whole.

        Returns:
            box (N, 4), box_score (N,), vector (N, D), probs_<attribute> (N, V + 1).
        """
        place = None if box is None else torch.from_numpy(box.astype(np.float32)).to(self.device)
        with torch.inference_mode():
            output = self.model(self._put(image), place, seen)
        probs = calibrate(output, self.taxonomy.ids, self.card.temperatures)
        return {
            "box": output.location.box.float().cpu().numpy(),
            "box_score": output.location.score.float().cpu().numpy(),
            "vector": output.vector.float().cpu().numpy(),
            **{f"probs_{a}": p for a, p in probs.items()},
        }

    def _look(
        self, images: Sequence[Image.Image], boxes: Sequence[Box | None] | None = None
    ) -> Columns:
        """Look at whole pictures, then, if configured, at their garments; boxes in fractions."""
        keep = self.card.config.keep_aspect
        size = np.array([i.size for i in images], dtype=np.float64).reshape(-1, 2)
        regions = np.array([pictures.whole_region(i.size, keep) for i in images]).reshape(-1, 4)
        known = np.array([b or NOWHERE for b in boxes or [None] * len(images)]).reshape(-1, 4)
        seen = self._see_plain(images, known)
        found = self._see(images, regions, known, seen, self.card.config.flip_px)
        if self.card.config.second_look and len(images):
            place = np.where(np.isnan(known).any(1, keepdims=True), found["box"], known)
            closer = self._see(images, widen(place, keep), known, seen)
            found = _merge(found, closer, self.card.config.presence)
        found["box"] = (found["box"] / np.concatenate([size, size], 1)).clip(0, 1)
        return {name: values.astype(np.float32) for name, values in found.items()}

    def _see_plain(
        self, images: Sequence[Image.Image], known: NDArray[Any]
    ) -> tuple[Seen | None, Seen | None]:
        """The plain shots among the pictures as a whole, and mirrored, once for all looks.

        Where a box is asked about, the whole is not.
        """
        cfg = self.card.config
        if not cfg.plain_share or not len(images):
            return None, None
        plain = np.array([plain_shots.see_plain(i, cfg.plain_size) for i in images])
        plain[~np.isnan(known).any(1)] = 0
        with torch.inference_mode():
            seen = self.model.see(self._put(plain))
            mirrored = self.model.see(self._put(plain[..., ::-1])) if cfg.test_flip else None
        return seen, mirrored

    def _put(self, pixels: NDArray[np.uint8]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device)

    def _see(
        self,
        images: Sequence[Image.Image],
        regions: NDArray[Any],
        known: NDArray[Any],
        seen: tuple[Seen | None, Seen | None],
        flip_px: int | None = None,
    ) -> Columns:
        """One look at a region of each picture, both ways; boxes in pixels of the picture."""
        low, extent = np.tile(regions[:, :2], 2), np.tile(regions[:, 2:] - regions[:, :2], 2)
        place = (known - low) / extent
        image = _cut(images, regions, self.input_px)
        found = self.recognise(image, place.clip(0, 1), seen[0])
        if self.card.config.test_flip and len(images):
            sized = _cut(images, regions, flip_px) if flip_px else image
            mirrored = self.recognise(sized[..., ::-1], mirror(place), seen[1])
            found = _join(found, mirrored | {"box": mirror(mirrored["box"])})
        found["box"] = found["box"] * extent + low
        return found

    def natural(self, found: Columns) -> dict[str, NDArray[Any]]:
        """Probabilities per attribute under the natural prior, as far as the card knows it."""
        card = self.card
        return {
            a: undo_prior(found[f"probs_{a}"], card.train_priors[a], card.natural_priors[a])
            if a in card.natural_priors and a in card.train_priors
            else found[f"probs_{a}"]
            for a in self.taxonomy.ids
        }

    def _box(self, fractions: NDArray[Any], size: tuple[int, int], score: float) -> Box | None:
        if score < self.card.box_threshold:
            return None
        x0, y0, x1, y1 = (fractions * np.array(size * 2)).tolist()
        return x0, y0, x1, y1

    def _read(self, data: bytes) -> Image.Image | PictureError:
        side = self.input_px * DETAIL
        try:
            image = pictures.read(data, side)
        except PictureError as error:
            return error
        if max(image.size) > 2 * side:
            image.thumbnail((2 * side, 2 * side), reducing_gap=2.0)
        return image


def to_table(columns: Mapping[str, NDArray[Any]], num_values: Mapping[str, int]) -> pa.Table:
    """Columns of a `Recogniser` as a table of `records.prediction_schema`."""
    schema = schemas.prediction_schema(dict(num_values))
    arrays = [pa.array(list(columns[field.name]), field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _merge(first: Columns, second: Columns, presence: bool) -> Columns:
    """Two looks as one; the box is the closer one's.

    Both say whether there is a garment where presence was taught, by the mean of their log-odds, in
    which a look that doubts weighs as much as one that is sure. What single cells say of a close look at
    clutter is often wrong: without presence the score is the whole picture's.
    """
    score = first["box_score"]
    if presence:
        score = expit((_log_odds(score) + _log_odds(second["box_score"])) / 2)
    return _average(first, second) | {"box": second["box"], "box_score": score}


def _log_odds(score: NDArray[Any]) -> NDArray[Any]:
    odds: NDArray[Any] = logit(score.astype(np.float64).clip(SURE, 1 - SURE))
    return odds


def _cut(images: Sequence[Image.Image], regions: NDArray[Any], side: int) -> NDArray[np.uint8]:
    """A region of each picture as a square: (N, 3, side, side)."""
    squares = [
        pictures.crop(i, tuple(r), side) for i, r in zip(images, regions.tolist(), strict=True)
    ]
    return np.array(squares, np.uint8).reshape(-1, side, side, 3).transpose(0, 3, 1, 2)


def _join(found: Columns, mirrored: Columns) -> Columns:
    """Two views of one place as one."""
    surer = mirrored["box_score"] > found["box_score"]
    return _average(found, mirrored) | {"box": agree(found["box"], mirrored["box"], surer)}


def _average(first: Columns, second: Columns) -> Columns:
    return {name: (first[name] + second[name]) / 2 for name in first}


def _shrink(box: Box | None, scale: tuple[float, float]) -> Box | None:
    if box is None:
        return None
    x, y = scale  # pixels of the original for a pixel of what was read
    return box[0] / x, box[1] / y, box[2] / x, box[3] / y


def _spread(values: NDArray[Any], good: NDArray[np.bool_]) -> NDArray[Any]:
    """Rows of good pictures at their places among all, NaN at the others."""
    if good.all():
        return values
    whole = np.full((len(good), *values.shape[1:]), np.nan, np.float32)
    whole[good] = values
    return whole
