import numpy as np
import torch

from fashiontrend.attrnet.training import clutter


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_seed_alone_decides_the_backgrounds():
    first, second = (clutter.draw_bank(12, 24, np.random.default_rng(3)) for _ in range(2))
    assert first.shape == (12, 3, 24, 24)
    assert first.dtype == torch.uint8
    assert torch.equal(first, second)
    assert len({tuple(b.flatten().tolist()) for b in first}) == 12


def test_picked_backgrounds_are_parts_in_the_range_of_pixels():
    bank = clutter.draw_bank(4, 24, np.random.default_rng(0))
    picked = clutter.pick(bank, 6, 16, generator())
    assert picked.shape == (6, 3, 16, 16)
    assert picked.min() >= 0
    assert picked.max() <= 255


def test_a_collage_is_made_of_the_middle_of_garments():
    pictures = torch.zeros(2, 3, 20, 20)
    pictures[:, 0, 5:15, 5:15] = 200
    box = torch.tensor([[0.25, 0.25, 0.75, 0.75]]).repeat(2, 1)
    laid = clutter.collage(pictures, box, generator(1))
    assert laid.shape == pictures.shape
    assert (laid[:, 0] > 199).all()
    assert (laid[:, 1:] < 1).all()
