import json

import numpy as np
import pytest

from fashiontrend.attrnet.evaluation import baselines, labelled_set


def sure(labels, values, wrong=()):
    probs = np.full((len(labels), values + 1), 0.05)
    probs[np.arange(len(labels)), labels] = 0.9
    for n in wrong:
        probs[n] = np.roll(probs[n], 1)
    return probs / probs.sum(1, keepdims=True)


@pytest.fixture
def labels():
    return np.random.default_rng(0).integers(0, 2, (60, 2))


def answer(labels, wrong=()):
    return {"colour": sure(labels[:, 0], 2, wrong), "pattern": sure(labels[:, 1], 2)}


def test_right_answers_score_one(labels, taxonomy):
    card = labelled_set.score(answer(labels), labels, taxonomy)
    assert card["mean_accuracy"] == card["all_right"] == 1
    assert card["mean_accuracy_interval"] == [1, 1]
    assert card["attributes"]["colour"]["macro_f1"] == 1
    assert card["attributes"]["colour"]["coverage"] == 1


def test_one_wrong_attribute_spoils_the_picture_and_missing_labels_count_for_nothing(
    labels, taxonomy
):
    labels[:10, 1] = -1
    probs = answer(np.abs(labels), wrong=range(6))
    card = labelled_set.score(probs, labels, taxonomy)
    assert card["attributes"]["colour"]["accuracy"] == pytest.approx(0.9)
    assert card["attributes"]["pattern"]["support"] == 50
    assert card["all_right"] == 1  # the six are among those that lack a label
    low, high = card["mean_accuracy_interval"]
    assert low < card["mean_accuracy"] < high


def test_an_attribute_without_labels_has_no_numbers_and_spoils_no_mean(labels, taxonomy):
    labels[:, 1] = -1
    card = labelled_set.score(answer(np.abs(labels), wrong=range(6)), labels, taxonomy)
    assert card["mean_accuracy"] == card["attributes"]["colour"]["accuracy"] == pytest.approx(0.9)
    assert card["mean_accuracy_interval"][0] > 0.7
    assert card["attributes"]["pattern"]["accuracy"] is None
    assert card["attributes"]["pattern"]["coverage"] is None
    json.dumps(card, allow_nan=False)
    right = labelled_set.find_right(answer(np.abs(labels)), labels, taxonomy)
    wrong = labelled_set.find_right(answer(np.abs(labels), wrong=range(30)), labels, taxonomy)
    assert labelled_set.compare(right, wrong)["difference"] == pytest.approx(0.5)


def test_pictures_that_do_not_show_an_attribute_count_for_nothing_in_means_and_differences(
    labels, taxonomy
):
    hidden = np.concatenate([labels, np.full((40, 2), 2)])  # index V: not visible
    said = np.concatenate([labels, np.zeros((40, 2), np.int64)])
    shown = labelled_set.score(answer(labels, wrong=range(6)), labels, taxonomy)
    card = labelled_set.score(answer(said, wrong=range(6)), hidden, taxonomy)
    assert card["mean_accuracy"] == shown["mean_accuracy"]
    assert card["all_right"] == shown["all_right"]
    low, high = card["mean_accuracy_interval"]
    assert low < card["mean_accuracy"] < high
    good, bad = (
        labelled_set.find_right(answer(said, wrong=range(n)), hidden, taxonomy) for n in (0, 30)
    )
    assert labelled_set.compare(good, bad)["difference"] == pytest.approx(0.25)


@pytest.mark.parametrize("label", [-1, 2], ids=["unlabelled", "not visible"])
def test_where_no_value_is_labelled_at_all_there_is_no_mean(labels, taxonomy, label):
    card = labelled_set.score(answer(labels), np.full_like(labels, label), taxonomy)
    assert card["mean_accuracy"] is card["mean_accuracy_interval"] is card["all_right"] is None


def test_a_better_recogniser_is_better_by_an_interval_above_zero(labels, taxonomy):
    good = labelled_set.find_right(answer(labels), labels, taxonomy)
    bad = labelled_set.find_right(answer(labels, wrong=range(20)), labels, taxonomy)
    told = labelled_set.compare(good, bad)
    assert told["difference"] == pytest.approx(1 / 6)
    assert told["attributes"] == pytest.approx([1 / 3, 0])
    [(low, high), still] = told["attribute_intervals"]
    assert low < 1 / 3 < high
    assert still == [0, 0]
    assert 0 < told["interval"][0] < 1 / 6 < told["interval"][1]


def test_boxes_on_empty_pictures_are_false_and_untold_ones_miss():
    true = np.array([[0, 0, 0.2, 0.2], [0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]], float)
    found = np.array([[0, 0, 0.2, 0.2], [0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]], float)
    told = labelled_set.score_boxes(found, np.array([0.8, 0.7, 0.1, 0.9]), true, 0.5)
    assert told["mean_iou"] == pytest.approx(2 / 3)
    assert told["small_iou"] == 1
    assert told["false_boxes"] == 1
    assert told["iou_counts"] == [1, *[0] * 18, 2]
    assert told["small_iou_counts"] == [*[0] * 19, 1]
    # The false box stands first: precision 1/2 and 2/3 at two of three garments, enveloped.
    assert told["ap50"] == pytest.approx(2 / 3 * 2 / 3)


def test_the_majority_and_the_histogram_are_baselines(taxonomy, labels):
    colours = np.array([(200, 30, 30), (30, 30, 200)], np.uint8)
    pictures = [np.broadcast_to(colours[c], (8, 8, 3)) for c in labels[:, 0]]
    features = baselines.histogram(pictures)
    assert features.shape == (60, baselines.LEVELS**3)
    probs = baselines.regress(features, labels, features, taxonomy)
    right = labelled_set.find_right(probs, labels, taxonomy)
    assert right[:, 0].mean() == 1
    common = baselines.majority(labels, taxonomy, 60)
    share = max((labels[:, 0] == v).mean() for v in (0, 1))
    assert labelled_set.find_right(common, labels, taxonomy)[:, 0].mean() == pytest.approx(share)


def test_the_threshold_keeps_its_promise_of_unseen_pictures_four_times_in_five():
    rng = np.random.default_rng(0)
    thresholds = [labelled_set.choose_threshold(rng.random(150), 0.05) for _ in range(400)]
    above = 1 - np.array(thresholds)  # so much of a uniform certainty
    kept = (above <= 0.05).mean()
    assert 0.8 <= kept <= 0.95


def test_the_threshold_leaves_few_false_boxes():
    certainty = np.linspace(0, 0.6, 100)
    threshold = labelled_set.choose_threshold(certainty, 0.05)
    assert (certainty >= threshold).sum() == 2
    assert labelled_set.choose_threshold(certainty[90:], 0.05) == 0.5
    assert labelled_set.choose_threshold(np.zeros(100), 0.05) == 0.05
