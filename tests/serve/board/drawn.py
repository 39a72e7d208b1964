"""Garments as SVG: like a shop's pictures from afar, and drawn in no time."""

import random

COLOURS = ("#1f1d22", "#e9e2d5", "#8d2f36", "#4f6b52", "#33466f", "#c79a4b", "#b9a394", "#6d4c5e")


def cut(picture: str) -> tuple[random.Random, int, int, int]:
    """Length, flare and sleeve of a garment in px of a picture of 300 x 400."""
    rng = random.Random(picture)
    return rng, rng.randint(270, 360), rng.randint(0, 46), rng.choice((150, 235, 250))


def box(picture: str) -> list[float]:
    """Where the garment is: fractions x0, y0, x1, y1."""
    _, long, flare, arm = cut(picture)
    half = max(108 if arm > 200 else 96, 56 + flare)
    return [(150 - half) / 300, 70 / 400, (150 + half) / 300, (long + 7) / 400]


def draw(picture: str) -> str:
    """A garment as SVG: enough to look like a shop's picture, small enough to be drawn at once."""
    rng, long, flare, arm = cut(picture)
    cloth, ground = (
        rng.choice(COLOURS),
        rng.choice(("#ece7df", "#dfe3e4", "#f3efe9", "#d9d2c8", "#e6dcd6")),
    )
    neck = rng.choice(
        ("M120 72L150 140L180 72Z", "M118 72Q150 118 182 72Z", "M122 72H178V100H122Z")
    )
    lines = rng.choice(("", "", "M0 0H18", "M0 0H18M0 0V18"))
    body = (
        f"M112 70L188 70L232 98L{258 if arm > 200 else 246} {arm}L{232 if arm > 200 else 214} {arm + 8}L206 150"
        f"L{206 + flare} {long}Q150 {long + 14} {94 - flare} {long}L94 150L{68 if arm > 200 else 86} {arm + 8}"
        f"L{42 if arm > 200 else 54} {arm}L68 98Z"
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="400" viewBox="0 0 300 400"><defs>'
        f'<linearGradient id="g" x2="0.3" y2="1"><stop stop-color="#fff" stop-opacity=".5"/>'
        f'<stop offset="1" stop-color="{ground}"'
        ' stop-opacity="0"/></linearGradient><linearGradient id="f" x2="1"><stop stop-opacity=".24"/><stop offset=".35"'
        ' stop-color="#fff" stop-opacity=".14"/><stop offset=".6" stop-opacity=".06"/>'
        '<stop offset="1" stop-opacity=".3"/>'
        '</linearGradient><pattern id="p" width="18" height="18" patternUnits="userSpaceOnUse"><path d="'
        + lines
        + '"'
        ' stroke="#fff" stroke-opacity=".55" stroke-width="5"/></pattern></defs>'
        f'<rect width="300" height="400" fill="{ground}"/><rect width="300" height="400" fill="url(#g)"/>'
        f'<ellipse cx="150" cy="376" rx="96" ry="9" fill="#000" fill-opacity=".13"/>'
        f'<path d="{body}" fill="{cloth}"/><path d="{body}" fill="url(#p)"/><path d="{body}" fill="url(#f)"/>'
        f'<path d="{neck}" fill="{ground}"/></svg>'
    )
