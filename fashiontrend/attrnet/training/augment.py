"""Augmentation of training pictures (A4): mirrored, moved, zoomed and lit differently, but never recoloured.

Repeats of a resampled picture differ by these variations. All randomness comes from the generator. A
view is the map from places of the new picture to those of the old: old = scale * new + offset, both
in [-1, 1] on each axis.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from fashiontrend.attrnet.training import clutter
from fashiontrend.attrnet.training.batches import Batch
from fashiontrend.attrnet.training.rng import uniform

ZOOM, ASPECT, SHIFT = 0.15, 0.06, 0.08
BRIGHTNESS_LEVELS, CONTRAST = 10.0, 0.10
#: A box that keeps less than this part of its area inside the picture becomes unknown.
LEAST_VISIBLE = 0.25
#: A box within this distance of an edge, in fractions of the picture, belongs to a garment that it cuts.
RIM = 0.005
JITTER = 0.08
#: Largest shift of plain shots as a whole, in pixels.
SHIFT_PX = 4
#: Longer side, in fractions, below which a garment gets a closer view, and the margin of that view.
SMALL, CLOSER = 0.7, (1.05, 1.6)
#: Range of the longer side, in fractions, of a garment on clutter, uniform on a log scale.
PASTED = (0.2, 1.0)
#: Parts of the pasted pictures that show clutter alone, and that lie on cloth of other pictures.
VACANT, CLOTH = 0.12, 0.4


class Scene(NamedTuple):
    """Sizes and backgrounds for the new pictures.

    Attributes:
        size_px: side of the new pictures; None keeps that of the old.
        bank: uint8 (N, 3, S, S) drawn backgrounds; None pastes nothing.
        pasted: part of the pictures with a mask that are pasted on a background.
        closer: whether half of the small garments get a closer view, as in the second look of
            prediction.
    """

    size_px: int | None = None
    bank: Tensor | None = None
    pasted: float = 0.0
    closer: bool = False


def vary(batch: Batch, generator: torch.Generator, scene: Scene | None = None) -> Batch:
    """Vary every picture of a batch on its own, with its box; labels and weights stay.

    Hue stays: brightness and contrast change all three channels alike, and only a little, because
    black, grey and white are values, too.

    Args:
        batch: a fourth channel, if there is one, is the mask of the garment: 255 inside, 0 outside,
            and 255 everywhere if the mask is unknown.
        generator: on the CPU.
        scene: backgrounds and sizes; None changes neither.

    Returns:
        The batch with images of three channels. A picture left without a garment loses its labels.
    """
    scene = scene or Scene()
    size = scene.size_px or batch.image.shape[-1]
    scale, offset = _draw_view(batch.image, generator)
    if scene.closer:
        scale, offset = _look_closer(batch.box, scale, offset, generator)
    if batch.image.shape[1] == 3:
        image = _view(batch.image.float(), scale, offset, size)
        box = _view_boxes(batch.box, scale, offset)
        return batch._replace(image=_relight(image, generator), box=box)
    return _compose(batch, scale, offset, size, scene, generator)


def move(plain: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each plain shot at random, and move all of them by the same few pixels.

    Zooming and moving each by fractions of a pixel blurs them and made the recogniser less accurate
    (docs/experiments.md).

    Args:
        plain: uint8 (B, 3, h, w).
        generator: on the CPU.
    """
    mirrored = uniform((len(plain), 1, 1, 1), generator, plain) < 0.5
    height, width = plain.shape[2:]
    turned = torch.where(mirrored, plain.flip(3), plain).float()
    padded = functional.pad(turned, (SHIFT_PX,) * 4, mode="replicate").to(torch.uint8)
    x, y = torch.randint(0, 2 * SHIFT_PX + 1, (2,), generator=generator).tolist()
    return padded[..., y : y + height, x : x + width]


def jitter(box: Tensor, generator: torch.Generator) -> Tensor:
    """Move each edge by up to 8 % of the side, so that the classifiers tolerate errors of the locator.

    Args:
        box: (B, 4) in fractions; NaN rows stay NaN.
        generator: on the CPU.
    """
    side = (box[:, 2:] - box[:, :2]).repeat(1, 2)
    noise = uniform(tuple(box.shape), generator, box) * 2 - 1
    return (box + noise * JITTER * side).clamp(0, 1)


def _compose(
    batch: Batch, scale: Tensor, offset: Tensor, size: int, scene: Scene, generator: torch.Generator
) -> Batch:
    """Vary a batch whose pictures have masks; some are cut out along them and pasted on clutter."""
    count = len(batch.image)
    lucky = uniform((count,), generator, batch.image) < scene.pasted
    laid = lucky & (batch.image[:, 3].flatten(1).amin(1) == 0) & ~batch.box.isnan().any(1)
    placed_scale, placed_offset = _place(batch.box, scale, generator)
    scale = torch.where(laid[:, None], placed_scale, scale)
    offset = torch.where(laid[:, None], placed_offset, offset)
    seen = _view(batch.image.float(), scale, offset, size)
    image, box = seen[:, :3], _view_boxes(batch.box, scale, offset, laid)
    chosen = laid.nonzero().flatten()
    if scene.bank is None or not len(chosen):
        return batch._replace(image=_relight(image, generator), box=box)
    ground = clutter.pick(scene.bank, len(chosen), size, generator)
    cloth = uniform((len(chosen),), generator, image) < CLOTH
    others = chosen.roll(1)
    laid_anew = clutter.collage(image[others], box[others], generator)
    ground = torch.where(cloth[:, None, None, None], laid_anew, ground)
    vacant = uniform((len(chosen),), generator, image) < VACANT
    cover = seen[chosen, 3:] / 255 * _inside(scale[chosen], offset[chosen], size)
    cover = cover * ~vacant[:, None, None, None]
    image = image.index_copy(0, chosen, image[chosen] * cover + ground * (1 - cover))
    empty = torch.zeros_like(laid).index_copy(0, chosen, vacant)[:, None]
    return batch._replace(
        image=_relight(image, generator),
        box=torch.where(empty, 0.0, box),
        labels=torch.where(empty, -1, batch.labels),
        weights=torch.where(empty, 0.0, batch.weights),
        title_words=None
        if batch.title_words is None
        else torch.where(empty, torch.nan, batch.title_words),
    )


