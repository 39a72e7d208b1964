"""AttrNet, written as if there were one device; no file access.

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


class Seen(NamedTuple):
    """Plain shots seen as a whole.

    Attributes:
        rows: int64 (P,), which pictures of a batch they are.
        vector: (P, 512); in training (1, 512) if P is 0, see `AttrNet.see`.
    """

    rows: Tensor
    vector: Tensor


class Whole(NamedTuple):
    """What plain shots as a whole say on their own, in training.

    Attributes:
        rows: int64 (P,), which pictures of the batch they are.
        logits: one (P, V + 1) tensor per attribute.
        words: (P, W) logits of the listing's words, or None.
    """

    rows: Tensor
    logits: tuple[Tensor, ...]
    words: Tensor | None


class Output(NamedTuple):
    """Everything AttrNet says.

    Attributes:
        logits: one (B, V + 1) tensor per attribute; the last column is "not visible".
        location: objectness, cell boxes, box and score, see `regions.Location`.
        vector: (B, embedding_dim).
        words: (B, W) logits of the listing's words; None but in training.
        presence: (B,) logits of there being a garment where the network looked; None without
            such a classifier.
        whole: in training what plain shots as a whole say, while `logits` are the regions'
            alone; None without such a network.
    """

    logits: tuple[Tensor, ...]
    location: regions.Location
    vector: Tensor
    words: Tensor | None = None
    presence: Tensor | None = None
    whole: Whole | None = None


class AttrNet(nn.Module):
    """Picture -> feature map -> location -> boxes -> RoI max pooling -> vector -> classifiers.

    Where `plain_share` is set, a second network looks at plain shots as a whole. Each is taught
    alone, by its part of every classifier; the answer is the mean of their logits by their shares.
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
            ConfigError: there is no such backbone, its weights cannot be read, or the vector has no
                room for the regions beside the whole.
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
                f"attrnet.plain_share: the whole takes {backbones.Deep.CHANNELS} numbers of the vector, "
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
        self, image: Tensor, box: Tensor | None = None, plain: Tensor | Seen | None = None
    ) -> Output:
        """Recognise pictures.

        Args:
            image: uint8 (B, 3, H, W), RGB.
            box: (B, 4) where the garment is known to be; NaN rows where not, rows of no size
                where there is none: those, and all if None, use the predicted place.
            plain: uint8 (B, 3, h, w), those of them that are plain shots as a whole, zeros for the
                others; or what `see` returned for it, where they are looked at again. If None, or
                without a network for them, the regions answer alone.

        Returns:
            Logits, location and vector.
        """
        seen = self.see(plain) if isinstance(plain, Tensor) else plain
        with self._precision():
            return self._answer(self._scale(image), box, seen)

    def see(self, plain: Tensor) -> Seen | None:
        """Look at plain shots as a whole.

        Args:
            plain: as for `forward`.

        Returns:
            None without a network for it. In training at least one picture is looked at, so that
            every parameter takes part in every step; it counts nothing.
        """
        if self.whole is None:
            return None
        rows = plain.flatten(1).any(1).nonzero().flatten()
        shots = plain[rows]
        if self.training:
            shots = shots if len(rows) else plain[:1]
            self.whole.train(len(rows) > 1)  # one picture's channels are nothing to normalise by
        with self._precision():
            return Seen(rows, self.whole(self._scale(shots)))

    def _precision(self) -> torch.autocast:
        device = self.mean.device.type
        half = self.cfg.precision == "bfloat16" and (self.training or device != "cpu")
        return torch.autocast(device, torch.bfloat16, enabled=half)

    def _scale(self, image: Tensor) -> Tensor:
        x = (image.to(self.mean.dtype) - self.mean) / PIXEL_SCALE
        return x.contiguous(memory_format=torch.channels_last)

    def _answer(self, x: Tensor, box: Tensor | None, seen: Seen | None) -> Output:
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
        presence = None
        if self.presence is not None:
            presence = self.presence(kept).float().squeeze(1)
            # Either is more often wrong alone (docs/experiments.md).
            told = (presence + location.objectness.amax(1)) / 2
            location = location._replace(score=told.sigmoid())
        if self.training:
            logits, words = self._read(kept, self.parts[0])
            return Output(logits, location, vector, words, presence, self._read_whole(seen))
        vector = self._join(vector, seen)
        logits = tuple(c(vector).float() for c in self.classifiers)
        return Output(logits, location, vector, None, presence)

    def _read(self, vector: Tensor, part: slice) -> tuple[tuple[Tensor, ...], Tensor | None]:
        """What a part of the vector says on its own: logits of the attributes, and of the words."""

        def ask(head: nn.Module) -> Tensor:
            weight, bias = cast(nn.Linear, head).weight, cast(nn.Linear, head).bias
            return functional.linear(vector, weight[:, part], bias).float()

        logits = tuple(ask(c) for c in self.classifiers)
        return logits, None if self.words is None else ask(self.words)

    def _read_whole(self, seen: Seen | None) -> Whole | None:
        if seen is None:
            return None
        return Whole(seen.rows, *self._read(seen.vector, self.parts[1]))

    def _join(self, vector: Tensor, seen: Seen | None) -> Tensor:
        """Both parts of the vector, each by its share; all for the regions where there is no plain shot."""
        if self.whole is None:
            return vector
        whole = vector.new_zeros(len(vector), backbones.Deep.CHANNELS)
        share = vector.new_zeros(len(vector), 1)
        if seen is not None:
            whole[seen.rows] = seen.vector.to(whole.dtype)
            share[seen.rows] = self.cfg.plain_share
        return torch.cat([vector * (1 - share), whole * share], 1)

    @property
    def lasting(self) -> "AttrNetConfig":
        """The configuration of what is left after training.

        Words were only something to learn, the file of `weights` only where to begin.
        """
        return self.cfg.model_copy(update={"words": 0, "weights": None})

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
