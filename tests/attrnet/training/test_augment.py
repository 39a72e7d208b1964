import colorsys

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from fashiontrend.attrnet.training import augment
from fashiontrend.attrnet.training.batches import Batch


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


def pasted(count=200, vacant=False):
    """Red squares on white with their masks, pasted on green."""
    image = torch.full((count, 4, 32, 32), 255, dtype=torch.uint8)
    image[:, 3] = 0
    image[:, 1:3, 8:24, 8:16] = 0
    image[:, 3, 8:24, 8:16] = 255
    box = torch.tensor([[0.25, 0.25, 0.5, 0.75]]).repeat(count, 1)
    batch = Batch(image, torch.zeros(count, 1, dtype=torch.int64), torch.ones(count, 1), box)
    batch = batch._replace(title_words=torch.ones(count, 2))
    bank = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    scene = augment.Scene(size_px=48, bank=bank, pasted=1.0)
    return augment.vary(batch, generator(), scene)


def test_what_is_pasted_lies_where_its_box_says():
    varied = pasted()
    shown = varied.labels[:, 0] == 0
    assert varied.image.shape == (200, 3, 48, 48)
    assert 0.85 < shown.float().mean() < 1
    apart = []
    for image, box in zip(varied.image[shown].int(), varied.box[shown], strict=True):
        y, x = torch.nonzero((image[0] > 150) & (image[1] < 100), as_tuple=True)
        if len(x) < 20:  # another picture's cloth may be as red; a tiny one has few such pixels
            continue
        centre = torch.tensor([x.min() + x.max() + 1, y.min() + y.max() + 1]) / 96
        apart.append((centre - (box[:2] + box[2:]) / 2).abs().max().item())
    assert np.median(apart) < 0.02


def test_clutter_alone_has_a_box_of_no_size_and_no_labels():
    varied = pasted()
    empty = varied.labels[:, 0] == -1
    assert (varied.box[empty] == 0).all()
    assert (varied.weights[empty] == 0).all()
    assert varied.title_words[empty].isnan().all()
    assert (varied.title_words[~empty] == 1).all()


def test_what_is_known_to_be_empty_stays_so(draw_batch):
    batch = draw_batch(8, 0)._replace(box=torch.zeros(8, 4))
    varied = augment.vary(batch, generator(), augment.Scene(closer=True))
    assert (varied.box == 0).all()


def test_small_garments_are_looked_at_closer_half_of_the_time(draw_batch):
    box = torch.tensor([[0.4, 0.4, 0.6, 0.6]]).repeat(200, 1)
    batch = draw_batch(200, 0)._replace(box=box)
    varied = augment.vary(batch, generator(), augment.Scene(closer=True))
    side = (varied.box[:, 2:] - varied.box[:, :2]).amax(1)
    assert 0.4 < (side > 0.5).float().mean() < 0.6
    assert (varied.box >= 0).all()
    assert (varied.box <= 1).all()


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("closer", [False, True])
def test_pictures_are_varied_where_they_are(channels, closer, monkeypatch):
    """Fake tensors know their device and refuse to mix two, also where there is no such device.

    What they do not know is their numbers: which pictures are pasted, into how many tiles cloth is cut.
    """
    two = torch.tensor([[0], [2]])
    monkeypatch.setattr(torch.Tensor, "nonzero", lambda mask: two.to(mask.device))
    monkeypatch.setattr(torch.Tensor, "__int__", lambda number: 3)
    with FakeTensorMode(allow_non_fake_inputs=True):
        batch = Batch(
            torch.zeros(4, channels, 32, 32, dtype=torch.uint8, device="cuda"),
            torch.zeros(4, 2, dtype=torch.int64, device="cuda"),
            torch.ones(4, 2, device="cuda"),
            torch.zeros(4, 4, device="cuda"),
            torch.zeros(4, 6, device="cuda"),
        )
        bank = torch.zeros(5, 3, 32, 32, dtype=torch.uint8, device="cuda")
        scene = augment.Scene(size_px=24, bank=bank, pasted=0.5, closer=closer)
        varied = augment.vary(batch, generator(), scene)
        jittered = augment.jitter(varied.box, generator())
    tensors = (*varied[:5], jittered)
    assert {t.device.type for t in tensors} == {"cuda"}
    assert varied.image.shape == (4, 3, 24, 24)


def test_plain_shots_are_mirrored_and_moved_and_keep_their_pixels():
    image = torch.randint(1, 256, (40, 3, 24, 18), generator=generator(), dtype=torch.uint8)
    image[0] = 0
    moved = augment.move(image, generator(1))
    assert moved.shape == image.shape
    assert moved.dtype == torch.uint8
    assert not moved[0].any()
    inner = moved[1:, :, 4:-4, 4:-4]
    found = [
        [torch.equal(one[:, y : y + 16, x : x + 10], part) for y in range(9) for x in range(9)]
        for one, part in zip(image[1:], inner, strict=True)
    ]
    assert 8 < sum(map(any, found)) < 31  # the others are mirror images
    assert len({row.index(True) for row in found if any(row)}) == 1  # by the same few pixels
