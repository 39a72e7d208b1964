"""Where the garment is, boxes of several sizes around it, and their max pooling to one size.

Boxes are fractions of the picture, x0, y0, x1, y1. B pictures, K boxes, C channels, h x w cells.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import roi_align, roi_pool


class Location(NamedTuple):
    """What every cell of the feature map predicts of the garment's place.

    Attributes:
        objectness: (B, h * w) logits: is the middle of a garment here.
        cell_boxes: (B, h * w, 4) the box each cell proposes, not clamped to the picture.
        box: (B, 4) the box of the best cell, clamped.
        score: (B,) probability that there is a garment at all.
    """

    objectness: Tensor
    cell_boxes: Tensor
    box: Tensor
    score: Tensor


def cell_centres(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """Centres of the cells, row by row: (h * w, 2) as x, y."""
    y, x = torch.meshgrid(
        (torch.arange(height, device=device) + 0.5) / height,
        (torch.arange(width, device=device) + 0.5) / width,
        indexing="ij",
    )
    return torch.stack([x, y], -1).reshape(-1, 2)


class Locator(nn.Module):
    """Dense, anchor-free head: objectness and distances to the four edges, per cell.

    After FCOS (Tian et al. 2019, arXiv:1904.01355), with one level and one class, and with
    distances as fractions of the picture, since one garment fills much of it.
    """

    def __init__(self, channels: int, hidden: int = 64) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Conv2d(channels, hidden, 3, 1, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(inplace=True),
        )
        self.out = nn.Conv2d(hidden, 5, 3, 1, 1)
        # An untrained head proposes about half the picture around its cell: the regions cut
        # out early in training then hold some garment already.
        nn.init.normal_(self.out.weight, std=0.01)
        nn.init.constant_(cast(Tensor, self.out.bias), -1.0)

    def forward(self, features: Tensor) -> Location:
        """Read the feature map (B, C, h, w)."""
        height, width = features.shape[-2:]
        dense = self.out(self.hidden(features)).float().flatten(2).transpose(1, 2)
        objectness, distances = dense[..., 0], dense[..., 1:].sigmoid()
        centres = cell_centres(height, width, features.device)
        cell_boxes = torch.cat([centres - distances[..., :2], centres + distances[..., 2:]], -1)
        best = objectness.argmax(1)
        box = cell_boxes[torch.arange(len(best), device=best.device), best].clamp(0, 1)
        return Location(objectness, cell_boxes, box, objectness.amax(1).sigmoid())


class ColourPool(nn.Module):
    """A learnt histogram of the garment's colours.

    Small 1 x 1 convolutions turn every pixel into soft memberships of colours; they are averaged
    over the box, weighted by where the features find the garment. Almost nothing is pooled before the
    colours are distinguished, so that a red and a blue half do not become purple.
    """

    def __init__(self, colours: int, channels: int, masks: int = 4) -> None:
        """Build it.

        Args:
            colours: memberships per pixel, D.
            channels: of the feature map that the M masks are read from.
            masks: how many parts of a garment are averaged on their own, M.
        """
        super().__init__()
        self.colours = nn.Sequential(
            nn.Conv2d(3, 32, 1), nn.ReLU(inplace=True), nn.Conv2d(32, colours, 1)
        )
        # Memberships differ from the start, or every colour would begin as grey.
        nn.init.normal_(cast(Tensor, self.colours[2].weight))
        self.masks = nn.Conv2d(channels, masks, 1)

    def forward(self, pixels: Tensor, features: Tensor, box: Tensor) -> Tensor:
        """Pool.

        Args:
            pixels: (B, 3, H, W), normalised.
            features: (B, C, h, w).
            box: (B, 4).

        Returns:
            (B, M * D): square roots of the shares of the colours (the Hellinger map, with which
            small shares count), times sqrt(D), for each mask.
        """
        # A quarter of the places each way is enough for shares; none is mixed with its neighbours.
        picked = functional.avg_pool2d(pixels, 2)[..., ::2, ::2]
        colours = self.colours(picked).float().softmax(1).flatten(2)
        places = functional.interpolate(
            self.masks(features).float(), picked.shape[2:], mode="bilinear", align_corners=False
        )
        height, width = picked.shape[2:]
        centres = cell_centres(height, width, box.device)
        inside = ((centres >= box[:, None, :2]) & (centres <= box[:, None, 2:])).all(-1)
        weight = places.sigmoid().flatten(2) * inside[:, None] + 1e-4
        weight = weight / weight.sum(2, keepdim=True)
        shares: Tensor = (weight @ colours.transpose(1, 2)).flatten(1)
        mapped: Tensor = (shares * colours.shape[1] + 0.01).sqrt()
        return mapped


def surround(box: Tensor, scales: Sequence[float]) -> Tensor:
    """Boxes of several sizes around one box, and the whole picture last.

    Args:
        box: (B, 4).
        scales: factors of the sides; the centre stays.

    Returns:
        (B, len(scales) + 1, 4), clamped to the picture.
    """
    centre, half = (box[:, :2] + box[:, 2:]) / 2, (box[:, 2:] - box[:, :2]) / 2
    sized = [torch.cat([centre - half * s, centre + half * s], -1) for s in scales]
    whole = box.new_tensor([0.0, 0.0, 1.0, 1.0]).expand_as(box)
    return torch.stack([*sized, whole], 1).clamp(0, 1)


def pool_regions(
    features: Tensor, boxes: Tensor, size: int, kind: Literal["max", "average"] = "max"
) -> Tensor:
    """RoI max pooling (Girshick 2015, arXiv:1504.08083): every cell that a box touches counts.

    Args:
        features: (B, C, h, w).
        boxes: (B, K, 4) within the picture; no gradient flows to them.
        size: bins per side.
        kind: average takes the mean of points within each bin (RoIAlign, arXiv:1703.06870), to see
            what the maximum buys.

    Returns:
        (B, K, C, size, size).
    """
    height, width = features.shape[-2:]
    grid = boxes.new_tensor([width, height])
    # torchvision counts the last cell in: a box that ends at the edge of cell 3 ends *in* cell 2.
    first = (boxes[..., :2] * grid + 1e-4).floor().clamp(min=0).minimum(grid - 1)
    last = ((boxes[..., 2:] * grid - 1e-4).ceil() - 1).minimum(grid - 1).maximum(first)
    picture = torch.arange(len(boxes), device=boxes.device)[:, None, None]
    number = picture.expand(*boxes.shape[:2], 1)
    if kind == "average":
        places = torch.cat([number, boxes * grid.repeat(2)], -1).float().detach()
        pooled: Tensor = roi_align(features.float(), places.reshape(-1, 5), size, aligned=True)
    else:
        cells = torch.cat([number, first, last], -1).float().detach()
        pooled = roi_pool(features.float(), cells.reshape(-1, 5), size)
    return pooled.reshape(*boxes.shape[:2], *pooled.shape[1:])
