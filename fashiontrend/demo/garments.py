"""Draw garments: silhouette, sleeves, neckline, length, colour, pattern and background.

Coordinates in this file are pixels of a canvas twice as large as the picture. The canvas is scaled
down at the end, which makes edges smooth.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Point = tuple[float, float]
Box = tuple[float, float, float, float]

SIZE_PX = 96
CANVAS_PX = 2 * SIZE_PX
#: RGB of each colour; every garment varies it slightly.
COLOURS: Mapping[str, Colour] = {
    "black": (28, 28, 32),
    "white": (240, 240, 236),
    "red": (196, 36, 44),
    "green": (44, 140, 66),
    "blue": (42, 78, 184),
    "yellow": (236, 200, 52),
}
SLEEVE_REACH = {"sleeveless": 0.0, "short": 0.38, "long": 0.95}


@dataclass(frozen=True)
class Drawing:
    """A picture with the garment's box: x0, y0, x1, y1 as fractions of the picture."""

    image: bytes
    box: Box


def draw_garment(values: Mapping[str, str], rng: np.random.Generator) -> Drawing:
    """Draw one garment.

    Args:
        values: colour, pattern, sleeve_length and neckline; if the neckline is `not_visible`, the
            upper edge of the picture cuts it off.
        rng: draws background, place, size, shade, length and all other variation.

    Returns:
        A JPEG of 96 x 96 px and the garment's true box.
    """
    ground = _draw_ground(rng)
    mask = Image.new("L", (CANVAS_PX, CANVAS_PX), 0)
    base = _shade(COLOURS[values["colour"]], rng, 14)
    box = _draw_shape(ImageDraw.Draw(mask), values, rng)
    ground.paste(_fabric(values["pattern"], base, rng), mask=mask)
    _draw_outline(ground, mask, base)
    small = ground.resize((SIZE_PX, SIZE_PX), Image.Resampling.LANCZOS)
    sink = io.BytesIO()
    small.save(sink, "JPEG", quality=int(rng.integers(82, 95)))
    return Drawing(sink.getvalue(), box)


def _shade(colour: Colour, rng: np.random.Generator, spread: int) -> Colour:
    shifted = np.clip(np.asarray(colour) + rng.integers(-spread, spread + 1, 3), 0, 255)
    return int(shifted[0]), int(shifted[1]), int(shifted[2])


def _draw_ground(rng: np.random.Generator) -> Image.Image:
    """Draw a plain studio background, or one with furniture-like shapes and noise."""
    tone = int(rng.integers(150, 236))
    ground = Image.new("RGB", (CANVAS_PX, CANVAS_PX), _shade((tone, tone, tone), rng, 12))
    if rng.random() < 0.5:
        return ground
    draw = ImageDraw.Draw(ground)
    for _ in range(int(rng.integers(4, 10))):
        x, y = rng.uniform(-20, CANVAS_PX, 2)
        w, h = rng.uniform(10, 70, 2)
        colour = _shade((150, 140, 130), rng, 80)
        shape = draw.ellipse if rng.random() < 0.4 else draw.rectangle
        shape((x, y, x + w, y + h), fill=colour)
    noise = rng.normal(0, 6, (CANVAS_PX, CANVAS_PX, 3))
    return Image.fromarray(np.clip(np.asarray(ground) + noise, 0, 255).astype(np.uint8))


def _draw_shape(
    draw: ImageDraw.ImageDraw, values: Mapping[str, str], rng: np.random.Generator
) -> Box:
    """Draw the garment's mask and return its box, clipped to the picture."""
    height = CANVAS_PX * rng.uniform(0.48, 0.86)
    body = height * rng.uniform(0.40, 0.52)
    reach = SLEEVE_REACH[values["sleeve_length"]]
    arm = body * rng.uniform(0.30, 0.36)
    span = body + 2 * arm * (0.25 + reach)
    left = rng.uniform(2, max(3.0, CANVAS_PX - span - 2))
    centre = min(max(left + span / 2, span / 2), CANVAS_PX - span / 2)
    hidden = values["neckline"] == "not_visible"
    top = -height * rng.uniform(0.22, 0.30) if hidden else rng.uniform(0.08, 0.14) * CANVAS_PX
    if not hidden:
        top = rng.uniform(top, max(top + 1, CANVAS_PX - height - 2))
    bottom = top + height
    flare = body * rng.uniform(-0.04, 0.22)
    shoulder = top + height * 0.06
    torso = [
        (centre - body * 0.42, shoulder), (centre + body * 0.42, shoulder),
        (centre + body / 2, top + height * 0.30), (centre + body / 2 + flare, bottom),
        (centre - body / 2 - flare, bottom), (centre - body / 2, top + height * 0.30),
    ]  # fmt: skip
    draw.polygon(torso, fill=255)
    points: list[Point] = list(torso)
    for side in (-1, 1):
        points += _draw_sleeve(draw, (centre, shoulder), (body, arm, height), side, reach)
    points += _draw_neck(draw, values["neckline"], (centre, shoulder), body)
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    edges = np.clip([min(xs), min(ys), max(xs), max(ys)], 0, CANVAS_PX) / CANVAS_PX
    return float(edges[0]), float(edges[1]), float(edges[2]), float(edges[3])


