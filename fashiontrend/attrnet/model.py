"""AttrNet, written as if there were one device; no file access.

B pictures of H x W pixels, A attributes with V values each, h x w cells, K boxes a picture.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fashiontrend.attrnet import regions
from fashiontrend.attrnet.backbones import BACKBONES
from fashiontrend.config import AttrNetConfig
from fashiontrend.errors import ConfigError

#: Grey levels (0..255) per unit of input: the usual spread of photographs.
PIXEL_SCALE = 58.0
#: Channels of the feature map that regions are cut from.
REGION_CHANNELS = 64


class Output(NamedTuple):
    """Everything AttrNet says.

    Attributes:
        logits: one (B, V + 1) tensor per attribute; the last column is "not visible".
        location: objectness, cell boxes, box and score, see `regions.Location`.
        vector: (B, embedding_dim).
    """

    logits: tuple[Tensor, ...]
    location: regions.Location
    vector: Tensor


class AttrNet(nn.Module):
    """Picture -> feature map -> location -> boxes -> RoI max pooling -> vector -> classifiers."""

    mean: Tensor

    def __init__(
        self, cfg: AttrNetConfig, num_values: Sequence[int], mean: Sequence[float]
    ) -> None:
        """Build the network with random weights from torch's global generator.

        Args:
            cfg: branch `attrnet`.
            num_values: V of each attribute, "not visible" not counted.
            mean: the training set's mean red, green and blue, 0..255.

        Raises:
            ConfigError: there is no such backbone.
        """
        super().__init__()
        if cfg.backbone not in BACKBONES:
            raise ConfigError(
                f"attrnet.backbone: there is no {cfg.backbone!r}; "
                f"choose one of {', '.join(BACKBONES)}."
            )
        self.cfg = cfg
        self.num_values = tuple(num_values)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, 3, 1, 1))
        self.backbone, channels = BACKBONES[cfg.backbone](cfg.input_px)
        self.locator = regions.Locator(channels)
        self.neck = nn.Sequential(
            nn.Conv2d(channels, REGION_CHANNELS, 1, bias=False),
            nn.BatchNorm2d(REGION_CHANNELS),
            nn.ReLU(inplace=True),
        )
        self.embed = nn.Linear(REGION_CHANNELS * cfg.roi_size**2, cfg.embedding_dim)
        self.classifiers = nn.ModuleList(nn.Linear(cfg.embedding_dim, v + 1) for v in num_values)

    def forward(self, image: Tensor, box: Tensor | None = None) -> Output:
        """Recognise pictures.

        Args:
            image: uint8 (B, 3, H, W), RGB.
            box: (B, 4) where the garment is known to be, NaN rows where not: those, and all
                if None, use the predicted place.

        Returns:
            Logits, location and vector.
        """
        x = (image.to(self.mean.dtype) - self.mean) / PIXEL_SCALE
        features = self.backbone(x.contiguous(memory_format=torch.channels_last))
        location = self.locator(features)
        place = location.box.detach()
        if box is not None:
            place = torch.where(box.isnan().any(1, keepdim=True), place, box)
        boxes = regions.surround(place, self.cfg.box_scales)
        pooled = regions.pool_regions(self.neck(features), boxes, self.cfg.roi_size)
        # One fully connected layer for all boxes and the strongest answer of any: a quarter of the
        # weights of a layer over all boxes together, and more accurate (what a sleeve looks like
        # is learnt once for all sizes).
        vector = self.embed(pooled.flatten(2)).amax(1).relu()
        return Output(tuple(c(vector) for c in self.classifiers), location, vector)


def build(
    cfg: AttrNetConfig, num_values: Sequence[int], mean: Sequence[float], seed: int
) -> AttrNet:
    """Build an AttrNet whose random weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AttrNet(cfg, num_values, mean)