def _draw_view(image: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw the scale (negative x mirrors) and the offset of each view: (B, 2) each, in [-1, 1]."""
    one, two = (len(image), 1), (len(image), 2)
    zoom = 1 + (uniform(one, generator, image) * 2 - 1) * ZOOM
    aspect = 1 + (uniform(two, generator, image) * 2 - 1) * ASPECT
    mirror = torch.where(uniform(one, generator, image) < 0.5, -1.0, 1.0)
    scale = zoom * aspect * torch.cat([mirror, torch.ones_like(mirror)], 1)
    return scale, (uniform(two, generator, image) * 2 - 1) * SHIFT * 2


def _look_closer(
    box: Tensor, scale: Tensor, offset: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Replace the views of half of the small garments by closer ones with a margin."""
    centre, longer = _measure(box)
    low, high = CLOSER
    margin = low + (high - low) * uniform((len(box), 1), generator, box)
    free = (margin - 1) / margin
    off = (uniform((len(box), 2), generator, box) * 2 - 1) * free
    near = longer * margin * scale.sign() * (scale.abs() / scale.abs().mean(1, keepdim=True))
    half = uniform((len(box), 1), generator, box) < 0.5
    # A box of no size stands for no garment; comparisons with NaN are false.
    chosen = half & (longer > 0) & (longer < SMALL)
    return torch.where(chosen, near, scale), torch.where(chosen, centre + off * near, offset)


def _place(box: Tensor, scale: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw views in which the garment has another size and lies anywhere in the picture."""
    centre, longer = _measure(box)
    low, high = (torch.tensor(p).log() for p in PASTED)
    part = (low + (high - low) * uniform((len(box), 1), generator, box)).exp()
    placed = longer / part * scale.sign() * (scale.abs() / scale.abs().mean(1, keepdim=True))
    half = (box[:, 2:] - box[:, :2]) / placed.abs().clamp(min=1e-6)
    free = (1 - half).clamp(min=0)
    at = (uniform((len(box), 2), generator, box) * 2 - 1) * free
    return placed, centre - placed * at


def _measure(box: Tensor) -> tuple[Tensor, Tensor]:
    """Measure the centre in [-1, 1] and the longer side in fractions: (B, 2), (B, 1)."""
    return box[:, :2] + box[:, 2:] - 1, (box[:, 2:] - box[:, :2]).amax(1, keepdim=True)


def _view(image: Tensor, scale: Tensor, offset: Tensor, size: int) -> Tensor:
    """Sample a view of each picture; beyond the edge, the pixels of the edge repeat."""
    return functional.grid_sample(
        image, _grid(image.shape[1], scale, offset, size),
        mode="bilinear", padding_mode="border", align_corners=False,
    )  # fmt: skip


def _grid(channels: int, scale: Tensor, offset: Tensor, size: int) -> Tensor:
    theta = torch.cat([torch.diag_embed(scale), offset[:, :, None]], 2)
    return functional.affine_grid(theta, [len(theta), channels, size, size], align_corners=False)


def _inside(scale: Tensor, offset: Tensor, size: int) -> Tensor:
    """Mark the pixels of views that lie in the old picture: (B, 1, S, S)."""
    return (_grid(1, scale, offset, size).abs().amax(-1) <= 1).float()[:, None]


def _relight(image: Tensor, generator: torch.Generator) -> Tensor:
    shape = (len(image), 1, 1, 1)
    contrast = 1 + (uniform(shape, generator, image) * 2 - 1) * CONTRAST
    brightness = (uniform(shape, generator, image) * 2 - 1) * BRIGHTNESS_LEVELS
    offset = 128 * (1 - contrast) + brightness
    lit = image.mul(contrast).add_(offset)
    return lit.round_().clamp_(0, 255).to(torch.uint8)


def _view_boxes(
    box: Tensor, scale: Tensor, offset: Tensor, cut_out: Tensor | None = None
) -> Tensor:
    """Map boxes into views; a box that touches the edge extends beyond it, unless the garment is cut out."""
    moved = _map_boxes(box, scale, offset)
    visible = _area(moved.clamp(0, 1)) / _area(moved).clamp(min=1e-9)
    beyond = torch.where(box <= RIM, box - 1, torch.where(box >= 1 - RIM, box + 1, box))
    if cut_out is not None:
        beyond = torch.where(cut_out[:, None], box, beyond)
    kept = _map_boxes(beyond, scale, offset).clamp(0, 1)
    known = torch.where((visible >= LEAST_VISIBLE)[:, None], kept, torch.nan)
    return torch.where((_area(box) == 0)[:, None], box, known)


def _map_boxes(box: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """Apply the inverse of the views to boxes, (B, 4)."""
    corners = (box.reshape(-1, 2, 2) * 2 - 1 - offset[:, None]) / scale[:, None]
    return torch.cat([corners.amin(1), corners.amax(1)], 1) / 2 + 0.5


def _area(box: Tensor) -> Tensor:
    return (box[:, 2] - box[:, 0]).clamp(min=0) * (box[:, 3] - box[:, 1]).clamp(min=0)
