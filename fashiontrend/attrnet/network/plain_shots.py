"""Plain product shots: told by the background they share, which says where the garment is."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from fashiontrend import images

Mask: TypeAlias = NDArray[np.bool_]

#: Largest difference of a background pixel from the rim's median, in grey levels of any channel.
TOLERANCE = 14
#: Part of the rim that is background in a plain shot; a model cut by the rim leaves that much.
PLAIN_RIM = 0.55
#: Part of the rim that is background where there is nothing in the picture but one garment.
CLEAR_RIM = 0.8
#: A garment covers at least and at most these parts of the picture.
LEAST, MOST = 0.01, 0.97
#: Part of the largest piece below which a piece is dust.
DUST = 0.02


def find_garment(pixels: NDArray[np.uint8]) -> Mask | None:
    """The garment of a plain shot, with everything else that is not background (a model, too).

    Background is what looks like the median of the rim and is joined to the rim.

    Args:
        pixels: (H, W, 3) of the picture itself, without padding.

    Returns:
        (H, W), or None where the background is not plain.
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
    """The background's colour (3,) of a plain shot: what most of the rim looks like.

    Args:
        pixels: (H, W, 3).
        least: part of the rim that has to look like it.

    Returns:
        Its levels, or None where the picture is no plain shot.
    """
    levels = pixels.astype(np.int16)
    rim = np.concatenate([levels[0], levels[-1], levels[1:-1, 0], levels[1:-1, -1]])
    median: NDArray[np.float64] = np.median(rim, axis=0)
    alike = np.abs(rim - median).max(1) <= TOLERANCE
    return median if alike.mean() >= least else None


def see_plain(image: Image.Image, size: tuple[int, int]) -> images.Pixels:
    """A plain shot as a whole, not stretched; zeros if the picture is none.

    Its rim has to be clearer than a mask needs: pictures of cloth with a garment somewhere are to be
    left out, and shots with a garment that is cut by the rim are few.

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
    """The box of what is in a mask that is not empty, in fractions."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    height, width = mask.shape
    return (
        float(columns[0] / width), float(rows[0] / height),
        float((columns[-1] + 1) / width), float((rows[-1] + 1) / height),
    )  # fmt: skip


def cut(mask: Mask, region: images.Region, size_px: int) -> NDArray[np.uint8]:
    """What `pictures.cut` makes of a mask: 255 in the garment, 0 elsewhere and beyond the picture."""
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
