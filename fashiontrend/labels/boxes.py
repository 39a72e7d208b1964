"""Boxes of labelling tools as fractions of the picture: rotated ones become the upright box around them."""

import math
from collections.abc import Sequence
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]
#: x0, y0, x1, y1 in pixels or as fractions.
Corners: TypeAlias = tuple[float, float, float, float]


def turned_hull(corners: Corners, pivot: Point, degrees: float) -> Corners:
    """Return the upright box around a box that is turned clockwise about a point.

    Args:
        corners: of the box before it is turned, in pixels. Sides in per cent would be turned wrongly,
            because a per cent of the width and one of the height are of different lengths.
        pivot: stays where it is.
        degrees: clockwise, with y pointing down.
    """
    x0, y0, x1, y1 = corners
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned = [
        (
            pivot[0] + (x - pivot[0]) * cos - (y - pivot[1]) * sin,
            pivot[1] + (x - pivot[0]) * sin + (y - pivot[1]) * cos,
        )
        for x in (x0, x1)
        for y in (y0, y1)
    ]
    xs, ys = zip(*turned, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def clipped_fractions(corners: Corners, size: Sequence[float]) -> list[float] | None:
    """Return corners in pixels as fractions of the picture, cut off at its edges; None if nothing is left.

    Args:
        corners: x0, y0, x1, y1 in pixels.
        size: width and height of the picture in pixels.
    """
    # Nine decimals are finer than any pixel and hide the last bits of a turn by 90 degrees.
    x0, y0, x1, y1 = (
        round(min(max(v / s, 0.0), 1.0), 9) for v, s in zip(corners, (*size, *size), strict=True)
    )
    return [x0, y0, x1, y1] if x0 < x1 and y0 < y1 else None
