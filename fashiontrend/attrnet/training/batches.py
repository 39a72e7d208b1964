"""The batch that a training step and the losses read."""

from typing import Any, NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """B training pictures with A attributes.

    Attributes:
        image: uint8 (B, 3, H, W), RGB; before augmentation a fourth channel may hold the
            garment's mask, see `augment.vary`.
        labels: int64 (B, A), index of the value, V = not visible, -1 = unlabelled.
        weights: float32 (B, A), confidence of the label; 0 if there is none.
        box: float32 (B, 4), fractions x0, y0, x1, y1; NaN rows if no box was drawn, a box of no size
            if the picture is known to show no garment.
        title_words: float32 (B, W), 1 for each of the W frequent words that stands in the picture's
            title, else 0; NaN rows for pictures without a title; W may be 0.
        names: B names of the pictures, for messages; may be empty.
        plain: uint8 (B, 3, h, w), the plain shots among the pictures as a whole, all zeros for the
            others; None if the model has no network for them.
    """

    image: Tensor
    labels: Tensor
    weights: Tensor
    box: Tensor
    title_words: Tensor | None = None
    names: tuple[str, ...] = ()
    plain: Tensor | None = None

    def to(self, device: str) -> "Batch":
        """Return the batch with its tensors on a device."""
        moved: dict[str, Any] = {
            name: part.to(device, non_blocking=True)
            for name, part in self._asdict().items()
            if isinstance(part, Tensor)
        }
        return self._replace(**moved)
