"""Sample pictures, small: only those that served keywords name."""

import io

from fashiontrend import images

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
    sink = io.BytesIO()
    images.resize(data, longest_px).save(sink, "JPEG", quality=QUALITY, optimize=True)
    return sink.getvalue()
