"""Boxes as arrays: N of them, (N, 4), x0, y0, x1, y1, in pixels or as fractions of a picture."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

#: Two boxes that share less than this are not of one garment (AP@0.5).
IOU_THRESHOLD = 0.5
#: The second look's side beside the longer side of the box that the first one found.
MARGIN = 1.25


def measure_iou(a: Floats, b: Floats) -> Floats:
    """Intersection over union of boxes in pairs: (N, 4), (N, 4) -> (N,)."""
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    both = np.clip(sides, 0, None).prod(1)
    areas = [np.clip(x[:, 2:] - x[:, :2], 0, None).prod(1) for x in (a, b)]
    return np.asarray(both / np.maximum(areas[0] + areas[1] - both, 1e-12))


def agree(a: Floats, b: Floats, surer: NDArray[np.bool_]) -> Floats:
    """One box for what two views of the same place found.

    Args:
        a: (N, 4), one view's.
        b: (N, 4), the other's.
        surer: (N,), whether the other view is the surer one.

    Returns:
        (N, 4), the mean of both. Where they are not of one garment, the mean would be of neither:
        the surer view's.
    """
    apart = measure_iou(a, b) < IOU_THRESHOLD
    one = np.where(surer[:, None], b, a)
    return np.where(apart[:, None], one, (a + b) / 2)


def mirror(box: Floats) -> Floats:
    """Boxes in fractions of a picture, in its mirror image."""
    return np.stack([1 - box[:, 2], box[:, 1], 1 - box[:, 0], box[:, 3]], 1)


def widen(box: Floats, keep_aspect: bool) -> Floats:
    """Regions (N, 4) that hold boxes in pixels with a margin: squares if the aspect is kept."""
    centre, extent = (box[:, :2] + box[:, 2:]) / 2, (box[:, 2:] - box[:, :2]).clip(min=2.0)
    half = (extent.max(1, keepdims=True) if keep_aspect else extent) * MARGIN / 2
    return np.concatenate([centre - half, centre + half], 1)
