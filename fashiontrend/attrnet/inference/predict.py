"""The recogniser that the rest of the system loads: an AttrNet with its decoding, its looks and its decisions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.special import expit, logit

from fashiontrend import images as image_files
from fashiontrend import malloc
from fashiontrend.attrnet.inference import artifact, loop, prediction
from fashiontrend.attrnet.inference.loop import Columns, EncodedPicture, Unreadable
from fashiontrend.attrnet.inference.prediction import Box, GarmentPrediction
from fashiontrend.attrnet.inference.probabilities import calibrate, undo_prior
from fashiontrend.attrnet.network import plain_shots
from fashiontrend.attrnet.network.boxes import agree, mirror, widen
from fashiontrend.attrnet.network.model import PlainShots
from fashiontrend.storage import schemas

#: A picture is kept at up to this multiple of the network's input, for the second look.
DETAIL = 4
#: Scores are clipped to this distance from 0 and 1, or one look would outvote any other.
SURE = 1e-6
#: The box of a picture whose garment may be anywhere.
UNKNOWN_BOX = (float("nan"),) * 4


class Recogniser:
    """A loaded, self-tested, warm AttrNet; `loop.predict_batches` runs it over encoded pictures."""

    def __init__(self, folder: str | Path, threads: int = 1, device: str = "cpu") -> None:
        """Load the model, check it, and run it once.

        Args:
            folder: where `artifact.save` wrote.
            threads: threads that torch uses in this process; as many as the CPUs it has.
            device: torch device on which the network runs.

        Raises:
            DataError: the model is damaged or fails its self-test.
        """
        torch.set_num_threads(threads)
        malloc.keep_freed()
        self.model, self.card = artifact.load(folder)
        self.taxonomy = self.card.read_taxonomy()
        self._move(device)

    @property
    def input_px(self) -> int:
        """Side in pixels of the square that the network looks at."""
        return self.card.config.input_px

    def to(self, device: str) -> Self:
        """Move the network to a torch device unless it is there, and run it once; return itself."""
        if device != self.device:
            self._move(device)
        return self

    def _move(self, device: str) -> None:
        self.device = device
        self.model.to(device)
        # The first run on a device allocates and compiles; no picture shall wait for that.
        self.recognise(np.zeros((1, 3, self.input_px, self.input_px), np.uint8))

    def decode(self, image: bytes) -> Image.Image:
        """Decode a picture to an upright RGB image, no larger than both looks need.

        Raises:
            PictureError: it does not decode; see `images.read`.
        """
        side = self.input_px * DETAIL
        decoded = image_files.read(image, side)
        if max(decoded.size) > 2 * side:
            decoded.thumbnail((2 * side, 2 * side), reducing_gap=2.0)
        return decoded

    def describe(
        self,
        images: Sequence[bytes],
        boxes: Sequence[Box | None] | None = None,
        top_k: int = 0,
        min_confidence: float = 0.0,
        embedding: bool = False,
        sizes: Sequence[tuple[int, int]] | None = None,
    ) -> list[GarmentPrediction]:
        """Predict N pictures as one batch, and decide every attribute of each.

        Resampling shifted the prior of the probabilities; the shift is undone if the card knows the
        natural proportions.

        Args:
            images: encoded pictures.
            boxes: where the garment is known to be, in pixels of the upright picture; None, or
                None in a place, has the network look for it.
            top_k: number of classes to list for every attribute.
            min_confidence: a best class below it is `uncertain`.
            embedding: whether to return the vector, too.
            sizes: width and height of the upright pictures, if the caller has read them already.

        Returns:
            N predictions in order. One of a picture that does not decode holds its `problem`; it
            changes no other picture's prediction.
        """
        pictures = [
            EncodedPicture(str(n), data, boxes[n] if boxes else None, sizes[n] if sizes else None)
            for n, data in enumerate(images)
        ]
        (batch,) = loop.predict_batches(
            self, pictures, device=self.device, batch_size=max(len(pictures), 1),
            unreadable=Unreadable.SKIP,
        )  # fmt: skip
        probs = self.natural(batch.columns)
        described = {n: GarmentPrediction(problem=str(p)) for n, p in batch.problems.items()}
        for row, n in enumerate(batch.rows):
            picture, score = pictures[n], float(batch.columns["box_score"][row])
            size = picture.size or image_files.upright_size(picture.image)
            described[n] = GarmentPrediction(
                prediction.decide(
                    {a: p[row] for a, p in probs.items()}, self.taxonomy, top_k, min_confidence
                ),
                picture.box or self._box(batch.columns["box"][row], size, score),
                score,
                size,
                tuple(batch.columns["vector"][row].tolist()) if embedding else None,
            )
        return [described[n] for n in range(len(pictures))]

    def predict_decoded(
        self, decoded: Sequence[Image.Image], boxes: Sequence[Box | None]
    ) -> Columns:
        """Look at whole pictures, then, if configured, at their garments.

        Only `loop.predict_batches` calls this method.

        Args:
            decoded: N pictures of `decode`.
            boxes: where each garment is known to be, in pixels of the decoded picture, or None.

        Returns:
            The columns of `loop.PredictedBatch` for N rows; boxes in fractions of the picture.
        """
        keep = self.card.config.keep_aspect
        size = np.array([i.size for i in decoded], dtype=np.float64).reshape(-1, 2)
        regions = np.array([image_files.whole_region(i.size, keep) for i in decoded]).reshape(-1, 4)
        known = np.array([b or UNKNOWN_BOX for b in boxes]).reshape(-1, 4)
        shots = self._embed_plain(decoded, known)
        found = self._look(decoded, regions, known, shots, self.card.config.flip_px)
        if self.card.config.second_look and len(decoded):
            place = np.where(np.isnan(known).any(1, keepdims=True), found["box"], known)
            closer = self._look(decoded, widen(place, keep), known, shots)
            found = _merge(found, closer, self.card.config.presence)
        found["box"] = (found["box"] / np.concatenate([size, size], 1)).clip(0, 1)
        return {name: values.astype(np.float32) for name, values in found.items()}

    def recognise(
        self,
        image: NDArray[np.uint8],
        box: NDArray[Any] | None = None,
        shots: PlainShots | None = None,
    ) -> Columns:
        """Run the network on squares, in one look.

        Args:
            image: uint8 (N, 3, S, S), RGB.
            box: (N, 4) in fractions of the square; NaN rows where the garment may be anywhere.
            shots: what the network for plain shots made of those that are plain shots.

        Returns:
            box (N, 4) in fractions of the square, box_score (N,), vector (N, D) and calibrated
            probs_<attribute> (N, V + 1).
        """
        place = None if box is None else torch.from_numpy(box.astype(np.float32)).to(self.device)
        with torch.inference_mode():
            output = self.model(self._put(image), place, shots)
        probs = calibrate(output, self.taxonomy.ids, self.card.temperatures)
        return {
            "box": output.location.box.float().cpu().numpy(),
            "box_score": output.location.score.float().cpu().numpy(),
            "vector": output.vector.float().cpu().numpy(),
            **{f"probs_{a}": p for a, p in probs.items()},
        }

    def natural(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """Return probabilities (N, V + 1) per attribute under the natural prior.

        An attribute whose natural proportions the card does not know keeps the training prior.
        """
        card = self.card
        return {
            a: undo_prior(columns[f"probs_{a}"], card.train_priors[a], card.natural_priors[a])
            if a in card.natural_priors and a in card.train_priors
            else columns[f"probs_{a}"]
            for a in self.taxonomy.ids
        }

    def _embed_plain(
        self, decoded: Sequence[Image.Image], known: NDArray[Any]
    ) -> tuple[PlainShots | None, PlainShots | None]:
        """Embed the plain shots among the pictures, and their mirror images, once for both looks.

        A picture with a known box is left to the regions: the caller means the garment in the box,
        not the picture as a whole.
        """
        cfg = self.card.config
        if not cfg.plain_share or not len(decoded):
            return None, None
        plain = np.array([plain_shots.cut_plain(i, cfg.plain_size) for i in decoded])
        plain[~np.isnan(known).any(1)] = 0
        with torch.inference_mode():
            shots = self.model.embed_plain(self._put(plain))
            mirrored = (
                self.model.embed_plain(self._put(plain[..., ::-1])) if cfg.test_flip else None
            )
        return shots, mirrored

    def _look(
        self,
        decoded: Sequence[Image.Image],
        regions: NDArray[Any],
        known: NDArray[Any],
        shots: tuple[PlainShots | None, PlainShots | None],
        flip_px: int | None = None,
    ) -> Columns:
        """Look once at a region of each picture and at its mirror image; boxes in pixels of the picture."""
        low, extent = np.tile(regions[:, :2], 2), np.tile(regions[:, 2:] - regions[:, :2], 2)
        place = (known - low) / extent
        image = _cut(decoded, regions, self.input_px)
        found = self.recognise(image, place.clip(0, 1), shots[0])
        if self.card.config.test_flip and len(decoded):
            sized = _cut(decoded, regions, flip_px) if flip_px else image
            mirrored = self.recognise(sized[..., ::-1], mirror(place), shots[1])
            found = _join(found, mirrored | {"box": mirror(mirrored["box"])})
        found["box"] = found["box"] * extent + low
        return found

    def _put(self, pixels: NDArray[np.uint8]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device)

    def _box(self, fractions: NDArray[Any], size: tuple[int, int], score: float) -> Box | None:
        if score < self.card.box_threshold:
            return None
        x0, y0, x1, y1 = (fractions * np.array(size * 2)).tolist()
        return x0, y0, x1, y1


def to_table(columns: Mapping[str, NDArray[Any]], num_values: Mapping[str, int]) -> pa.Table:
    """Turn columns of `loop.PredictedBatch.to_columns` into a table of `schemas.prediction_schema`.

    Args:
        columns: N rows of each.
        num_values: V of each attribute, "not visible" not counted.
    """
    schema = schemas.prediction_schema(dict(num_values))
    arrays = [pa.array(list(columns[field.name]), field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _merge(first: Columns, second: Columns, presence: bool) -> Columns:
    """Merge two looks; the box is that of the closer one.

    If presence was trained, the score is the mean of both looks' log-odds, in which a low score weighs
    as much as a high one. Without presence it is the first look's, because the scores of single cells
    are often wrong in a close look at clutter.
    """
    score = first["box_score"]
    if presence:
        score = expit((_log_odds(score) + _log_odds(second["box_score"])) / 2)
    return _average(first, second) | {"box": second["box"], "box_score": score}


def _log_odds(score: NDArray[Any]) -> NDArray[Any]:
    odds: NDArray[Any] = logit(score.astype(np.float64).clip(SURE, 1 - SURE))
    return odds


def _cut(decoded: Sequence[Image.Image], regions: NDArray[Any], side: int) -> NDArray[np.uint8]:
    """Cut a region of each picture as a square: uint8 (N, 3, side, side)."""
    squares = [
        image_files.crop(i, tuple(r), side) for i, r in zip(decoded, regions.tolist(), strict=True)
    ]
    return np.array(squares, np.uint8).reshape(-1, side, side, 3).transpose(0, 3, 1, 2)


def _join(found: Columns, mirrored: Columns) -> Columns:
    """Merge a view of a region with that of its mirror image."""
    surer = mirrored["box_score"] > found["box_score"]
    return _average(found, mirrored) | {"box": agree(found["box"], mirrored["box"], surer)}


def _average(first: Columns, second: Columns) -> Columns:
    return {name: (first[name] + second[name]) / 2 for name in first}
