import numpy as np
import pytest

from fashiontrend.attrnet.evaluation import reliability

#: Four answers: two sure and right, then one right and one wrong.
PROBS = np.array([[0.95, 0.05], [0.1, 0.9], [0.35, 0.65], [0.6, 0.4]])
LABELS = np.array([0, 1, 1, 1])


def test_the_surest_answers_are_covered_first():
    curve = reliability.cover(PROBS, LABELS)
    assert [row[0] for row in curve] == [0.25, 0.5, 0.75, 1.0]
    assert [row[1] for row in curve] == [0.95, 0.9, 0.65, 0.6]
    assert [row[2] for row in curve] == [1, 1, 1, 0.75]


def test_full_coverage_is_plain_accuracy():
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(4), 333)
    labels = rng.integers(0, 4, 333)
    coverage, _, accuracy = reliability.cover(probs, labels)[-1]
    assert coverage == 1
    assert accuracy == pytest.approx((probs.argmax(1) == labels).mean())


def test_without_pictures_there_is_no_curve():
    assert reliability.cover(np.zeros((0, 3)), np.zeros(0, int)) == []
    assert reliability.bin_confidence(np.zeros((0, 3)), np.zeros(0, int)) == []


def test_bins_hold_every_picture_once_and_empty_ones_are_left_out():
    rows = reliability.bin_confidence(PROBS, LABELS)
    assert rows == [[pytest.approx(0.625), 0.5, 2], [pytest.approx(0.925), 1.0, 2]]


def test_certainty_itself_has_a_bin():
    assert reliability.bin_confidence(np.array([[1.0, 0.0]]), np.array([0])) == [[1.0, 1.0, 1]]
