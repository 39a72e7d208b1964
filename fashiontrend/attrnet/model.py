"""AttrNet, written as if there were one device; no file access.

B pictures of H x W pixels, A attributes with V values each, h x w cells, K boxes a picture.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fashiontrend.attrnet import backbones, regions
from fashiontrend.config import AttrNetConfig

#: Grey levels (0..255) per unit of input: the usual spread of photographs.
PIXEL_SCALE = 58.0


class Output(NamedTuple):
    """Everything AttrNet says.

    Attributes:
        logits: one (B, V + 1) tensor per attribute; the last column is "not visible".
        location: objectness, cell boxes, box and score, see `regions.Location`.
        vector: (B, embedding_dim).
        words: (B, W) logits of the listing's words; None but in training.
        presence: (B,) logits of there being a garment where the network looked; None without
            such a classifier.
    """

    logits: tuple[Tensor, ...]
    location: regions.Location
    vector: Tensor
    words: Tensor | None = None
    presence: Tensor | None = None


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
            ConfigError: there is no such backbone, or its weights cannot be read.
        """
        super().__init__()
        self.cfg = cfg
        self.num_values = tuple(num_values)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, 3, 1, 1))
        self.backbone, channels = backbones.build(cfg.backbone, cfg.input_px, cfg.weights)
        self.locator = regions.Locator(channels, cfg.region_channels)
        self.neck = nn.Sequential(
            nn.Conv2d(channels, cfg.region_channels, 1, bias=False),
            nn.BatchNorm2d(cfg.region_channels),
            nn.ReLU(inplace=True),
        )
        self.embed = nn.Linear(cfg.region_channels * cfg.roi_size**2, cfg.embedding_dim)
        self.colour = self.embed_colour = None
        if cfg.colour_channels:
            self.colour = regions.ColourPool(cfg.colour_channels, channels)
            self.embed_colour = nn.Linear(4 * cfg.colour_channels, cfg.embedding_dim, bias=False)
        self.dropout = nn.Dropout(cfg.dropout)
        self.words = nn.Linear(cfg.embedding_dim, cfg.words) if cfg.words else None
        self.presence = nn.Linear(cfg.embedding_dim, 1) if cfg.presence else None
        self.classifiers = nn.ModuleList(nn.Linear(cfg.embedding_dim, v + 1) for v in num_values)

    def forward(self, image: Tensor, box: Tensor | None = None) -> Output:
        """Recognise pictures.

        Args:
            image: uint8 (B, 3, H, W), RGB.
            box: (B, 4) where the garment is known to be; NaN rows where not, rows of no size
                where there is none: those, and all if None, use the predicted place.

        Returns:
            Logits, location and vector.
        """
        x = (image.to(self.mean.dtype) - self.mean) / PIXEL_SCALE
        x = x.contiguous(memory_format=torch.channels_last)
        half = self.cfg.precision == "bfloat16" and (self.training or x.device.type != "cpu")
        with torch.autocast(x.device.type, torch.bfloat16, enabled=half):
            return self._answer(x, box)

    def _answer(self, x: Tensor, box: Tensor | None) -> Output:
        features = self.backbone(x)
        location = self.locator(features)
        place = location.box.detach()
        if not self.cfg.locate:
            place, box = place.new_tensor([0.0, 0.0, 1.0, 1.0]).expand_as(place), None
        if box is not None:
            # Where there is no garment, what is taken for one is looked at; false for NaN.
            place = torch.where((box[:, 2:] > box[:, :2]).all(1, keepdim=True), box, place)
        boxes = regions.surround(place, self.cfg.box_scales)
        pooled = regions.pool_regions(
            self.neck(features), boxes, self.cfg.roi_size, self.cfg.pooling
        )
        # One fully connected layer for all boxes and the strongest answer of any: a quarter of the
        # weights of a layer over all boxes together, and more accurate (what a sleeve looks like
        # is learnt once for all sizes).
        vector = self.embed(pooled.flatten(2)).amax(1)
        if self.colour is not None and self.embed_colour is not None:
            vector = vector + self.embed_colour(self.colour(x, features, boxes[:, 0]))
        vector = vector.relu()
        kept = self.dropout(vector)
        logits = tuple(c(kept).float() for c in self.classifiers)
        told = self.words(kept).float() if self.words is not None and self.training else None
        if self.presence is None:
            return Output(logits, location, vector, told)
        presence = self.presence(kept).float().squeeze(1)
        location = location._replace(score=presence.sigmoid())
        return Output(logits, location, vector, told, presence)

    @property
    def lasting(self) -> "AttrNetConfig":
        """The configuration of what is left after training: words were only something to learn."""
        return self.cfg.model_copy(update={"words": 0})

    def lasting_weights(self) -> dict[str, Tensor]:
        """The tensors that belong to `lasting`."""
        return {k: t for k, t in self.state_dict().items() if not k.startswith("words.")}


def build(
    cfg: AttrNetConfig, num_values: Sequence[int], mean: Sequence[float], seed: int
) -> AttrNet:
    """Build an AttrNet whose random weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AttrNet(cfg, num_values, mean)
