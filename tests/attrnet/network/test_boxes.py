import numpy as np
import pytest

from fashiontrend.attrnet.network import boxes

LEFT, RIGHT = [0.0, 0.0, 0.2, 0.2], [0.8, 0.8, 1.0, 1.0]


def of(*rows):
    return np.array(rows, dtype=np.float64)


def test_boxes_overlap_by_what_they_share_of_what_they_cover():
    found = boxes.measure_iou(of(LEFT, LEFT, LEFT), of(LEFT, RIGHT, [0.0, 0.0, 0.4, 0.2]))
    assert found == pytest.approx([1, 0, 0.5])


def test_two_views_of_one_garment_agree_on_the_mean_of_their_boxes():
    near = [0.0, 0.0, 0.2, 0.24]
    agreed = boxes.agree(of(LEFT), of(near), np.array([True]))
    assert agreed == pytest.approx(of([0.0, 0.0, 0.2, 0.22]))


@pytest.mark.parametrize(("surer", "told"), [(False, LEFT), (True, RIGHT)])
def test_where_two_views_see_different_things_the_surer_one_is_believed(surer, told):
    """Halfway between two places there is nothing."""
    agreed = boxes.agree(of(LEFT), of(RIGHT), np.array([surer]))
    assert agreed == pytest.approx(of(told))


def test_the_mirror_image_of_a_mirror_image_is_the_same():
    box = of([0.1, 0.2, 0.4, 0.9])
    assert boxes.mirror(box) == pytest.approx(of([0.6, 0.2, 0.9, 0.9]))
    assert boxes.mirror(boxes.mirror(box)) == pytest.approx(box)


@pytest.mark.parametrize(
    ("keep_aspect", "region"),
    [
        pytest.param(True, [5, -15, 55, 35], id="a square"),
        pytest.param(False, [5, 5, 55, 15], id="of the same shape"),
    ],
)
def test_a_closer_look_has_a_margin(keep_aspect, region):
    assert boxes.widen(of([10, 6, 50, 14]), keep_aspect) == pytest.approx(of(region))
