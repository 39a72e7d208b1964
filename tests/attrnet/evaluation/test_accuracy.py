import json
import math

import numpy as np
import pytest

from fashiontrend.attrnet.evaluation import accuracy
from fashiontrend.attrnet.evaluation.accuracy import Predictions, Truth
from fashiontrend.errors import DataError

NAN = np.nan


def sure(answers, classes=3):
    """Probabilities 0.9 for each answer; NaN rows for None."""
    probs = np.full((len(answers), classes), 0.1 / (classes - 1))
    for row, answer in zip(probs, answers, strict=True):
        row[answer if answer is not None else slice(None)] = 0.9 if answer is not None else NAN
    return probs


def test_known_numbers_of_one_attribute():
    report = accuracy.evaluate_attribute(
        sure([0, 0, 1, 1, 2, 2, 0]), np.array([0, 0, 1, 0, 2, 1, -1])
    )
    assert report.accuracy == pytest.approx(3 / 5)  # of the five present ones
    assert (report.support, report.not_visible) == (5, 1)
    assert report.macro_f1 == pytest.approx((4 / 5 + 1 / 2) / 2)
    assert report.visibility_f1 == pytest.approx((8 / 9 + 2 / 3) / 2)
    assert report.majority_accuracy == pytest.approx(3 / 5)
    assert report.confusion == ((2, 1, 0), (0, 1, 1), (0, 0, 1))
    assert report.ece == pytest.approx(abs(0.9 - 4 / 6))


def test_the_wilson_bound_is_the_textbooks():
    report = accuracy.evaluate_attribute(sure([0] * 90 + [1] * 10), np.zeros(100, int))
    z, p, n = 1.6448536269514722, 0.9, 100
    low = (p + z * z / (2 * n) - z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (
        1 + z * z / n
    )
    assert report.wilson_low == pytest.approx(low)


@pytest.mark.parametrize(
    "labels", [[], [-1, -1], [2, 2]], ids=["no pictures", "unlabelled", "never visible"]
)
def test_without_support_the_numbers_are_nan(labels):
    report = accuracy.evaluate_attribute(
        sure([2] * len(labels)).reshape(-1, 3), np.array(labels, int)
    )
    assert report.support == 0
    for number in (report.accuracy, report.wilson_low, report.macro_f1, report.majority_accuracy):
        assert math.isnan(number)


def test_a_picture_without_an_answer_is_wrong():
    report = accuracy.evaluate_attribute(sure([0, None]), np.array([0, 0]))
    assert report.accuracy == 0.5
    assert report.confusion == ((1, 0, 0), (0, 0, 0), (0, 0, 0))


def test_an_attribute_of_one_value_can_be_judged():
    report = accuracy.evaluate_attribute(sure([0, 1], 2), np.array([0, 1]))
    assert (report.accuracy, report.macro_f1, report.visibility_f1) == (1.0, 1.0, 1.0)


BOX = [0.0, 0.0, 0.5, 0.5]


@pytest.mark.parametrize(
    ("found", "score", "iou", "ap"),
    [
        pytest.param([BOX, BOX], [0.9, 0.8], 1.0, 1.0, id="both right"),
        pytest.param([BOX, [0.5, 0.5, 1, 1]], [0.9, 0.8], 0.5, 0.5, id="the surer one right"),
        pytest.param([BOX, [0.5, 0.5, 1, 1]], [0.8, 0.9], 0.5, 0.25, id="the surer one wrong"),
        pytest.param([BOX, [NAN] * 4], [0.9, NAN], 0.5, 0.5, id="one without an answer"),
        pytest.param(
            [[0, 0, 0.5, 0.25], BOX], [0.5, 0.4], 0.75, 1.0, id="half the box is just enough"
        ),
    ],
)
def test_boxes_are_judged_by_overlap_and_by_ranking(found, score, iou, ap):
    report = accuracy.evaluate_boxes(np.array(found), np.array(score), np.array([BOX, BOX]))
    assert (report.mean_iou, report.ap50, report.support) == (
        pytest.approx(iou),
        pytest.approx(ap),
        2,
    )


def test_pictures_without_a_drawn_box_are_left_out():
    report = accuracy.evaluate_boxes(np.array([BOX, BOX]), np.ones(2), np.array([BOX, [NAN] * 4]))
    assert (report.mean_iou, report.support) == (1.0, 1)
    empty = accuracy.evaluate_boxes(np.zeros((1, 4)), np.ones(1), np.full((1, 4), NAN))
    assert math.isnan(empty.mean_iou)
    assert math.isnan(empty.ap50)


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    probs = np.repeat([[0.8, 0.2]], 10, 0)
    assert accuracy.measure_ece(probs, np.array([0] * 8 + [1] * 2)) == pytest.approx(0.0)
    assert accuracy.measure_ece(probs, np.zeros(10, int)) == pytest.approx(0.2)
    assert math.isnan(accuracy.measure_ece(probs[:0], np.zeros(0, int)))


def report_on(taxonomy, colour, pattern, labels):
    count = len(labels)
    predictions = Predictions(
        {"colour": sure(colour).reshape(-1, 3), "pattern": sure(pattern).reshape(-1, 3)},
        np.tile(np.array(BOX), (count, 1)), np.ones(count),
    )  # fmt: skip
    truth = Truth(np.array(labels, int).reshape(-1, 2), np.tile(np.array(BOX), (count, 1)))
    return accuracy.evaluate(predictions, truth, taxonomy)


def test_the_report_averages_attributes_and_names_the_worst(taxonomy):
    report = report_on(taxonomy, [0, 1, 1, 0], [0, 0, 0, 0], [[0, 0], [1, 1], [1, 1], [0, 1]])
    assert report.mean_accuracy == pytest.approx((1.0 + 0.25) / 2)
    assert report.worst_attribute == "pattern"
    assert report.worst_wilson_low == report.attributes["pattern"].wilson_low
    assert report.box.mean_iou == pytest.approx(1.0)
    assert json.loads(json.dumps(report.to_json()))["attributes"]["colour"]["accuracy"] == 1.0


def test_an_attribute_without_support_makes_the_mean_nan_and_is_the_worst(taxonomy):
    report = report_on(taxonomy, [0], [0], [[0, -1]])
    assert math.isnan(report.mean_accuracy)
    assert report.worst_attribute == "pattern"
    assert math.isnan(report.worst_wilson_low)
    assert '"mean_accuracy": null' in json.dumps(report.to_json(), allow_nan=False)


def test_no_pictures_at_all_give_a_report_of_nan(taxonomy):
    report = report_on(taxonomy, [], [], [])
    assert math.isnan(report.mean_accuracy)
    assert report.pictures == 0


def test_probabilities_of_another_shape_are_refused(taxonomy):
    predictions = Predictions(
        {"colour": sure([0]), "pattern": sure([0], 4)}, np.zeros((1, 4)), np.ones(1)
    )
    with pytest.raises(DataError, match=r"'pattern' have shape \(1, 4\), expected \(1, 3\)"):
        accuracy.evaluate(predictions, Truth(np.array([[0, 0]]), np.zeros((1, 4))), taxonomy)
