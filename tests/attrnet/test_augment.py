import colorsys

import numpy as np
import pytest
import torch

from fashiontrend.attrnet import augment
from fashiontrend.attrnet.batches import Batch


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_boxes_follow_their_rectangles(draw_batch):
    batch = draw_batch(64, 0, side=64)
    varied = augment.vary(batch, generator())
    assert (varied.labels == batch.labels).all()
    kept = 0
    for image, box in zip(varied.image, varied.box, strict=True):
        if box.isnan().any():
            continue
        y, x = torch.nonzero(image.amax(0) > 130, as_tuple=True)
        seen = torch.tensor([x.min(), y.min(), x.max() + 1, y.max() + 1]) / 64
        assert (seen - box).abs().max() < 2.5 / 64
        kept += 1
    assert kept > 55


def test_the_same_generator_gives_the_same_variations(draw_batch):
    batch = draw_batch(8, 0)
    first, second = augment.vary(batch, generator(3)), augment.vary(batch, generator(3))
    other = augment.vary(batch, generator(4))
    assert torch.equal(first.image, second.image)
    assert torch.equal(first.box.nan_to_num(), second.box.nan_to_num())
    assert not torch.equal(first.image, other.image)


def test_about_half_of_the_pictures_are_mirrored():
    image = torch.zeros(200, 3, 16, 16, dtype=torch.uint8)
    image[..., :8] = 200
    box = torch.tensor([0.0, 0.0, 0.5, 1.0]).repeat(200, 1)
    labels = torch.zeros(200, 1, dtype=torch.int64)
    varied = augment.vary(Batch(image, labels, torch.ones(200, 1), box), generator())
    left = (varied.image[..., :4].float().mean((1, 2, 3)) > 100).float().mean()
    assert 0.4 < left < 0.6
    assert (varied.box[:, 0] > 0.2).float().mean() == pytest.approx(1 - left.item(), abs=0.02)


@pytest.mark.parametrize("colour", [(196, 36, 44), (42, 78, 184), (236, 200, 52)])
def test_hue_is_spared_and_brightness_moves_a_little(colour):
    image = torch.tensor(colour, dtype=torch.uint8)[None, :, None, None].repeat(50, 1, 8, 8)
    nothing = torch.full((50, 4), torch.nan)
    batch = Batch(image, torch.zeros(50, 1, dtype=torch.int64), torch.ones(50, 1), nothing)
    varied = augment.vary(batch, generator())
    assert varied.image.dtype == torch.uint8
    assert varied.box.isnan().all()
    hue = colorsys.rgb_to_hsv(*(c / 255 for c in colour))[0]
    for pixel in varied.image[:, :, 0, 0].numpy() / 255:
        apart = abs(colorsys.rgb_to_hsv(*pixel)[0] - hue)
        assert min(apart, 1 - apart) < 0.03
    assert np.abs(varied.image[:, :, 0, 0].numpy().astype(int) - colour).max() <= 25


def test_a_box_that_leaves_the_picture_says_nothing_any_more():
    scale, offset = (
        torch.ones(1, 2),
        torch.tensor([[1.0, 0.0]]),
    )  # looks half a picture to the right
    moved = augment._view_boxes(torch.tensor([[0.0, 0.0, 0.5, 1.0]]), scale, offset)
    assert moved.isnan().all()
    half = augment._view_boxes(torch.tensor([[0.25, 0.0, 0.75, 1.0]]), scale, offset)
    torch.testing.assert_close(half, torch.tensor([[0.0, 0.0, 0.25, 1.0]]))


def test_jitter_moves_edges_a_little_and_keeps_missing_boxes_missing():
    box = torch.tensor([[0.2, 0.2, 0.7, 0.7], [torch.nan] * 4])
    moved = augment.jitter(box, generator())
    assert 0 < (moved[0] - box[0]).abs().max() <= augment.JITTER * 0.5 + 1e-6
    assert moved[1].isnan().all()
