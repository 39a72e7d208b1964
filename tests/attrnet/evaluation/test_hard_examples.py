import numpy as np
import pytest

from fashiontrend.attrnet.evaluation import hard_examples


def probs(*rows):
    return np.array(rows, dtype=np.float64)


@pytest.fixture
def labels():
    return np.array([[0, 0], [0, 1], [1, 1], [-1, 1], [0, 1]])


@pytest.fixture
def answers():
    return {
        "colour": probs(
            (0.9, 0.1, 0), (0.3, 0.7, 0), (0.95, 0.05, 0), (0.01, 0.99, 0), (0.2, 0.8, 0)
        ),
        "pattern": probs((0.9, 0.1, 0), (0.1, 0.9, 0), (0, 1, 0), (0, 1, 0), (0.6, 0.4, 0)),
    }


def test_the_surest_wrong_answer_stands_first_and_unlabelled_pictures_are_no_mistakes(
    answers, labels, taxonomy
):
    found = hard_examples.find_hard_examples(answers, labels, taxonomy, 10)
    assert [m.row for m in found["colour"]] == [2, 4, 1]
    first = found["colour"][0]
    assert (first.predicted, first.labelled) == (0, 1)
    assert (first.confidence, first.labelled_confidence) == (0.95, 0.05)
    assert [m.row for m in found["pattern"]] == [4]


def test_a_frequent_mix_up_does_not_fill_the_gallery(taxonomy):
    labels = np.zeros((9, 2), int)
    wrong = np.tile([0.1, 0.9, 0.0], (9, 1))
    found = hard_examples.find_hard_examples(
        {"colour": wrong, "pattern": wrong}, labels, taxonomy, 9
    )
    assert len(found["colour"]) == hard_examples.SAME_PAIR


def test_a_picture_without_an_answer_is_no_mistake(answers, labels, taxonomy):
    answers["colour"][2] = np.nan
    found = hard_examples.find_hard_examples(answers, labels, taxonomy, 10)
    assert [m.row for m in found["colour"]] == [4, 1]


def test_attributes_take_turns_and_a_picture_is_shown_once(answers, labels, taxonomy):
    found = hard_examples.find_hardest(answers, labels, taxonomy, 3)
    assert [(m.row, m.attribute) for m in found] == [
        (2, "colour"),
        (4, "pattern"),
        (1, "colour"),
    ]
    assert len(hard_examples.find_hardest(answers, labels, taxonomy, 1)) == 1


def test_the_least_overlap_is_the_worst_and_a_garment_without_a_box_overlaps_nothing():
    whole, left, none = (0, 0, 1, 1), (0, 0, 0.5, 1), (0, 0, 0, 0)
    box = probs(whole, left, whole, whole, whole)
    true = probs(whole, whole, left, none, (np.nan,) * 4)
    certainty = np.array([0.9, 0.8, 0.1, 0.7, 0.9])
    found = hard_examples.find_hard_boxes(box, certainty, true, 0.5, 5)
    assert [(b.row, b.iou, b.found) for b in found] == [
        (2, 0.0, False),
        (1, 0.5, True),
        (0, 1.0, True),
    ]
    assert [b.row for b in hard_examples.find_false_boxes(certainty, true, 0.5, 5)] == [3]
    assert hard_examples.find_false_boxes(certainty, true, 0.75, 5) == []
