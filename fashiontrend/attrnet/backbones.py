"""Convolutional bodies: picture (B, 3, H, W) -> feature map (B, C, H / stride, W / stride)."""

from collections.abc import Callable, Mapping

import torchvision
from torch import Tensor, nn

#: Below it a torchvision network keeps its resolution, or too few cells are left to place boxes on.
LOW_RESOLUTION_PX = 128


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut (He et al. 2016, arXiv:1512.03385)."""

    def __init__(self, channels_in: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
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


def build_resnet(name: str, input_px: int) -> tuple[nn.Module, int]:
    """A torchvision ResNet without its classifier, randomly initialised (A5).

    The last stage keeps its resolution: stride 16 instead of 32; pictures smaller than 128 px
    skip the max pooling after the stem as well: stride 8.
    """
    net = torchvision.models.get_model(name, weights=None)
    for conv in (m for m in net.layer4[0].modules() if isinstance(m, nn.Conv2d)):
        conv.stride = (1, 1)
    pooling = nn.Identity() if input_px < LOW_RESOLUTION_PX else net.maxpool
    stem = nn.Sequential(net.conv1, net.bn1, net.relu, pooling)
    body = nn.Sequential(stem, net.layer1, net.layer2, net.layer3, net.layer4)
    return body, net.fc.in_features


#: Name in `attrnet.backbone` -> function of the input's side: the body, and its channels.
BACKBONES: Mapping[str, Callable[[int], tuple[nn.Module, int]]] = {
    "small": build_small,
    "resnet18": lambda input_px: build_resnet("resnet18", input_px),
    "resnet34": lambda input_px: build_resnet("resnet34", input_px),
    "resnet50": lambda input_px: build_resnet("resnet50", input_px),
}
