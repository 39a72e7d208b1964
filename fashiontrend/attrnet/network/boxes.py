"""Arithmetic of N boxes as arrays (N, 4): x0, y0, x1, y1, in pixels or in fractions of a picture."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

#: Least intersection over union of two boxes of one garment (AP@0.5).
IOU_THRESHOLD = 0.5
#: Side of the second look, as a multiple of the longer side of the box that the first look found.
MARGIN = 1.25


def measure_iou(a: Floats, b: Floats) -> Floats:
    """Compute the intersection over union of boxes in pairs: (N, 4), (N, 4) -> (N,)."""
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    both = np.clip(sides, 0, None).prod(1)
    areas = [np.clip(x[:, 2:] - x[:, :2], 0, None).prod(1) for x in (a, b)]
    return np.asarray(both / np.maximum(areas[0] + areas[1] - both, 1e-12))


def agree(a: Floats, b: Floats, surer: NDArray[np.bool_]) -> Floats:
    """Merge the boxes that two views of the same place found.

    Args:
        a: (N, 4), boxes of one view.
        b: (N, 4), boxes of the other view.
        surer: (N,), whether the other view has the higher score.

    Returns:
        (N, 4), the mean of both boxes; or the box of the surer view if they are not of one garment,
        because the mean would be of neither.
    """
    apart = measure_iou(a, b) < IOU_THRESHOLD
    one = np.where(surer[:, None], b, a)
    return np.where(apart[:, None], one, (a + b) / 2)


def mirror(box: Floats) -> Floats:
    """Mirror boxes in fractions of a picture, left to right."""
    return np.stack([1 - box[:, 2], box[:, 1], 1 - box[:, 0], box[:, 3]], 1)


def widen(box: Floats, keep_aspect: bool) -> Floats:
    """Widen boxes in pixels by a margin to regions (N, 4), which are squares if the aspect is kept."""
    centre, extent = (box[:, :2] + box[:, 2:]) / 2, (box[:, 2:] - box[:, :2]).clip(min=2.0)
    half = (extent.max(1, keepdims=True) if keep_aspect else extent) * MARGIN / 2
    return np.concatenate([centre - half, centre + half], 1)
