"""Plain product shots: they are recognised by their uniform background, which also gives the garment's mask."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from fashiontrend import images

Mask: TypeAlias = NDArray[np.bool_]

#: Largest difference, in levels of any channel, of a background pixel from the median of the rim.
TOLERANCE = 14
#: Least part of the rim that is background in a plain shot; a model who is cut by the rim leaves that much.
PLAIN_RIM = 0.55
#: Least part of the rim that is background in a picture of nothing but one garment.
CLEAR_RIM = 0.8
#: Least and largest part of the picture that a garment covers.
LEAST, MOST = 0.01, 0.97
#: Pieces below this part of the largest piece are dust.
DUST = 0.02


def find_garment(pixels: NDArray[np.uint8]) -> Mask | None:
    """Find the mask of everything in a plain shot that is not background: the garment, and a model, too.

    Background pixels look like the median of the rim and are connected to the rim.

    Args:
        pixels: (H, W, 3) of the picture itself, without padding.

    Returns:
        (H, W), or None if the background is not plain.
    """
    ground = find_ground(pixels)
    if ground is None:
        return None
    levels = pixels.astype(np.int16)
    alike = np.abs(levels - ground).max(2) <= TOLERANCE
    pieces, _ = ndimage.label(alike)
    outer = np.unique(np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]]))
    garment = _without_dust(~np.isin(pieces, outer[outer > 0]))
    return garment if LEAST <= garment.mean() <= MOST else None


def find_ground(pixels: NDArray[np.uint8], least: float = PLAIN_RIM) -> NDArray[np.float64] | None:
    """Find the background colour of a plain shot: the median of its rim.

    Args:
        pixels: uint8 (H, W, 3).
        least: part of the rim that has to look like the median.

    Returns:
        Levels (3,), or None if the picture is no plain shot.
    """
    levels = pixels.astype(np.int16)
    rim = np.concatenate([levels[0], levels[-1], levels[1:-1, 0], levels[1:-1, -1]])
    median: NDArray[np.float64] = np.median(rim, axis=0)
    alike = np.abs(rim - median).max(1) <= TOLERANCE
    return median if alike.mean() >= least else None


def cut_plain(image: Image.Image, size: tuple[int, int]) -> images.Pixels:
    """Cut a plain shot as a whole, not stretched; zeros if the picture is no plain shot.

    The rim has to be clearer than for a mask: pictures of cloth with a garment somewhere must be left out,
    and few shots show a garment that is cut by the rim.

    Args:
        image: RGB.
        size: height and width.

    Returns:
        uint8 (3, height, width).
    """
    height, width = size
    region = images.whole_region(image.size, True, width / height)
    shot = images.crop(image, region, (width, height))
    if find_ground(shot, CLEAR_RIM) is None:
        shot = np.zeros_like(shot)
    return np.ascontiguousarray(shot.transpose(2, 0, 1))


def bound(mask: Mask) -> tuple[float, float, float, float]:
    """Find the box of a mask that is not empty, in fractions of the picture."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    height, width = mask.shape
    return (
        float(columns[0] / width), float(rows[0] / height),
        float((columns[-1] + 1) / width), float((rows[-1] + 1) / height),
    )  # fmt: skip


def cut(mask: Mask, region: images.Region, size_px: int) -> NDArray[np.uint8]:
    """Cut a region of a mask as `images.cut` cuts a picture: 255 inside the garment, 0 elsewhere and beyond the edge."""
    height, width = mask.shape
    left, top = max(0, round(-region[0])), max(0, round(-region[1]))
    right, bottom = max(0, round(region[2] - width)), max(0, round(region[3] - height))
    levels = np.pad(mask.astype(np.uint8) * 255, ((top, bottom), (left, right)))
    square = Image.fromarray(levels).resize((size_px, size_px), Image.Resampling.BILINEAR)
    return np.asarray(square)


def _without_dust(mask: Mask) -> Mask:
    pieces, count = ndimage.label(mask, np.ones((3, 3)))
    if not count:
        return mask
    sizes = np.bincount(pieces.ravel())[1:]
    kept = np.flatnonzero(sizes >= DUST * sizes.max()) + 1
    return np.asarray(np.isin(pieces, kept), dtype=bool)
