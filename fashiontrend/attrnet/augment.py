"""Variations of training pictures (A4): mirrored, moved, zoomed, lit differently; never recoloured.

Repeats of a resampled picture differ by these. All randomness comes from the generator.
"""

import torch
from torch import Tensor
from torch.nn import functional

from fashiontrend.attrnet.batches import Batch

ZOOM, ASPECT, SHIFT = 0.15, 0.06, 0.08
BRIGHTNESS_LEVELS, CONTRAST = 10.0, 0.10
#: A box that keeps less of its area than this inside the picture says nothing any more.
LEAST_VISIBLE = 0.25
#: So near to an edge of the picture, in fractions, a garment is taken to be cut by it.
RIM = 0.005
JITTER = 0.08


def vary(batch: Batch, generator: torch.Generator) -> Batch:
    """Vary every picture of a batch on its own, with its box; labels and weights stay.

    Hue is spared: brightness and contrast move all three channels alike, and only a little,
    because black, grey and white are values too.
    """
    scale, offset = _draw_view(len(batch.image), generator)
    scale, offset = scale.to(batch.image.device), offset.to(batch.image.device)
    image = _relight(_view(batch.image.float(), scale, offset), generator)
    return batch._replace(image=image, box=_view_boxes(batch.box, scale, offset))


def jitter(box: Tensor, generator: torch.Generator) -> Tensor:
    """Move each edge by up to 8 % of the side, so that the classifiers bear the locator's errors.

    Args:
        box: (B, 4); NaN rows stay NaN.
        generator: on the CPU.
    """
    side = (box[:, 2:] - box[:, :2]).repeat(1, 2)
    noise = torch.rand(box.shape, generator=generator).to(box) * 2 - 1
    return (box + noise * JITTER * side).clamp(0, 1)


def _draw_view(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Scale (negative x: mirrored) and offset of what is looked at: (B, 2) each, in [-1, 1]."""
    zoom = 1 + (torch.rand((count, 1), generator=generator) * 2 - 1) * ZOOM
    aspect = 1 + (torch.rand((count, 2), generator=generator) * 2 - 1) * ASPECT
    mirror = torch.where(torch.rand((count, 1), generator=generator) < 0.5, -1.0, 1.0)
    scale = zoom * aspect * torch.cat([mirror, torch.ones_like(mirror)], 1)
    return scale, (torch.rand((count, 2), generator=generator) * 2 - 1) * SHIFT * 2


def _view(image: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """Look at a part of each picture; beyond its rim the rim goes on."""
    theta = torch.cat([torch.diag_embed(scale), offset[:, :, None]], 2)
    grid = functional.affine_grid(theta, list(image.shape), align_corners=False)
    return functional.grid_sample(
        image, grid, mode="bilinear", padding_mode="border", align_corners=False
    )


def _relight(image: Tensor, generator: torch.Generator) -> Tensor:
    shape = (len(image), 1, 1, 1)
    contrast = 1 + (torch.rand(shape, generator=generator) * 2 - 1) * CONTRAST
    brightness = (torch.rand(shape, generator=generator) * 2 - 1) * BRIGHTNESS_LEVELS
    offset = 128 * (1 - contrast) + brightness
    lit = image.mul_(contrast.to(image)).add_(offset.to(image))
    return lit.round_().clamp_(0, 255).to(torch.uint8)


def _view_boxes(box: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """Where boxes come to lie; one that touches the rim goes on with it."""
    moved = _map_boxes(box, scale, offset)
    visible = _area(moved.clamp(0, 1)) / _area(moved).clamp(min=1e-9)
    beyond = torch.where(box <= RIM, box - 1, torch.where(box >= 1 - RIM, box + 1, box))
    kept = _map_boxes(beyond, scale, offset).clamp(0, 1)
    return torch.where((visible >= LEAST_VISIBLE)[:, None], kept, torch.nan)


def _map_boxes(box: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """The inverse of the map from looked-at places to the picture, (B, 4)."""
    corners = (box.reshape(-1, 2, 2) * 2 - 1 - offset[:, None]) / scale[:, None]
    return torch.cat([corners.amin(1), corners.amax(1)], 1) / 2 + 0.5


def _area(box: Tensor) -> Tensor:
    return (box[:, 2] - box[:, 0]).clamp(min=0) * (box[:, 3] - box[:, 1]).clamp(min=0)
