"""The recogniser as the rest of the system calls it: Ray Data's actors and the server alike."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from fashiontrend import pictures, records
from fashiontrend.attrnet import artefact
from fashiontrend.attrnet.probabilities import calibrate
from fashiontrend.errors import PictureError

Columns = dict[str, NDArray[Any]]


class Recogniser:
    """A loaded, self-tested, warm AttrNet, called with batches of encoded pictures."""

    def __init__(self, folder: str | Path, threads: int = 1, device: str = "cpu") -> None:
        """Load the model, check it, answer once.

        Args:
            folder: where `artefact.save` wrote.
            threads: of torch in this process; as many as the actor's CPUs.
            device: torch device.

        Raises:
            DataError: the model is damaged or fails its self-test.
        """
        torch.set_num_threads(threads)
        model, self.card = artefact.load(folder)
        self.model = model.to(device)
        self.device = device
        self.taxonomy = self.card.read_taxonomy()
        self.recognise(np.zeros((1, 3, self.input_px, self.input_px), np.uint8))

    @property
    def input_px(self) -> int:
        """Side of the square that pictures are stretched to."""
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
        decoded = [self._decode(data) for data in batch["image"]]
        good = np.array([d is not None for d in decoded], dtype=bool)
        side = self.input_px
        image = np.array([d for d in decoded if d is not None], dtype=np.uint8)
        found = self.recognise(image.reshape(-1, side, side, 3).transpose(0, 3, 1, 2))
        return {
            "picture_id": np.asarray(batch["picture_id"], dtype=object),
            **{name: _spread(values, good) for name, values in found.items()},
        }

    def recognise(self, image: NDArray[np.uint8]) -> Columns:
        """Recognise decoded pictures.

        Args:
            image: (N, 3, S, S), RGB.

        Returns:
            box (N, 4), box_score (N,), probs_<attribute> (N, V + 1).
        """
        with torch.inference_mode():
            output = self.model(torch.from_numpy(np.ascontiguousarray(image)).to(self.device))
        probs = calibrate(output, self.taxonomy.ids, self.card.temperatures)
        return {
            "box": output.location.box.cpu().numpy(),
            "box_score": output.location.score.cpu().numpy(),
            **{f"probs_{a}": p for a, p in probs.items()},
        }

    def _decode(self, data: bytes) -> pictures.Pixels | None:
        try:
            return pictures.decode(data, self.input_px)
        except PictureError:
            return None


def to_table(columns: Mapping[str, NDArray[Any]], num_values: Mapping[str, int]) -> pa.Table:
    """Columns of a `Recogniser` as a table of `records.prediction_schema`."""
    schema = records.prediction_schema(dict(num_values))
    arrays = [pa.array(list(columns[field.name]), field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _spread(values: NDArray[Any], good: NDArray[np.bool_]) -> NDArray[Any]:
    """Rows of good pictures at their places among all, NaN at the others."""
    if good.all():
        return values
    whole = np.full((len(good), *values.shape[1:]), np.nan, np.float32)
    whole[good] = values
    return whole
