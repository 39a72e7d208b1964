"""Sample garments: a thumbnail with the recogniser's box, inline in the page."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np
from PIL import Image, ImageDraw

from fashiontrend import images
from fashiontrend.errors import PictureError
from fashiontrend.keywords.published import Sample

#: Longest side of a thumbnail. A dark line on a light one shows on any garment.
SIZE_PX, LIGHT, DARK, TRUE = 120, (255, 255, 255), (26, 24, 22), (10, 140, 80)
#: Length and gap of the dashes of a true box, in pixels.
DASH_PX, GAP_PX = 6, 4
QUALITY = 80


def thumbnail(data: bytes, box: Sequence[float] | None, true: Sequence[float] | None = None) -> str:
    """A picture as a data URI, upright, 120 px at its longest side, with its boxes drawn.

    Args:
        data: an encoded picture.
        box: the found one, fractions x0, y0, x1, y1; None if there is none.
        true: the annotated one, drawn dashed.

    Raises:
        PictureError: the bytes are not a usable picture.
    """
    image = images.resize(data, SIZE_PX, enlarge=True)
    pen = ImageDraw.Draw(image)
    if box is not None and len(box) == 4:
        corners = _corners(image, box)
        pen.rectangle(corners, outline=LIGHT, width=4)
        pen.rectangle(corners, outline=DARK, width=2)
    if true is not None:
        _draw_dashed(pen, _corners(image, true))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY, optimize=True, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def _corners(image: Image.Image, box: Sequence[float]) -> tuple[float, float, float, float]:
    width, height = image.size
    x0, x1 = sorted(min(max(float(v), 0.0), 1.0) * (width - 1) for v in (box[0], box[2]))
    y0, y1 = sorted(min(max(float(v), 0.0), 1.0) * (height - 1) for v in (box[1], box[3]))
    return x0, y0, x1, y1


def _draw_dashed(pen: ImageDraw.ImageDraw, box: tuple[float, float, float, float]) -> None:
    x0, y0, x1, y1 = box
    pen.rectangle(box, outline=LIGHT, width=2)
    for x in np.arange(x0, x1, DASH_PX + GAP_PX):
        for y in (y0, y1):
            pen.line((x, y, min(x + DASH_PX, x1), y), fill=TRUE, width=2)
    for y in np.arange(y0, y1, DASH_PX + GAP_PX):
        for x in (x0, x1):
            pen.line((x, y, x, min(y + DASH_PX, y1)), fill=TRUE, width=2)


@dataclass(frozen=True)
class ShownSample:
    """A sample garment: its picture as a data URI, its title, and its address in the shop."""

    src: str
    title: str
    href: str | None
    alt: str


def show_samples(
    samples: Sequence[Sample], held: Mapping[str, bytes], name: str
) -> list[ShownSample]:
    """What a card shows of its sample garments; those without a usable picture are left out."""
    shown = []
    for sample in samples:
        data = held.get(picture_of(sample))
        if data is None:
            continue
        try:
            uri = thumbnail(data, sample.get("box"))
        except PictureError:
            continue
        title = str(sample.get("title") or sample.get("product_id") or "product")
        shown.append(
            ShownSample(
                src=uri,
                title=title,
                href=safe_link(sample.get("url")),
                alt=f"{title}, sample of {name}",
            )
        )
    return shown


def picture_of(sample: Sample) -> str:
    """The id of a sample's picture; "" if it has none."""
    return str(sample.get("picture_id") or sample.get("image") or "")


def safe_link(url: str | None) -> str | None:
    """The address if a browser may open it: http or https, never `javascript:`."""
    return url if url and urlsplit(url).scheme in ("http", "https") else None
