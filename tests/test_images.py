import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from fashiontrend import images
from fashiontrend.config import IngestConfig
from fashiontrend.errors import PictureError

LIMITS = IngestConfig()


def encode(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def photo(width=120, height=80, mode="RGB") -> Image.Image:
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(0).integers(0, 40, (height, width))
    pixels = np.stack([x * 200 // width, y * 200 // height, noise], -1).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def red_left_half(width=64, height=32) -> Image.Image:
    image = Image.new("RGB", (width, height), "blue")
    image.paste((255, 0, 0), (0, 0, width // 2, height))
    return image


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_bomb(side: int) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    lines = zlib.compress(bytes(1_000_000), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")
    )


JPEG, PNG = encode(photo(), "JPEG", quality=90), encode(photo())
PROGRESSIVE = encode(photo(), "JPEG", quality=90, progressive=True)
GIF, WEBP = encode(photo(), "GIF"), encode(photo(), "WEBP")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b"<!doctype html><title>Just a moment...", "unsupported", id="challenge page"),
        pytest.param(b'<svg xmlns="http://www.w3.org/2000/svg"/>', "unsupported", id="svg"),
        pytest.param(
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unsupported", id="postscript"
        ),
        pytest.param(bytes(1000), "unsupported", id="zeros"),
        pytest.param(JPEG[:10], "truncated", id="jpeg header only"),
        pytest.param(PNG[:20], "truncated", id="png header only"),
        pytest.param(PNG[:200] + bytes(50) + PNG[250:], "truncated", id="damaged png"),
        pytest.param(png_bomb(12_000), "bomb", id="bomb"),
        pytest.param(png_bomb(60_000), "bomb", id="bomb beyond the library's own limit"),
        pytest.param(encode(photo(15, 200)), "too_small", id="narrow"),
        pytest.param(encode(Image.new("L", (1, 1)), "GIF"), "too_small", id="tracking pixel"),
        pytest.param(
            b"\xff\xd8\xff" + bytes(LIMITS.max_image_bytes), "too_large", id="too many bytes"
        ),
    ],
)
def test_a_bad_picture_is_refused_with_a_countable_reason(data, reason):
    with pytest.raises(PictureError) as seen:
        images.inspect(data, LIMITS)
    assert seen.value.reason == reason


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9, 0.98])
@pytest.mark.parametrize(
    "data", [JPEG, PROGRESSIVE, PNG, GIF, WEBP], ids=["jpeg", "progressive", "png", "gif", "webp"]
)
def test_a_picture_cut_anywhere_is_truncated_for_both_readers(data, cut):
    half = data[: int(len(data) * cut)]
    with pytest.raises(PictureError, match=r"^truncated"):
        images.inspect(half, LIMITS)
    with pytest.raises(PictureError, match=r"^truncated"):
        images.decode(half, 32)


def test_damaged_bytes_never_raise_anything_but_a_picture_error():
    rng = np.random.default_rng(0)
    for data in (JPEG, PNG, GIF, WEBP, encode(photo(), "TIFF"), encode(photo(), "BMP")):
        for _ in range(40):
            broken = bytearray(data)
            for at in rng.integers(0, min(len(data), 400), 4):
                broken[at] = rng.integers(256)
            with contextlib.suppress(PictureError):
                images.inspect(bytes(broken), LIMITS)
                images.decode(bytes(broken), 16)


def test_a_bomb_is_refused_before_its_pixels_are_allocated(monkeypatch):
    def allocate(_):
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", allocate)
    with pytest.raises(PictureError, match=r"^bomb: 7000 x 7000"):
        images.inspect(png_bomb(7_000), LIMITS)  # above our limit, below the library's


def test_inspect_tells_hash_upright_size_and_true_format():
    exif = Image.Exif()
    exif[images.EXIF_ORIENTATION] = 6
    turned = images.inspect(encode(photo(120, 80), "JPEG", exif=exif), LIMITS)
    assert (turned.width, turned.height, turned.format) == (80, 120, "JPEG")
    plain = images.inspect(PNG, LIMITS)  # whatever the shop called it
    assert (plain.width, plain.height, plain.format) == (120, 80, "PNG")
    assert plain.picture_id == images.identify(PNG)
    assert len(plain.picture_id) == 64


