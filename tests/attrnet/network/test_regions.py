import pytest
import torch

from fashiontrend.attrnet.network import regions

NUMBERED = torch.arange(1.0, 17.0).reshape(1, 1, 4, 4)  # row by row


@pytest.mark.parametrize(
    ("box", "size", "expected"),
    [
        pytest.param([0, 0, 1, 1], 2, [[6, 8], [14, 16]], id="whole picture"),
        pytest.param([0, 0, 0.5, 0.5], 1, [[6]], id="ends at an edge: not the next cell"),
        pytest.param([0, 0, 0.5, 0.5], 2, [[1, 2], [5, 6]], id="a bin a cell"),
        pytest.param([0.5, 0.5, 1, 1], 1, [[16]], id="last quarter"),
        pytest.param([0.25, 0, 0.51, 0.2], 1, [[3]], id="a touched cell counts"),
        pytest.param([0.6, 0.6, 0.6, 0.6], 2, [[11, 11], [11, 11]], id="a point fills all bins"),
        pytest.param([1, 1, 1, 1], 1, [[16]], id="the far corner"),
    ],
)
def test_pooling_covers_the_cells_that_the_box_touches(box, size, expected):
    pooled = regions.pool_regions(NUMBERED, torch.tensor([[box]], dtype=torch.float32), size)
    assert pooled.shape == (1, 1, 1, size, size)
    assert pooled[0, 0, 0].tolist() == expected


def test_each_box_is_pooled_from_its_own_picture():
    features = torch.stack([torch.full((2, 4, 4), float(n)) for n in range(3)])
    pooled = regions.pool_regions(features, torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(3, 2, 4), 1)
    assert pooled.shape == (3, 2, 2, 1, 1)
    assert pooled[:, :, 0, 0, 0].tolist() == [[0, 0], [1, 1], [2, 2]]


def test_boxes_of_several_sizes_share_a_centre_and_stay_in_the_picture():
    boxes = regions.surround(torch.tensor([[0.2, 0.4, 0.6, 0.8]]), (0.5, 1.0, 2.0))[0]
    expected = torch.tensor(
        [[0.3, 0.5, 0.5, 0.7], [0.2, 0.4, 0.6, 0.8], [0.0, 0.2, 0.8, 1.0], [0.0, 0.0, 1.0, 1.0]]
    )
    torch.testing.assert_close(boxes, expected)


def test_cell_centres_run_row_by_row():
    assert regions.cell_centres(1, 2).tolist() == [[0.25, 0.5], [0.75, 0.5]]


def test_the_location_is_the_best_cells_box_within_the_picture():
    locator = regions.Locator(4).eval()
    location = locator(torch.randn(3, 4, 5, 5, generator=torch.Generator().manual_seed(0)))
    assert location.objectness.shape == (3, 25)
    assert location.cell_boxes.shape == (3, 25, 4)
    assert ((location.box >= 0) & (location.box <= 1)).all()
    assert (location.box[:, 2:] > location.box[:, :2]).all()
    torch.testing.assert_close(location.score, location.objectness.max(1).values.sigmoid())


def test_the_average_of_a_region_is_its_mean():
    features = torch.arange(16.0).reshape(1, 1, 4, 4)
    box = torch.tensor([[[0.0, 0.0, 1.0, 1.0]]])
    assert regions.pool_regions(features, box, 1, "average").item() == pytest.approx(7.5)
    assert regions.pool_regions(features, box, 1).item() == 15
