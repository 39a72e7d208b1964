import math

import pytest
import torch

from fashiontrend.attrnet.network.regions import Location, cell_centres
from fashiontrend.attrnet.training import loss

NAN = float("nan")


def label_loss(logits, labels, weights=None, smoothing=0.0):
    labels = torch.tensor(labels)
    weights = torch.ones(labels.shape) if weights is None else torch.tensor(weights)
    return loss.label_loss([torch.tensor(x) for x in logits], labels, weights, smoothing).item()


def test_the_uniform_answer_costs_ln_of_the_classes_and_attributes_are_averaged():
    assert label_loss([[[0.0] * 4], [[0.0] * 2]], [[1, 0]]) == pytest.approx(
        (math.log(4) + math.log(2)) / 2
    )


def test_unlabelled_attributes_take_no_part():
    assert label_loss([[[0.0] * 4], [[9.0, 0.0]]], [[2, -1]]) == pytest.approx(math.log(4))


def test_a_batch_without_any_label_costs_nothing():
    assert label_loss([[[5.0, 0.0]]], [[-1]]) == 0.0


def test_labels_count_by_their_confidence():
    certain = [[[0.0, 0.0], [math.log(3), 0.0]]]  # costs ln 2 and ln(4/3)
    seen = label_loss(certain, [[0], [0]], [[1.0], [0.5]])
    assert seen == pytest.approx((math.log(2) + 0.5 * math.log(4 / 3)) / 1.5)


def test_a_weight_on_a_missing_label_changes_nothing():
    assert label_loss([[[0.0, 0.0], [9.0, 0.0]]], [[0], [-1]], [[1.0], [1.0]]) == pytest.approx(
        math.log(2)
    )


def make_location(cell_boxes, objectness) -> Location:
    return Location(objectness, cell_boxes, cell_boxes[:, 0], objectness[:, 0])


def perfect(box, side=4) -> Location:
    low, high = box[:2], box[2:]
    inside = ((cell_centres(side, side) > low) & (cell_centres(side, side) < high)).all(1)
    return make_location(box.expand(1, side * side, 4), torch.where(inside, 20.0, -20.0)[None])


def test_a_perfect_location_costs_nothing():
    box = torch.tensor([0.25, 0.25, 0.75, 0.75])
    assert loss.location_loss(perfect(box), box[None]).item() == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize(
    "box", [[0.49, 0.49, 0.5, 0.5], [0.0, 0.0, 1.0, 1.0], [0.0, 0.9, 0.01, 1.0]]
)
def test_any_box_has_a_positive_cell_and_a_finite_loss(box):
    location = make_location(
        torch.rand(1, 16, 4).sort(-1).values[..., [0, 1, 2, 3]], torch.zeros(1, 16)
    )
    assert loss._place_cells(torch.tensor([box]), 4)[0].any()
    assert math.isfinite(loss.location_loss(location, torch.tensor([box])).item())


def test_attributes_weigh_as_much_as_they_are_said_to():
    labels, weights = torch.tensor([[0, 1]]), torch.ones(1, 2)
    logits = (torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]]))
    one, other = (
        loss.label_loss(logits, labels, weights, 0.0, importance).item()
        for importance in ([1.0, 0.0], [0.0, 1.0])
    )
    assert loss.label_loss(logits, labels, weights, 0.0).item() == pytest.approx(one + other)
    told = loss.label_loss(logits, labels, weights, 0.0, [0.5, 3.0]).item()
    assert told == pytest.approx(0.5 * one + 3 * other)


def test_pictures_without_a_box_take_no_part():
    box = torch.tensor([0.25, 0.25, 0.75, 0.75])
    wrong = make_location(torch.zeros(1, 16, 4), torch.zeros(1, 16))
    both = make_location(
        torch.cat([perfect(box).cell_boxes, wrong.cell_boxes]),
        torch.cat([perfect(box).objectness, wrong.objectness]),
    )
    seen = loss.location_loss(both, torch.stack([box, torch.full((4,), NAN)]))
    assert seen.item() == pytest.approx(0.0, abs=1e-5)
    assert loss.location_loss(wrong, torch.full((1, 4), NAN)).item() == 0.0


def test_cells_between_the_middle_and_the_edge_are_left_alone():
    middle, inside = loss._place_cells(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), 8)
    assert middle.sum() == 16
    assert inside.sum() == 64


def test_words_are_told_apart_picture_by_picture_where_the_listing_says_any():
    words = torch.tensor([[1.0, 0.0], [torch.nan, torch.nan]])
    assert loss.word_loss(torch.zeros(2, 2), words).item() == pytest.approx(2 * math.log(2))
    assert loss.word_loss(torch.full((2, 2), 9.0), words * torch.nan).item() == 0
    sure = torch.tensor([[30.0, -30.0], [30.0, 30.0]])
    assert loss.word_loss(sure, words).item() == pytest.approx(0, abs=1e-6)


def test_presence_is_tested_where_it_is_known():
    box = torch.tensor([[0.1, 0.1, 0.5, 0.5], [0.0] * 4, [NAN] * 4])
    logits = torch.tensor([math.log(3), math.log(3), 9.0])  # costs ln(4/3) and ln 4
    expected = (math.log(4 / 3) + math.log(4)) / 2
    assert loss.presence_loss(logits, box).item() == pytest.approx(expected)
    assert loss.presence_loss(logits[2:], box[2:]).item() == 0.0