def _draw_sleeve(
    draw: ImageDraw.ImageDraw,
    start: Point,
    sizes: tuple[float, float, float],
    side: int,
    reach: float,
) -> list[Point]:
    if reach == 0.0:
        return []
    (centre, shoulder), (body, arm, height) = start, sizes
    outer = centre + side * body * 0.42
    end = outer + side * arm * (0.25 + reach)
    drop = shoulder + height * (0.10 + 0.62 * reach)
    wide = body * 0.24
    points = [
        (outer, shoulder), (outer + side * arm * 0.45, shoulder + height * 0.05),
        (end, drop), (end - side * wide, drop + height * 0.04),
        (centre + side * body * 0.46, shoulder + height * 0.30),
    ]  # fmt: skip
    draw.polygon(points, fill=255)
    return points


def _draw_neck(draw: ImageDraw.ImageDraw, neckline: str, start: Point, body: float) -> list[Point]:
    """Cut the neckline out of the torso, or draw a collar on top of it."""
    centre, shoulder = start
    half = body * 0.21
    if neckline == "v_neck":
        draw.polygon(
            [
                (centre - half, shoulder - 1),
                (centre + half, shoulder - 1),
                (centre, shoulder + body * 0.52),
            ],
            fill=0,
        )
    elif neckline == "crew_round":
        draw.ellipse(
            (centre - half, shoulder - half * 0.75, centre + half, shoulder + half * 0.75), fill=0
        )
    elif neckline == "turtleneck":
        collar = (centre - half * 0.85, shoulder - body * 0.24, centre + half * 0.85, shoulder + 2)
        draw.rectangle(collar, fill=255)
        return [(collar[0], collar[1]), (collar[2], collar[3])]
    return []


def _fabric(pattern: str, base: Colour, rng: np.random.Generator) -> Image.Image:
    """Draw a cloth of the base colour with its pattern in a contrasting tone, and folds."""
    cloth = Image.new("RGB", (CANVAS_PX, CANVAS_PX), base)
    draw = ImageDraw.Draw(cloth)
    dark = sum(base) < 330
    other = _shade((232, 228, 220) if dark else (46, 44, 52), rng, 16)
    step = float(rng.uniform(17, 25))
    offset = float(rng.uniform(0, step))
    lines = np.arange(offset - step, CANVAS_PX + step, step)
    if pattern in ("stripe", "check"):
        width = step * (0.34 if pattern == "stripe" else 0.22)
        for at in lines:
            draw.rectangle((0, at, CANVAS_PX, at + width), fill=other)
            if pattern == "check":
                draw.rectangle((at, 0, at + width, CANVAS_PX), fill=other)
    elif pattern == "dot":
        radius = step * 0.24
        for row, y in enumerate(lines):
            for x in lines + (step / 2 if row % 2 else 0):
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=other)
    light = 1.0 + 0.10 * np.sin(np.linspace(0, rng.uniform(4, 9), CANVAS_PX) + rng.uniform(0, 6))
    grain = rng.normal(0, 3.0, (CANVAS_PX, CANVAS_PX, 1))
    lit = np.asarray(cloth, dtype=np.float64) * light[None, :, None] + grain
    return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))


def _draw_outline(ground: Image.Image, mask: Image.Image, base: Colour) -> None:
    """Draw a darker outline, so that a white garment is visible on a white background."""
    rim = mask.filter(ImageFilter.FIND_EDGES).filter(ImageFilter.MaxFilter(3))
    darker = tuple(int(c * 0.55) for c in base)
    ground.paste(Image.new("RGB", ground.size, darker), mask=rim.point(lambda v: v // 2))
