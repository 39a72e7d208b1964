"""The network AttrNet, written as if there were one device; it reads no files.

B pictures of H x W pixels, A attributes with V values each, h x w cells, K boxes a picture.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from fashiontrend.attrnet.network import backbones, regions
from fashiontrend.config import AttrNetConfig
from fashiontrend.errors import ConfigError

#: Grey levels (0..255) per unit of input: the usual spread of photographs.
PIXEL_SCALE = 58.0
#: Instructions of a CPU, as PyTorch names them, with which bfloat16 is faster than float32.
BFLOAT16_INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "bf16")


class PlainShots(NamedTuple):
    """The P plain shots of a batch, each embedded as a whole.

    Attributes:
        rows: int64 (P,), which pictures of the batch they are.
        vector: (P, 512); in training (1, 512) if P is 0, see `AttrNet.embed_plain`.
    """

    rows: Tensor
    vector: Tensor


class PlainShotLogits(NamedTuple):
    """What the classifiers make of plain shots alone, in training.

    Attributes:
        rows: int64 (P,), which pictures of the batch they are.
        logits: one (P, V + 1) tensor per attribute.
        title_words: (P, W) logits of the title's words, or None.
    """

    rows: Tensor
    logits: tuple[Tensor, ...]
    title_words: Tensor | None


class AttrNetOutput(NamedTuple):
    """Everything that AttrNet predicts.

    Attributes:
        logits: one (B, V + 1) tensor per attribute; the last column is "not visible".
        location: objectness, cell boxes, box and score, see `regions.Location`.
        vector: (B, embedding_dim).
        title_words: (B, W) logits of the title's words; None except in training.
        presence: (B,) logits of a garment being where the network looked; None without such a
            classifier.
        plain: in training the logits of plain shots, while `logits` come from the regions alone; None
            without a network for plain shots.
    """

    logits: tuple[Tensor, ...]
    location: regions.Location
    vector: Tensor
    title_words: Tensor | None = None
    presence: Tensor | None = None
    plain: PlainShotLogits | None = None


class AttrNet(nn.Module):
    """Picture -> feature map -> location -> boxes -> RoI max pooling -> vector -> classifiers.

    If `plain_share` is set, a second network embeds plain shots as a whole. Each network is trained
    alone, through its part of every classifier; the predicted logits are the mean of both, weighted
    by their shares.
    """

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
            ConfigError: there is no such backbone, its weights cannot be read, or `embedding_dim`
                leaves no numbers of the vector to the regions.
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
        self.whole = backbones.Deep() if cfg.plain_share else None
        width = cfg.embedding_dim - (backbones.Deep.CHANNELS if cfg.plain_share else 0)
        if width <= 0:
            raise ConfigError(
                f"attrnet.plain_share: plain shots take {backbones.Deep.CHANNELS} numbers of the vector, "
                f"attrnet.embedding_dim is {cfg.embedding_dim}. Make it larger, or leave plain_share out."
            )
        self.parts = (slice(0, width), slice(width, cfg.embedding_dim))
        self.embed = nn.Linear(cfg.region_channels * cfg.roi_size**2, width)
        self.colour = self.embed_colour = None
        if cfg.colour_channels:
            self.colour = regions.ColourPool(cfg.colour_channels, channels)
            self.embed_colour = nn.Linear(4 * cfg.colour_channels, width, bias=False)
        self.dropout = nn.Dropout(cfg.dropout)
        self.words = nn.Linear(cfg.embedding_dim, cfg.words) if cfg.words else None
        self.presence = nn.Linear(width, 1) if cfg.presence else None
        self.classifiers = nn.ModuleList(nn.Linear(cfg.embedding_dim, v + 1) for v in num_values)

    def forward(
        self, image: Tensor, box: Tensor | None = None, plain: Tensor | PlainShots | None = None
    ) -> AttrNetOutput:
        """Recognise pictures.

        Args:
            image: uint8 (B, 3, H, W), RGB.
            box: (B, 4) where the garment is known to be, in fractions; NaN rows if its place is
                unknown, rows of no size if there is no garment. Those rows, and all if None, use the
                predicted place.
            plain: uint8 (B, 3, h, w), the pictures that are plain shots as a whole, and zeros for the
                others; or what `embed_plain` returned for them. If None, or without a network for
                plain shots, the logits come from the regions alone.

        Returns:
            Logits, location and vector.
        """
        shots = self.embed_plain(plain) if isinstance(plain, Tensor) else plain
        with self._precision():
            return self._predict(self._scale(image), box, shots)

    def embed_plain(self, plain: Tensor) -> PlainShots | None:
        """Embed plain shots as a whole.

        Args:
            plain: as for `forward`.

        Returns:
            None without a network for plain shots. In training at least one picture is embedded, so
            that every parameter takes part in every step; if it is no plain shot, it adds no loss.
        """
        if self.whole is None:
            return None
        rows = plain.flatten(1).any(1).nonzero().flatten()
        shots = plain[rows]
        if self.training:
            shots = shots if len(rows) else plain[:1]
            self.whole.train(len(rows) > 1)  # one picture's channels are nothing to normalise by
        with self._precision():
            return PlainShots(rows, self.whole(self._scale(shots)))

    def _precision(self) -> torch.autocast:
        device = self.mean.device.type
        useful = device != "cpu" or (self.training and cpu_computes_bfloat16())
        half = self.cfg.precision == "bfloat16" and useful
        return torch.autocast(device, torch.bfloat16, enabled=half)

    def _scale(self, image: Tensor) -> Tensor:
        x = (image.to(self.mean.dtype) - self.mean) / PIXEL_SCALE
        return x.contiguous(memory_format=torch.channels_last)

    def _predict(self, x: Tensor, box: Tensor | None, plain: PlainShots | None) -> AttrNetOutput:
        features = self.backbone(x)
        location = self.locator(features)
        place = location.box.detach()
        if not self.cfg.locate:
            place, box = place.new_tensor([0.0, 0.0, 1.0, 1.0]).expand_as(place), None
        if box is not None:
            # A row of no size, as one of NaN, compares as false and keeps the predicted place.
            place = torch.where((box[:, 2:] > box[:, :2]).all(1, keepdim=True), box, place)
        boxes = regions.surround(place, self.cfg.box_scales)
        pooled = regions.pool_regions(
            self.neck(features), boxes, self.cfg.roi_size, self.cfg.pooling
        )
        # One fully connected layer for each box, and the maximum over boxes: a quarter of the weights
        # of a layer over all boxes together, and more accurate, because the look of a sleeve is
        # learnt once for all sizes.
        vector = self.embed(pooled.flatten(2)).amax(1)
        if self.colour is not None and self.embed_colour is not None:
            vector = vector + self.embed_colour(self.colour(x, features, boxes[:, 0]))
        vector = vector.relu()
        kept = self.dropout(vector)
        presence = None
        if self.presence is not None:
            presence = self.presence(kept).float().squeeze(1)
            # Either alone is wrong more often than their mean (docs/experiments.md).
            mean = (presence + location.objectness.amax(1)) / 2
            location = location._replace(score=mean.sigmoid())
        if self.training:
            logits, words = self._classify(kept, self.parts[0])
            return AttrNetOutput(
                logits, location, vector, words, presence, self._classify_plain(plain)
            )
        vector = self._join(vector, plain)
        logits = tuple(c(vector).float() for c in self.classifiers)
        return AttrNetOutput(logits, location, vector, None, presence)

    def _classify(self, vector: Tensor, part: slice) -> tuple[tuple[Tensor, ...], Tensor | None]:
        """Logits of the attributes and of the title's words from one part of the vector alone."""

        def apply(head: nn.Module) -> Tensor:
            weight, bias = cast(nn.Linear, head).weight, cast(nn.Linear, head).bias
            return functional.linear(vector, weight[:, part], bias).float()

        logits = tuple(apply(c) for c in self.classifiers)
        return logits, None if self.words is None else apply(self.words)

    def _classify_plain(self, plain: PlainShots | None) -> PlainShotLogits | None:
        if plain is None:
            return None
        return PlainShotLogits(plain.rows, *self._classify(plain.vector, self.parts[1]))

    def _join(self, vector: Tensor, plain: PlainShots | None) -> Tensor:
        """Join both parts of the vector, each times its share; without a plain shot the share of the regions is 1."""
        if self.whole is None:
            return vector
        whole = vector.new_zeros(len(vector), backbones.Deep.CHANNELS)
        share = vector.new_zeros(len(vector), 1)
        if plain is not None:
            whole[plain.rows] = plain.vector.to(whole.dtype)
            share[plain.rows] = self.cfg.plain_share
        return torch.cat([vector * (1 - share), whole * share], 1)

    @property
    def lasting(self) -> "AttrNetConfig":
        """The configuration of the trained network.

        The title's words are predicted in training only, and the file of `weights` is only its start.
        """
        return self.cfg.model_copy(update={"words": 0, "weights": None})

    def lasting_weights(self) -> dict[str, Tensor]:
        """The tensors of the network that `lasting` configures."""
        return {k: t for k, t in self.state_dict().items() if not k.startswith("words.")}


def cpu_computes_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16; to emulate them takes ten times as long."""
    found = torch.cpu.get_capabilities()
    return any(found.get(name, False) for name in BFLOAT16_INSTRUCTIONS)


def build(
    cfg: AttrNetConfig, num_values: Sequence[int], mean: Sequence[float], seed: int
) -> AttrNet:
    """Build an AttrNet whose random weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AttrNet(cfg, num_values, mean)
