"""Convolutional bodies: picture (B, 3, H, W) -> feature map (B, C, H / stride, W / stride)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.feature_extraction import create_feature_extractor

from fashiontrend.errors import ConfigError

#: For smaller inputs a torchvision network keeps its resolution, or too few cells would be left for boxes.
LOW_RESOLUTION_PX = 128
#: The stride of the map that is taken from a timm network.
TIMM_STRIDE = 16
TIMM = "timm/"
#: `attrnet.weights` of a timm network whose weights its hub has.
FROM_HUB = "hub"


class CoarseConv2d(nn.Conv2d):
    """A 3 x 3 convolution, padded by 1, for maps of a few cells; the same numbers as its parent's.

    On a CPU it is one product of matrices: kernels that are made for rows of many cells take three times
    as long on rows of two (36 maps of 512 x 3 x 2, forward and backward: 47 ms instead of 16).
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, H, W) to (B, C, H / stride, W / stride)."""
        if x.device.type != "cpu":
            return super().forward(x)
        down, right = self.stride
        padded = functional.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
        around = padded.unfold(1, 3, down).unfold(2, 3, right)
        cells = functional.linear(around.flatten(3), self.weight.flatten(1), self.bias)
        return cells.permute(0, 3, 1, 2)


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut (He et al. 2016, arXiv:1512.03385)."""

    def __init__(
        self,
        channels_in: int,
        channels: int,
        stride: int = 1,
        convolution: type[nn.Conv2d] = nn.Conv2d,
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            convolution(channels_in, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            convolution(channels, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.shortcut = (
            nn.Identity()
            if stride == 1 and channels_in == channels
            else nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, H, W) to (B, C, H / stride, W / stride)."""
        joined: Tensor = self.body(x) + self.shortcut(x)
        return joined.relu_()


def _start_as_shortcuts(net: nn.Module) -> None:
    """Let every residual begin as its shortcut (Goyal et al. 2017, arXiv:1706.02677, 5.1)."""
    for module in net.modules():
        if isinstance(module, Residual):
            nn.init.zeros_(cast(nn.BatchNorm2d, module.body[-1]).weight)


class Lean(nn.Module):
    """Stride 16, upsampled to 8: a wide field of view, in a map that is fine enough to place boxes.

    Made for some 80 px on a few CPU cores. The way back is one step of a feature pyramid (Lin
    et al. 2017, arXiv:1612.03144).
    """

    CHANNELS = 192

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(
            nn.Conv2d(3, 32, 3, 2, 1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
            Residual(32, 64, stride=2),
            Residual(64, 64),
            Residual(64, 128, stride=2),
            Residual(128, 128),
        )
        self.coarse = nn.Sequential(Residual(128, 256, stride=2), Residual(256, 256))
        self.lateral = nn.Conv2d(128, self.CHANNELS, 1)
        self.back = nn.Conv2d(256, self.CHANNELS, 1)
        _start_as_shortcuts(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 3, H, W) to (B, 192, H / 8, W / 8)."""
        fine = self.fine(x)
        seen = functional.interpolate(self.back(self.coarse(fine)), fine.shape[2:])
        joined: Tensor = self.lateral(fine) + seen
        return joined.relu_()


class Deep(nn.Module):
    """Stride 32 and an average over cells: it embeds the picture as a whole, not the places of its parts."""

    CHANNELS = 512

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, 32, 3, 2, 1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
        ]
        layers += [Residual(c // 2, c, stride=2) for c in (64, 128, 256)]
        layers += [Residual(256, self.CHANNELS, stride=2, convolution=CoarseConv2d)]
        self.body = nn.Sequential(*layers)
        _start_as_shortcuts(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 3, H, W) to (B, 512)."""
        pooled: Tensor = self.body(x).float().mean((2, 3))
        return pooled


def build_small(input_px: int) -> tuple[nn.Module, int]:
    """A compact network of stride 8, made for 64 px on one CPU core."""
    body = nn.Sequential(
        nn.Conv2d(3, 32, 3, 2, 1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(inplace=True),
        Residual(32, 32),
        Residual(32, 64, stride=2),
        Residual(64, 128, stride=2),
        Residual(128, 128),
    )
    return body, 128


def build_lean(input_px: int) -> tuple[nn.Module, int]:
    """`Lean`."""
    return Lean(), Lean.CHANNELS


def build_resnet(net: Any, input_px: int) -> tuple[nn.Module, int]:
    """A torchvision ResNet without its classifier.

    The last stage keeps its resolution: stride 16 instead of 32; pictures smaller than 128 px
    skip the max pooling after the stem as well: stride 8.
    """
    for conv in (m for m in net.layer4[0].modules() if isinstance(m, nn.Conv2d)):
        conv.stride = (1, 1)
    pooling = nn.Identity() if input_px < LOW_RESOLUTION_PX else net.maxpool
    stem = nn.Sequential(net.conv1, net.bn1, net.relu, pooling)
    body = nn.Sequential(stem, net.layer1, net.layer2, net.layer3, net.layer4)
    return body, net.fc.in_features


class LastMap(nn.Module):
    """The last feature map of a torchvision network that is made of `features`."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.body = create_feature_extractor(net, {"features": "map"})

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 3, H, W) to (B, C, h, w)."""
        found: Tensor = self.body(x)["map"]
        return found


class TimmMap(nn.Module):
    """The map of stride 16 of a timm network, whose later layers are dropped.

    Places of parts need the resolution; of the networks that keep it to the end, the last map is taken.
    """

    def __init__(self, net: Any) -> None:
        super().__init__()
        strides = [level["reduction"] for level in net.feature_info]
        fitting = [n for n, stride in enumerate(strides) if stride <= TIMM_STRIDE]
        (self.level,) = net.prune_intermediate_layers(indices=fitting[-1:], prune_head=True)
        self.channels = int(net.feature_info[fitting[-1]]["num_chs"])
        self.body = net

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 3, H, W) to (B, C, H / 16, W / 16)."""
        (found,) = self.body.forward_intermediates(
            x, indices=[self.level], intermediates_only=True, output_fmt="NCHW"
        )
        joined: Tensor = found
        return joined


def build_timm(name: str, weights: str | None) -> tuple[nn.Module, int]:
    """A network of the library timm, by its name there.

    Raises:
        ConfigError: timm is not installed, has no such network or no weights of it, or no map of regions.
    """
    try:
        import timm
    except ImportError as error:
        raise ConfigError(
            f"attrnet.backbone: timm/{name} needs `pip install 'fashiontrend[timm]'`."
        ) from error
    if not timm.is_model(name.split(".")[0]):
        raise ConfigError(
            f"attrnet.backbone: timm has no {name!r}. timm.list_models() lists its networks."
        )
    try:
        net = timm.create_model(name, pretrained=weights == FROM_HUB, num_classes=0)
    except Exception as error:  # the hub's client has errors of its own
        raise ConfigError(
            f"attrnet.weights: {FROM_HUB}: the weights of timm/{name} did not come: {error}. Name a local file."
        ) from error
    if weights and weights != FROM_HUB:
        _load(net, Path(weights))
    if not hasattr(net, "prune_intermediate_layers") or not hasattr(net, "feature_info"):
        raise ConfigError(
            f"attrnet.backbone: timm/{name} has no feature map to cut regions from. Choose another."
        )
    body = TimmMap(net)
    return body, body.channels


#: Own networks by name; a name that begins with `timm/` is timm's, and every other name is torchvision's.
BACKBONES: Mapping[str, Callable[[int], tuple[nn.Module, int]]] = {
    "small": build_small,
    "lean": build_lean,
}


def build(name: str, input_px: int, weights: str | None = None) -> tuple[nn.Module, int]:
    """A body and its number of channels, randomly initialised (A5) unless weights are given.

    Args:
        name: of `BACKBONES`, `timm/` and the name of a timm network, or of a torchvision classifier
            that is a ResNet or keeps its convolutions in `features` (ConvNeXt, EfficientNet, ...).
        input_px: side of its input.
        weights: a local file of tensors as the network names them, or in the network's order; its
            classifier may be missing or of another size. For a timm network also `hub`.

    Raises:
        ConfigError: there is no such network, or the weights are not readable or not its own.
    """
    if name in BACKBONES:
        if weights:
            raise ConfigError(
                f"attrnet.weights: {name!r} is this package's own network. Leave weights out, or "
                "name a torchvision backbone."
            )
        return BACKBONES[name](input_px)
    if name.startswith(TIMM):
        return build_timm(name.removeprefix(TIMM), weights)
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise ConfigError(
            f"attrnet.backbone: there is no {name!r}; choose one of "
            f"{', '.join([*BACKBONES, *known])}."
        )
    net = torchvision.models.get_model(name, weights=None)
    if weights:
        _load(net, Path(weights))
    if isinstance(net, torchvision.models.ResNet):
        return build_resnet(net, input_px)
    if not hasattr(net, "features"):
        raise ConfigError(
            f"attrnet.backbone: {name!r} has no feature map to cut regions from. Choose a ResNet, "
            "ConvNeXt, EfficientNet, MobileNet or DenseNet."
        )
    body = LastMap(net)
    training = body.training
    with torch.inference_mode():
        channels = int(body.eval()(torch.zeros(1, 3, 64, 64)).shape[1])
    return body.train(training), channels


def _load(net: nn.Module, file: Path) -> None:
    """Put local tensors into a network; never runs code from the file."""
    try:
        if file.suffix == ".safetensors":
            tensors = load_file(file)
        else:
            tensors = torch.load(file, map_location="cpu", weights_only=True)
        own = net.state_dict()
        tensors = _rename(tensors, own)
        fitting = {k: t for k, t in tensors.items() if k in own and t.shape == own[k].shape}
    except (OSError, SafetensorError, RuntimeError, AttributeError, ValueError) as error:
        raise ConfigError(f"attrnet.weights {file}: {error}. Name a readable file.") from error
    except Exception as error:  # weights_only refuses pickled code with errors of its own
        raise ConfigError(
            f"attrnet.weights {file}: not a file of tensors only ({type(error).__name__}). "
            "Convert it to .safetensors."
        ) from error
    missing = [k for k in own if k not in fitting and not k.startswith(("fc.", "classifier."))]
    if missing:
        raise ConfigError(
            f"attrnet.weights {file}: {len(missing)} tensors of the network are missing or of "
            f"another shape, the first {missing[0]!r}. Name weights of the same network."
        )
    net.load_state_dict(fitting, strict=False)


def _rename(tensors: dict[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give tensors that another package names the network's names, if they stand in the network's order.

    Kind (the name's last part) and shape must agree for every tensor of the network, so that an order that is only
    similar is refused and not believed. What follows the network's last tensor is its classifier.
    """
    if set(own) & set(tensors) or len(tensors) < len(own):
        return tensors
    pairs = list(zip(own.items(), tensors.items(), strict=False))
    alike = all(
        ours.rsplit(".", 1)[-1] == theirs.rsplit(".", 1)[-1] and tensor.shape == given.shape
        for (ours, tensor), (theirs, given) in pairs
    )
    return {ours: given for (ours, _), (_, given) in pairs} if alike else tensors