@pytest.mark.parametrize("size", [(5, 200), (200, 7), (1, 1)])
def test_a_jpeg_with_a_side_of_a_few_pixels_is_inspected_too(size):
    seen = images.inspect(encode(photo(*size), "JPEG"), IngestConfig(min_side_px=1))
    assert (seen.width, seen.height) == size


def test_the_picture_is_stretched_so_that_fractional_boxes_stay_true():
    square = images.decode(encode(red_left_half(200, 50)), 32)
    assert square.shape == (32, 32, 3)
    assert square.dtype == np.uint8
    assert (square[:, :15] == [255, 0, 0]).all()
    assert (square[:, 17:] == [0, 0, 255]).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    upright = np.asarray(
        Image.fromarray(np.arange(75, dtype=np.uint8).reshape(5, 5, 3)).resize((40, 40), 0)
    )
    stored = Image.fromarray(upright)
    back = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)
    if back in images.UPRIGHT_OPERATIONS:
        stored = stored.transpose(images.UPRIGHT_OPERATIONS[back])
    exif = Image.Exif()
    exif[images.EXIF_ORIENTATION] = orientation
    assert np.array_equal(images.decode(encode(stored, exif=exif), 40), upright)


def palette_with_hole() -> bytes:
    image = Image.new("P", (32, 32), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    return encode(image, transparency=0)


def deep_grey(kind: str) -> bytes:
    return encode(Image.fromarray(np.full((32, 32), 0x8080, np.uint16)), kind)


def animation() -> bytes:
    frames = [Image.new("RGB", (32, 32), c) for c in ("red", "blue")]
    return encode(frames[0], "GIF", save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("data", "colour"),
    [
        pytest.param(encode(Image.new("L", (32, 32), 90)), (90, 90, 90), id="grey"),
        pytest.param(encode(Image.new("1", (32, 32), 1)), (255, 255, 255), id="one bit"),
        pytest.param(
            encode(Image.new("LA", (32, 32), (0, 0))), (255, 255, 255), id="clear grey on white"
        ),
        pytest.param(
            encode(Image.new("RGBA", (32, 32), (0, 0, 0, 128))), (127, 127, 127), id="half clear"
        ),
        pytest.param(
            encode(photo(32, 32).convert("P").point(lambda _: 0).convert("P")), None, id="palette"
        ),
        pytest.param(palette_with_hole(), (255, 255, 255), id="clear palette entry"),
        pytest.param(
            encode(Image.new("CMYK", (32, 32), (0, 255, 255, 0)), "JPEG"), (255, 0, 0), id="cmyk"
        ),
        pytest.param(deep_grey("PNG"), (128, 128, 128), id="16-bit png"),
        pytest.param(deep_grey("TIFF"), (128, 128, 128), id="16-bit tiff"),
        pytest.param(animation(), (255, 0, 0), id="first frame"),
        pytest.param(
            encode(Image.new("RGB", (32, 32), "red"), "WEBP", lossless=True), (255, 0, 0), id="webp"
        ),
    ],
)
def test_every_kind_of_pixel_becomes_rgb(data, colour):
    assert images.inspect(data, LIMITS).width == 32
    square = images.decode(data, 16)
    assert square.shape == (16, 16, 3)
    if colour:
        assert np.abs(square.astype(int) - colour).max() <= 3


def test_small_details_are_averaged_not_skipped():
    checks = np.indices((256, 256)).sum(0) % 2 * 255
    square = images.decode(encode(Image.fromarray(checks.astype(np.uint8))), 32)
    assert np.abs(square.astype(int) - 127).max() <= 2


def test_decoding_nothing_is_a_picture_error():
    with pytest.raises(PictureError, match=r"^empty"):
        images.decode(b"", 16)


@pytest.mark.parametrize(("enlarge", "size"), [(False, (120, 80)), (True, (240, 160))])
def test_a_small_picture_is_enlarged_only_where_asked(enlarge, size):
    assert images.resize(encode(photo()), 240, enlarge=enlarge).size == size


def test_a_large_picture_keeps_its_shape_when_made_small():
    assert images.resize(encode(photo()), 60).size == (60, 40)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0, "quality": 95}])
