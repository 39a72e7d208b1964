import numpy as np
import pytest
from PIL import Image

from fashiontrend.attrnet.network import plain_shots


def draw(background=(255, 255, 255), inner=(40, 80, 190)):
    pixels = np.empty((40, 30, 3), np.uint8)
    pixels[:] = background
    pixels[10:30, 5:20] = inner
    return pixels


@pytest.mark.parametrize("background", [(255, 255, 255), (236, 236, 240), (20, 20, 20)])
def test_the_garment_is_what_is_not_background(background):
    mask = plain_shots.find_garment(draw(background))
    assert mask.sum() == 20 * 15
    assert plain_shots.bound(mask) == pytest.approx((5 / 30, 10 / 40, 20 / 30, 30 / 40))


def test_white_inside_a_garment_belongs_to_it():
    pixels = draw()
    pixels[15:20, 10:15] = 255
    assert plain_shots.find_garment(pixels).sum() == 20 * 15


def test_dust_is_left_out():
    pixels = draw()
    pixels[2, 2] = 0
    assert plain_shots.find_garment(pixels).sum() == 20 * 15


def test_a_background_that_is_not_plain_has_no_mask():
    rng = np.random.default_rng(0)
    assert plain_shots.find_garment(rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)) is None


def test_a_picture_of_nothing_has_no_mask():
    assert plain_shots.find_garment(draw(inner=(255, 255, 255))) is None


def test_a_mask_is_cut_as_its_picture_with_nothing_beyond():
    mask = np.ones((40, 20), bool)
    square = plain_shots.cut(mask, (-10.0, 0.0, 30.0, 40.0), 40)
    assert square.shape == (40, 40)
    assert (square[:, 10:30] == 255).all()
    assert square[:, :9].max() == square[:, 31:].max() == 0


def test_a_garment_that_leaves_at_the_rim_still_has_a_ground():
    pixels = draw()
    pixels[30:, 5:20] = 40
    assert plain_shots.find_ground(pixels).tolist() == [255, 255, 255]
    assert plain_shots.find_ground(pixels, 0.9) is None
    pixels[15:, 1:29] = np.random.default_rng(0).integers(0, 200, (25, 28, 3))
    assert plain_shots.find_ground(pixels[10:, 1:29]) is None


def test_a_plain_shot_of_another_shape_is_not_stretched():
    wide = np.full((20, 60, 3), 250, np.uint8)
    wide[8:12, 10:50] = (20, 40, 160)
    shot = plain_shots.cut_plain(Image.fromarray(wide), (40, 30))
    assert shot.shape == (3, 40, 30)
    garment = np.argwhere((shot < 200).any(0))
    assert (garment.max(0) - garment.min(0) + 1).tolist() == [2, 20]


def test_a_shot_with_more_than_a_garment_at_its_rim_is_not_seen_as_a_whole():
    """Cloth of nearly one colour as a background; a mask is still read from it."""
    pixels = draw()
    assert np.array_equal(
        plain_shots.cut_plain(Image.fromarray(pixels), (40, 30)).transpose(1, 2, 0), pixels
    )
    pixels[:, :4] = 200
    assert plain_shots.find_garment(pixels) is not None
    assert not plain_shots.cut_plain(Image.fromarray(pixels), (40, 30)).any()
