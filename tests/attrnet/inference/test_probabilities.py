import numpy as np
import pytest
from scipy.special import softmax

from fashiontrend.attrnet.inference import probabilities


def overconfident(count=4000, factor=3.0):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (count, 4))
    honest = softmax(logits, 1)
    labels = np.array([rng.choice(4, p=p) for p in honest])
    return softmax(logits * factor, 1), labels, honest


def test_the_temperature_undoes_overconfidence():
    probs, labels, honest = overconfident()
    found = probabilities.fit_temperature(probs, labels)
    assert found == pytest.approx(3.0, rel=0.1)
    assert np.abs(probabilities.temper(probs, found) - honest).max() < 0.06


@pytest.mark.parametrize(
    ("probs", "labels"),
    [
        pytest.param(np.zeros((0, 3)), np.zeros(0, int), id="nothing"),
        pytest.param(np.full((2, 3), 1 / 3), np.array([-1, -1]), id="unlabelled"),
        pytest.param(np.full((2, 3), np.nan), np.array([0, 1]), id="no answers"),
    ],
)
def test_without_evidence_the_temperature_is_one(probs, labels):
    assert probabilities.fit_temperature(probs, labels) == 1.0


def test_certain_mistakes_and_zeros_stay_within_bounds():
    sure = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert 0.1 <= probabilities.fit_temperature(sure, np.array([0, 1])) < 0.4
    assert 9 < probabilities.fit_temperature(sure, np.array([1, 0])) <= 10.0


def test_undoing_the_prior_gives_the_natural_posterior():
    # likelihood ratio 3 : 1: under (1/2, 1/2) it gives (3/4, 1/4), under (1/10, 9/10) (1/4, 3/4)
    seen = probabilities.undo_prior([[0.75, 0.25]], [50, 50], [0.1, 0.9])
    assert seen == pytest.approx(np.array([[0.25, 0.75]]))


@pytest.mark.parametrize(
    ("train", "natural", "expected"),
    [
        pytest.param([1, 1], [1, 1], [0.6, 0.4], id="same priors"),
        pytest.param([1, 0], [1, 0], [1.0, 0.0], id="natural zero"),
        pytest.param([0, 0], [0.5, 0.5], [0.6, 0.4], id="no training prior"),
        pytest.param([1, 1], [0, 0], [0.6, 0.4], id="no natural prior"),
    ],
)
def test_empty_priors_never_give_nan(train, natural, expected):
    seen = probabilities.undo_prior([[0.6, 0.4]], train, natural)
    assert np.isfinite(seen).all()
    if expected != [1.0, 0.0]:
        assert seen == pytest.approx(np.array([expected]))


def test_an_answer_of_nan_stays_nan():
    assert np.isnan(probabilities.undo_prior([[np.nan, np.nan]], [1, 1], [1, 2])).all()


def test_priors_are_estimated_from_labels_with_a_pseudo_count():
    assert probabilities.estimate_prior([0, 0, 1, -1], 2) == pytest.approx(
        [2.5 / 4.5, 1.5 / 4.5, 0.5 / 4.5]
    )