@pytest.mark.parametrize("tail", [b"", b"\0\0"])
def test_a_jpeg_that_lacks_only_its_end_mark_is_read_and_keeps_its_id(options, tail):
    whole = encode(photo(), "JPEG", **options)
    data = whole.removesuffix(b"\xff\xd9") + tail
    info = images.inspect(data, LIMITS)
    assert (info.picture_id, info.width, info.height) == (images.identify(data), 120, 80)
    assert np.array_equal(images.decode(data, 40), images.decode(whole, 40))


def wide_gamut(red: tuple[float, float]) -> bytes:
    """A minimal ICC profile (version 2, matrix and gamma 2.2) with these x, y of its red."""

    def xyz(x: float, y: float, z: float) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in (x, y, z))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0"
    name = b"wide\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + b"\0" * 79
    parts = {
        b"desc": text + b"\0" * (-len(text) % 4), b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": xyz(0.9642, 1.0, 0.8249), b"rXYZ": xyz(0.7977, 0.2880, 0.0),
        b"gXYZ": xyz(0.1352, 0.7119, 0.0), b"bXYZ": xyz(0.0313, 0.0001, 0.8249),
        b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
    }  # fmt: skip
    at, table, body = 128 + 4 + 12 * len(parts), struct.pack(">I", len(parts)), b""
    for tag, part in parts.items():
        table += tag + struct.pack(">II", at + len(body), len(part))
        body += part
    head = struct.pack(
        ">I4sI4s4s4s", at + len(body), b"test", 0x02400000, b"mntr", b"RGB ", b"XYZ "
    )
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + xyz(0.9642, 1.0, 0.8249)[8:] + b"\0" * 48
    return head + table + body


PROFILE = wide_gamut((0.7347, 0.2653))


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        pytest.param(Image.new("RGB", (20, 20), (90, 150, 80)), "PNG", id="RGB"),
        pytest.param(Image.new("RGB", (20, 20), (90, 150, 80)), "JPEG", id="JPEG"),
        pytest.param(
            Image.new("RGBA", (20, 20), (90, 150, 80, 255)), "PNG", id="with transparency"
        ),
    ],
)
def test_an_embedded_colour_profile_is_applied(image, kind):
    red, green, blue = images.decode(encode(image, kind, icc_profile=PROFILE), 4)[2, 2].tolist()
    assert green > 158
    assert red < 60
    assert abs(blue - 75) < 25


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 200, PROFILE[:150]])
def test_a_colour_profile_that_is_none_is_ignored(profile):
    data = encode(Image.new("RGB", (20, 20), (90, 150, 80)), icc_profile=profile)
    assert images.decode(data, 4)[2, 2].tolist() == [90, 150, 80]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("blank", [1, 3])
def test_a_blank_first_frame_of_an_animation_is_not_the_picture(kind, blank):
    frames = [Image.new("RGB", (64, 32), "white") for _ in range(blank)]
    for number, frame in enumerate(frames):
        frame.putpixel((0, 0), (255, 255, 255 - number))  # equal frames would be joined
    frames.append(red_left_half())
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    red, _, blue = images.decode(data, 32)[16, 4].tolist()
    assert red > 200
    assert blue < 60
    assert images.inspect(data, LIMITS).width == 64


def test_an_animation_of_nothing_is_its_first_frame():
    frames = [Image.new("RGB", (32, 32), (250, 250, n)) for n in range(250, 256)]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)
    assert images.decode(data, 4)[0, 0].min() > 240
