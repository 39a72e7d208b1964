import pytest
import torch

from fashiontrend.attrnet import backbones


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
