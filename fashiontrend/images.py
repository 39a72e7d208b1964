"""Check the bytes of pictures, and decode them to RGB pixels.

Shops send anything: a challenge page named `.jpg`, half a file, a palette, CMYK, a 16-bit scan, a
decompression bomb. `inspect` accepts or rejects bytes once, at ingest, with a countable reason;
`decode` turns accepted bytes into the square of pixels that AttrNet takes.
"""

import contextlib
import functools
import hashlib
import io
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from fashiontrend.config import IngestConfig
from fashiontrend.errors import PictureError

Pixels: TypeAlias = NDArray[np.uint8]
#: x0, y0, x1, y1 in pixels of an upright picture; a region may extend beyond the picture.
Region: TypeAlias = tuple[float, float, float, float]

#: Formats that shops use. Some others that PIL knows run interpreters or have no size limit.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
#: First bytes that distinguish a truncated picture from something that is no picture.
SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
EXIF_ORIENTATION = 0x0112
#: EXIF orientation -> the operation that makes the picture upright (Exif 2.32, table 4.6.4 A).
UPRIGHT_OPERATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
WHITE = (255, 255, 255, 255)
JPEG_END, JPEG_SCAN = b"\xff\xd9", b"\xff\xda"
#: A progressive JPEG has about ten scans, and each costs a pass over all pixels. A picture with more than
#: the first number is refused; one that lacks its end is mended with at most the second.
MAX_SCANS, MAX_MENDED_SCANS = 20, 20
#: Pixels times scans of a JPEG: ten scans of forty megapixels, a third of a second of one core.
MAX_SCANNED_PIXELS = 400_000_000
#: Larger pictures than this, in pixels, are made smaller before their colours are converted, as JPEGs are.
LARGE_PIXELS = 4_000_000
#: Grey pixels with more than 8 bits that are converted at a time.
STRIP_PIXELS = 1 << 20
#: Formats whose frames follow one another in time; the frames of an MPO are views of one moment.
ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")
#: Frames of an animation that are looked at, and the range of grey levels of a frame that shows nothing.
MAX_FRAMES, BLANK_RANGE = 5, 8
#: Colour profiles of more bytes than this are not applied: printers' have half as many at most.
MAX_PROFILE_BYTES = 4 << 20


@dataclass(frozen=True)
class PictureInfo:
    """Properties of a usable picture."""

    picture_id: str  # SHA-256 of its bytes in hex
    width: int  # pixels of the upright picture
    height: int
    format: str  # by content, one of FORMATS


def identify(data: bytes) -> str:
    """Return a picture's id, the SHA-256 of its bytes in hex."""
    return hashlib.sha256(data).hexdigest()


