"""Sample pictures, small: only those that served keywords name."""

import io

from PIL import Image

from fashiontrend import pictures
from fashiontrend.config import IngestConfig

MEDIA_TYPE = "image/jpeg"
QUALITY = 82


def shrink(data: bytes, longest_px: int) -> bytes:
    """An upright JPEG.

    Args:
        data: an encoded picture.
        longest_px: of the answer's sides; a smaller picture is not enlarged.

    Raises:
        PictureError: the bytes are not a usable picture.
    """
    width, height = pictures.glance(data, IngestConfig(min_side_px=1))
    scale = min(1.0, longest_px / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    square = Image.fromarray(pictures.decode(data, max(size)))
    sink = io.BytesIO()
    square.resize(size, Image.Resampling.LANCZOS).save(sink, "JPEG", quality=QUALITY, optimize=True)
    return sink.getvalue()
