import pytest
import torch
import torchvision
from safetensors.torch import save_file

from fashiontrend.attrnet.network import backbones
from fashiontrend.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "input_px", "cells"),
    [
        ("small", 64, 8),
        ("lean", 80, 10),
        ("resnet18", 64, 8),
        ("resnet18", 128, 8),
        ("resnet34", 64, 8),
        ("resnet50", 64, 8),
    ],
)
def test_the_feature_map_keeps_enough_cells_to_place_boxes_on(name, input_px, cells):
    with torch.no_grad(), torch.device("meta"):  # shapes only
        body, channels = backbones.build(name, input_px)
        features = body.eval()(torch.zeros(1, 3, input_px, input_px))
    assert features.shape == (1, channels, cells, cells)


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "efficientnet_b0"])
def test_other_torchvision_networks_go_by_name(name):
    body, channels = backbones.build(name, 64)
    with torch.inference_mode():
        assert body.eval()(torch.zeros(1, 3, 64, 64)).shape[:2] == (1, channels)


def test_weights_come_from_a_local_file_of_tensors_only(tmp_path):
    net = torchvision.models.mobilenet_v3_small(weights=None)
    tensors = {k: torch.zeros_like(t) for k, t in net.state_dict().items() if "classifier" not in k}
    save_file(tensors, tmp_path / "w.safetensors")
    torch.save(tensors, tmp_path / "w.pt")
    for file in ("w.safetensors", "w.pt"):
        body, _ = backbones.build("mobilenet_v3_small", 64, str(tmp_path / file))
        assert all((p == 0).all() for p in body.parameters())


class Harm:
    def __reduce__(self):
        return print, ("code ran",)


@pytest.mark.parametrize("make", ["nothing", "code", "other"])
def test_weights_that_are_not_the_networks_own_are_refused(tmp_path, make, capsys):
    file = tmp_path / "w.pt"
    if make != "nothing":
        torch.save(Harm() if make == "code" else {"a": torch.zeros(1)}, file)
    with pytest.raises(ConfigError, match=r"attrnet\.weights"):
        backbones.build("mobilenet_v3_small", 64, str(file))
    assert "code ran" not in capsys.readouterr().out


def test_own_networks_and_unfit_ones_take_no_weights():
    with pytest.raises(ConfigError, match="own network"):
        backbones.build("small", 64, "w.pt")
    with pytest.raises(ConfigError, match="no feature map"):
        backbones.build("vit_b_16", 64)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_of_few_cells_is_one_as_any(stride):
    torch.manual_seed(0)
    few = backbones.CoarseConv2d(8, 4, 3, stride, 1)
    plain = torch.nn.Conv2d(8, 4, 3, stride, 1)
    plain.load_state_dict(few.state_dict())
    maps = [torch.randn(3, 8, 5, 4).requires_grad_() for _ in range(2)]
    maps[1].data.copy_(maps[0].data)
    told = [net(x) for net, x in zip((few, plain), maps, strict=True)]
    torch.testing.assert_close(told[0], told[1])
    for one in told:
        one.square().sum().backward()
    torch.testing.assert_close(maps[0].grad, maps[1].grad)
    torch.testing.assert_close(few.weight.grad, plain.weight.grad)