def inspect(data: bytes, limits: IngestConfig) -> PictureInfo:
    """Check a picture completely: first the size limits by its header, then every coded byte.

    The content decides the format, never a name or a Content-Type. The first frame of an animation
    that shows something is checked. Pictures of 179 megapixels or more are refused even if `limits` allows them.

    Raises:
        PictureError: the message starts with `empty`, `too_large` (bytes), `unsupported` (not a picture),
            `bomb` (more than `limits.max_pixels`; nothing was decoded), `too_small` or
            `truncated` (the data end early or are damaged).
    """
    image = _open_within(data, limits)
    # Decoding a JPEG at an eighth of its size also reads all coded bytes, in a fraction of the time.
    width, height = image.size
    image = _load_as(image, data, (max(1, width // 8), max(1, height // 8)))
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    return PictureInfo(identify(data), *_upright_size(image, width, height), kind)


def upright_size(data: bytes, limits: IngestConfig | None = None) -> tuple[int, int]:
    """Return width and height of the upright picture in pixels, from its header alone.

    Args:
        data: an encoded picture.
        limits: limits of size, which are not checked if none are given.

    Raises:
        PictureError: as `inspect`, except for damage after the header, which `decode` finds.
    """
    image = _open(data) if limits is None else _open_within(data, limits)
    return _upright_size(image, *image.size)


def _open_within(data: bytes, limits: IngestConfig) -> Image.Image:
    if not data:
        raise PictureError("empty: no bytes. Fetch the picture again.")
    if len(data) > limits.max_image_bytes:
        raise PictureError(
            f"too_large: {len(data)} bytes, at most {limits.max_image_bytes} are taken. "
            "Raise ingest.max_image_bytes if the shop really needs it."
        )
    image = _open(data)
    width, height = image.size
    if width * height > limits.max_pixels:
        raise PictureError(
            f"bomb: {width} x {height} pixels in {len(data)} bytes, at most {limits.max_pixels} "
            "pixels are taken. Raise ingest.max_pixels if the shop really needs it."
        )
    if min(width, height) < limits.min_side_px:
        raise PictureError(
            f"too_small: {width} x {height} pixels, each side needs {limits.min_side_px}. "
            "It is probably a placeholder or a tracking pixel."
        )
    return image


def _upright_size(image: Image.Image, width: int, height: int) -> tuple[int, int]:
    return (height, width) if _orientation(image) >= 5 else (width, height)


def decode(data: bytes, size_px: int, *, keep_aspect: bool = False) -> Pixels:
    """Return the upright picture as a square of RGB pixels.

    Transparent pixels become white, as on a shop's page. Check bytes of unknown origin with
    `inspect` first, which bounds the memory that this function needs.

    Args:
        data: an encoded picture.
        size_px: side of the square.
        keep_aspect: True centres the picture in the square and repeats its edge pixels on both
            sides; False stretches it. Neither loses a part of the garment.

    Returns:
        uint8 array (size_px, size_px, 3).

    Raises:
        PictureError: `empty`, `unsupported`, `bomb` or `truncated`, as in `inspect`.
    """
    image = read(data, size_px * 2)
    return crop(image, whole_region(image.size, keep_aspect), size_px)


def read(data: bytes, enough_px: int) -> Image.Image:
    """Return the upright picture as an RGB image.

    Args:
        data: an encoded picture.
        enough_px: a JPEG is decoded at a fraction of its size if both sides keep this many pixels.

    Raises:
        PictureError: as `decode`.
    """
    if not data:
        raise PictureError("empty: no bytes. Fetch the picture again.")
    image = _load_as(_open(data), data, (enough_px, enough_px))
    orientation = _orientation(image)
    try:
        plain = _plain(_reduced(image, enough_px))
    except (ValueError, OSError) as error:
        raise PictureError(
            f"unsupported: pixels of mode {image.mode} have no RGB form ({error}). Convert it."
        ) from None
    if plain.mode == "RGBA":
        plain = Image.alpha_composite(Image.new("RGBA", plain.size, WHITE), plain).convert("RGB")
    return (
        plain.transpose(UPRIGHT_OPERATIONS[orientation])
        if orientation in UPRIGHT_OPERATIONS
        else plain
    )


def whole_region(size: tuple[int, int], keep_aspect: bool, aspect: float = 1.0) -> Region:
    """Return the region for `crop` that contains a whole picture.

    Args:
        size: width and height of the picture.
        keep_aspect: True widens the region on both sides instead of stretching the picture.
        aspect: width divided by height of the result of `crop`.
    """
    width, height = size
    if not keep_aspect:
        return 0.0, 0.0, float(width), float(height)
    tall = max(height, width / aspect)
    wide = tall * aspect
    left, top = (width - wide) / 2, (height - tall) / 2
    return left, top, left + wide, top + tall


def crop(image: Image.Image, region: Region, size_px: int | tuple[int, int]) -> Pixels:
    """Crop a region of a picture and stretch it to a size.

    Outside the picture, its edge pixels are repeated.

    Args:
        image: RGB.
        region: x0, y0, x1, y1 in pixels; it may extend beyond the picture.
        size_px: side of a square, or width and height.

    Returns:
        uint8 array (height, width, 3).
    """
    size = np.broadcast_to(size_px, 2)
    low, high = np.array(region[:2]), np.array(region[2:])
    limit = np.array(image.size, dtype=np.float64)
    scale = size / np.maximum(high - low, 1e-6)
    inner_low = np.clip(low, 0, limit - 1)
    inner_high = np.clip(high, inner_low + 1e-3, limit)
    first = np.clip(np.rint((inner_low - low) * scale), 0, size - 1).astype(int)
    last = np.clip(np.rint((inner_high - low) * scale), first + 1, size).astype(int)
    width, height = (last - first).tolist()
    box = (*inner_low.tolist(), *inner_high.tolist())
    part = image.resize((width, height), Image.Resampling.BILINEAR, box=box, reducing_gap=3)
    (left, top), (right, bottom) = first, size - last
    return np.pad(np.asarray(part), ((top, bottom), (left, right), (0, 0)), mode="edge")


def _open(data: bytes) -> Image.Image:
    """Read the header only; refuse a JPEG of so many scans that to decode it would take minutes."""
    # The bytes of a mark cannot occur among coded pixels; an embedded thumbnail may have a few more.
    if data.startswith(b"\xff\xd8") and (scans := data.count(JPEG_SCAN)) > MAX_SCANS:
        raise PictureError(
            f"bomb: {scans} scans in {len(data)} bytes, at most {MAX_SCANS} are decoded. Save the picture anew."
        )
    try:
        return _bounded(Image.open(io.BytesIO(data), formats=FORMATS), data)
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(f"bomb: {error} Leave the picture out.") from None
    except Exception as error:  # parsers of foreign bytes can raise anything, even IndexError
        reason = "truncated" if data.startswith(SIGNATURES) else "unsupported"
        raise PictureError(
            f"{reason}: {len(data)} bytes starting {data[:8]!r} do not open as one of "
            f"{', '.join(FORMATS)} ({type(error).__name__}). Fetch the picture again."
        ) from None


def _bounded(image: Image.Image, data: bytes) -> Image.Image:
    """Return a picture whose scans together decode in bounded time."""
    scanned = image.width * image.height * (data.count(JPEG_SCAN) if image.format == "JPEG" else 1)
    if scanned > MAX_SCANNED_PIXELS:
        raise PictureError(
            f"bomb: {image.width} x {image.height} pixels in several scans, at most {MAX_SCANNED_PIXELS} pixels "
            "are decoded in all scans together. Save the picture anew."
        )
    return image


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except Exception as error:  # as in _open
        raise PictureError(
            f"truncated: the {image.format} data end early or are damaged ({error}). "
            "Fetch the picture again."
        ) from None


def _load_as(image: Image.Image, data: bytes, enough: tuple[int, int]) -> Image.Image:
    """Return the picture loaded, at its frame that shows something.

    Args:
        image: of which the header was read.
        data: its bytes.
        enough: a JPEG is decoded at a fraction of its size if both sides keep this many pixels.
    """
    image.draft("RGB", enough)
    try:
        _load(image)
    except PictureError:
        if not _lacks_end_only(data, image):
            raise
        image = _open(data + JPEG_END)
        image.draft("RGB", enough)
        _load(image)
    _leave_blank_frames(image)
    return image


def _lacks_end_only(data: bytes, image: Image.Image) -> bool:
    """Return whether a JPEG lacks its end mark and no pixel.

    What follows the coded pixels does not matter to a decoder. So if all of them are there, other bytes
    in the place of missing ones give the same picture; otherwise they give another one.
    """
    scans = data.count(JPEG_SCAN)
    if image.format != "JPEG" or not 0 < scans <= MAX_MENDED_SCANS:
        return False
    try:
        ended, filled = (
            Image.open(io.BytesIO(data + more + JPEG_END), formats=("JPEG",)).tobytes()
            for more in (b"", b"\x5a\xa5" * 512)
        )
    except Exception:  # as in _open
        return False
    return ended == filled


def _leave_blank_frames(image: Image.Image) -> None:
    """Go to the first frame of an animation that shows more than one colour, among its first few."""
    if image.format not in ANIMATED or not getattr(image, "is_animated", False):
        return
    with contextlib.suppress(Exception):  # as in _open; a damaged later frame leaves the first one
        for frame in range(1, MAX_FRAMES):
            if not _is_blank(image):
                return
            image.seek(frame)
            image.load()
    if _is_blank(image):
        image.seek(0)
        _load(image)


def _is_blank(image: Image.Image) -> bool:
    low, high = image.convert("L").getextrema()
    return float(high) - float(low) <= BLANK_RANGE  # type: ignore[arg-type]


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(EXIF_ORIENTATION, 1))
    except Exception:  # EXIF is damaged, pixels are good: viewers then do not rotate
        return 1


def _plain(image: Image.Image) -> Image.Image:
    """Return the picture as sRGB, or with transparency as RGBA; both resize smoothly."""
    profile = image.info.get("icc_profile")
    if isinstance(profile, bytes) and 0 < len(profile) <= MAX_PROFILE_BYTES:
        return _in_srgb(image, profile)
    return _without_profile(image)


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Return a picture whose colours mean what its profile says; a profile that does not fit is ignored."""
    pixels = image if image.mode in ("CMYK", "L") else _without_profile(image)
    try:
        transform = _to_srgb(profile, "RGB" if pixels.mode == "RGBA" else pixels.mode)
        if transform is None:
            return _without_profile(image)
        if pixels.mode != "RGBA":
            return transform.apply(pixels)
        colours = transform.apply(pixels.convert("RGB"))
        colours.putalpha(pixels.getchannel("A"))
        return colours
    except (ImageCms.PyCMSError, ValueError, OSError, TypeError):
        return _without_profile(image)


@functools.lru_cache(maxsize=32)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform of a profile to sRGB, None if it is sRGB already, as nearly always."""
    stated = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if "srgb" in ImageCms.getProfileDescription(stated).lower():
        return None
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    return ImageCms.ImageCmsTransform(stated, srgb, mode, "RGB")


def _without_profile(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        image = Image.fromarray(_eight_bits(np.asarray(image)))
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("RGB")


def _reduced(image: Image.Image, enough_px: int) -> Image.Image:
    """Return a large picture at a half, a quarter or an eighth of its size, if both sides keep `enough_px`.

    A JPEG was decoded so. Of the other formats only kinds of pixels are reduced whose average means something.
    """
    least = min(image.size)
    factor = next((f for f in (8, 4, 2) if least // f >= enough_px), 1)
    keyed = "transparency" in image.info and image.mode != "P"  # one exact colour is transparent
    if image.width * image.height <= LARGE_PIXELS or factor == 1 or keyed:
        return image
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    return image.reduce(factor) if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK") else image


def _eight_bits(grey: NDArray[np.generic]) -> Pixels:
    """Scale grey pixels of 16 bits, or of another range from 0, to 8 bits, strip by strip."""
    top = float(np.nan_to_num(grey.max(initial=0)))
    full = 65535.0 if 255.0 < top <= 65535.0 else max(top, 255.0 if top > 1.0 else 1.0)
    scaled = np.empty(grey.shape, np.uint8)
    rows = max(1, STRIP_PIXELS // max(grey.shape[1], 1))
    for start in range(0, len(grey), rows):
        values = np.nan_to_num(grey[start : start + rows].astype(np.float64))
        scaled[start : start + rows] = np.clip(values * (255.0 / full), 0, 255).round()
    return scaled


def resize(data: bytes, longest_px: int, *, enlarge: bool = False) -> Image.Image:
    """Return the upright RGB picture, scaled without changing its aspect.

    Args:
        data: an encoded picture.
        longest_px: length of the longer side in pixels.
        enlarge: True also enlarges smaller pictures; False keeps their size.

    Raises:
        PictureError: the bytes are not a usable picture.
    """
    width, height = upright_size(data, IngestConfig(min_side_px=1))
    scale = longest_px / max(width, height)
    scale = scale if enlarge else min(1.0, scale)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    square = Image.fromarray(decode(data, 2 * max(size)))
    return square.resize(size, Image.Resampling.LANCZOS)
