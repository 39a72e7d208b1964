"""Drawn backgrounds for cut-out garments, so that the locator does not rely on white ones."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional

from fashiontrend.attrnet.training.rng import uniform

Pixels = NDArray[np.uint8]


def draw_bank(count: int, size_px: int, rng: np.random.Generator) -> Tensor:
    """Draw different backgrounds: uint8 (count, 3, size_px, size_px)."""
    drawn = [_draw(size_px, rng) for _ in range(count)]
    return torch.from_numpy(np.array(drawn, dtype=np.uint8).transpose(0, 3, 1, 2).copy())


def pick(bank: Tensor, count: int, size_px: int, generator: torch.Generator) -> Tensor:
    """Take parts of backgrounds from a bank, turned and recoloured: float32 (count, 3, S, S)."""
    rows = torch.randint(len(bank), (count,), generator=generator).to(bank.device)
    chosen = bank[rows].float()
    order = uniform((count, 3), generator, bank).argsort(1)
    chosen = chosen.gather(1, order[:, :, None, None].expand_as(chosen))
    scale = 0.35 + 0.65 * uniform((count, 1), generator, bank)
    turn = torch.randint(2, (count, 2), generator=generator).to(bank.device) * 2.0 - 1.0
    offset = (uniform((count, 2), generator, bank) * 2 - 1) * (1 - scale)
    theta = torch.cat([torch.diag_embed(scale * turn), offset[:, :, None]], 2)
    grid = functional.affine_grid(theta, [count, 3, size_px, size_px], align_corners=False)
    light = 0.6 + 0.6 * uniform((count, 1, 1, 1), generator, bank)
    return functional.grid_sample(chosen, grid, align_corners=False).mul_(light).clamp_(0, 255)


def collage(pictures: Tensor, box: Tensor, generator: torch.Generator) -> Tensor:
    """Make backgrounds of real cloth: cut the middle of pictures into tiles and shuffle them.

    Args:
        pictures: float (B, 3, S, S).
        box: (B, 4) places of their garments; NaN rows stand for the middle half.
        generator: on the CPU.
    """
    count, _, size, _ = pictures.shape
    place = torch.where(box.isnan(), box.new_tensor([0.25, 0.25, 0.75, 0.75]), box)
    centre = place[:, :2] + place[:, 2:] - 1
    scale = (place[:, 2:] - place[:, :2]).clamp(min=0.1) * 0.8
    theta = torch.cat([torch.diag_embed(scale), centre[:, :, None]], 2)
    grid = functional.affine_grid(theta, list(pictures.shape), align_corners=False)
    cloth = functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    tiles = int(torch.randint(1, 9, (), generator=generator))
    side = -(-size // tiles)
    padded = functional.pad(cloth, (0, side * tiles - size) * 2, mode="replicate")
    cells = padded.reshape(count, 3, tiles, side, tiles, side).permute(0, 2, 4, 1, 3, 5)
    cells = cells.reshape(count, tiles**2, 3, side, side)
    order = uniform((count, tiles**2), generator, pictures).argsort(1)
    cells = cells.gather(1, order[:, :, None, None, None].expand_as(cells))
    laid = cells.reshape(count, tiles, tiles, 3, side, side).permute(0, 3, 1, 4, 2, 5)
    return laid.reshape(count, 3, side * tiles, side * tiles)[..., :size, :size]


def _draw(size: int, rng: np.random.Generator) -> Pixels:
    kinds = (_cloud, _cloud, _gradient, _stripes, _checks, _shapes, _plain)
    picture = kinds[rng.integers(len(kinds))](size, rng)
    if rng.random() < 0.5:
        picture = _strew(picture, int(rng.integers(1, 5)), rng)
    noise = rng.normal(0, rng.uniform(0, 14), picture.shape)
    return np.asarray(np.clip(picture + noise, 0, 255), dtype=np.uint8)


def _colour(rng: np.random.Generator) -> NDArray[np.float64]:
    colour = rng.uniform(0, 255, 3)
    return colour if rng.random() < 0.6 else colour.mean() + rng.normal(0, 12, 3)


def _plain(size: int, rng: np.random.Generator) -> Pixels:
    return _bytes(np.broadcast_to(_colour(rng), (size, size, 3)))


def _cloud(size: int, rng: np.random.Generator) -> Pixels:
    total = np.zeros((size, size, 3))
    for cells in rng.integers(2, 25, 3):
        rough = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        total += np.asarray(rough.resize((size, size), Image.Resampling.BICUBIC)) / 3
    spread = rng.uniform(0.4, 1.6)
    return _bytes((total - 128) * spread + _colour(rng) * 0.5 + 64)


def _gradient(size: int, rng: np.random.Generator) -> Pixels:
    rough = np.array([[_colour(rng) for _ in range(2)] for _ in range(2)])
    return np.asarray(
        Image.fromarray(_bytes(rough)).resize((size, size), Image.Resampling.BILINEAR)
    )


def _waves(size: int, rng: np.random.Generator, angle: float) -> NDArray[np.bool_]:
    y, x = np.mgrid[:size, :size]
    period = rng.uniform(size / 16, size / 3)
    phase = (x * np.cos(angle) + y * np.sin(angle)) / period + rng.uniform(0, 1)
    return np.asarray(phase % 1 < rng.uniform(0.3, 0.7))


def _stripes(size: int, rng: np.random.Generator) -> Pixels:
    mask = _waves(size, rng, rng.uniform(0, np.pi))[..., None]
    return _bytes(np.where(mask, _colour(rng), _colour(rng)))


def _checks(size: int, rng: np.random.Generator) -> Pixels:
    angle = rng.uniform(0, np.pi / 2)
    mask = _waves(size, rng, angle) ^ _waves(size, rng, angle + np.pi / 2)
    return _bytes(np.where(mask[..., None], _colour(rng), _colour(rng)))


def _shapes(size: int, rng: np.random.Generator) -> Pixels:
    return _strew(_plain(size, rng), int(rng.integers(10, 40)), rng)


def _strew(picture: Pixels, count: int, rng: np.random.Generator) -> Pixels:
    """Ellipses, rectangles and polygons."""
    size = len(picture)
    image = Image.fromarray(np.ascontiguousarray(picture))
    pen = ImageDraw.Draw(image)
    for _ in range(count):
        colour = tuple(int(c) for c in _colour(rng).clip(0, 255))
        centre, half = rng.uniform(0, size, 2), rng.uniform(size / 24, size / 5, 2)
        corners = [*(centre - half).tolist(), *(centre + half).tolist()]
        kind = rng.integers(3)
        if kind == 0:
            pen.ellipse(corners, fill=colour)
        elif kind == 1:
            pen.rectangle(corners, fill=colour)
        else:
            points = centre + rng.normal(0, 1, (int(rng.integers(3, 6)), 2)) * half
            pen.polygon([tuple(p) for p in points.tolist()], fill=colour)
    return np.asarray(image)


def _bytes(values: NDArray[np.floating[Any]]) -> Pixels:
    return np.asarray(np.clip(values, 0, 255), dtype=np.uint8)
