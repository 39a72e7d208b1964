"""Small versions of the sample pictures that keywords name."""

import io

from fashiontrend import images

MEDIA_TYPE = "image/jpeg"
QUALITY = 82


def shrink(data: bytes, longest_px: int) -> bytes:
    """Return an upright JPEG.

    Args:
        data: an encoded picture.
        longest_px: longest side of the result in pixels; a smaller picture is not enlarged.

    Raises:
        PictureError: the bytes are not a usable picture.
    """
    sink = io.BytesIO()
    images.resize(data, longest_px).save(sink, "JPEG", quality=QUALITY, optimize=True)
    return sink.getvalue()
