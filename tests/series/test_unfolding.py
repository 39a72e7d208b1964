"""How many steps of expectation maximisation are taken, and why."""

import numpy as np
import pytest

from fashiontrend.series import quantification, unfolding
from fashiontrend.series.unfolding import AnnotatedPredictions

VALUES = 4
FLAT = np.full(VALUES, 1 / VALUES)


def predict(rng, truth, skill):
    """Answers of a recogniser that was trained on a balanced set."""
    x = rng.normal(size=(len(truth), VALUES))
    x[np.arange(len(truth)), truth] += skill
    odds = np.exp(skill * x - (skill * x).max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def annotated(rng, shares, skill, count=300):
    labels = rng.choice(VALUES, count, p=shares)
    return predict(rng, labels, skill), labels, FLAT


def likelihoods(known, probs):
    point = quantification.fit_calibration(*known, np.ones((1, len(known[1]))))
    return quantification.likelihoods(probs, point)[0]


def test_the_first_stop_is_the_mean_of_the_predictions_under_the_natural_proportions():
    likelihood, prior = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0.75, 0.25])
    expected = np.mean([[0.675 / 0.7, 0.025 / 0.7], [0.15 / 0.35, 0.2 / 0.35]], axis=0)
    np.testing.assert_allclose(unfolding.unfold(likelihood, prior, 0.0)[0], expected)


def test_the_last_stop_is_the_maximum_of_the_likelihood():
    rng, shares = np.random.default_rng(0), np.array([0.6, 0.2, 0.1, 0.1])
    known = annotated(rng, FLAT, 1.8)
    likelihood = likelihoods(known, predict(rng, rng.choice(VALUES, 500, p=shares), 1.8))
    end = quantification.maximise_shares(
        likelihood[None], np.ones((1, 1, 500)), FLAT[None, None], 0.0
    )[0, 0]
    np.testing.assert_allclose(unfolding.unfold(likelihood, FLAT, 0.0)[-1], end, atol=0.005)


def test_without_products_shares_are_even_or_unknown_but_sum_to_one_with_pseudo_counts():
    np.testing.assert_allclose(unfolding.unfold(np.ones((0, 4)), FLAT, 0.5)[-1], FLAT)


def test_the_chosen_stop_is_nearer_than_counting_and_than_the_maximum_of_the_likelihood():
    rng = np.random.default_rng(1)
    errors = []
    for _ in range(12):
        shares = rng.dirichlet(np.full(VALUES, 6.0))
        known = annotated(rng, shares, 1.4)
        moved = [rng.dirichlet(shares * 60) for _ in range(8)]
        truths = [rng.choice(VALUES, 200, p=m) for m in moved]
        predictions = [predict(rng, t, 1.4) for t in truths]
        by_stop = np.array(
            [unfolding.unfold(likelihoods(known, a), shares, 0.0) for a in predictions]
        )
        real = np.array([np.bincount(t, minlength=VALUES) / 200 for t in truths])
        raw = np.array([quantification.count_raw(a) for a in predictions])
        stop = unfolding.choose_stop(AnnotatedPredictions(*known), by_stop[:, -1], 200, rng)
        errors.append([np.abs(e - real).mean() for e in (by_stop[:, stop], by_stop[:, -1], raw)])
    chosen, maximum, counted = np.mean(errors, axis=0)
    assert chosen < maximum
    assert chosen < counted


def test_a_few_annotated_pictures_choose_nothing():
    rng = np.random.default_rng(2)
    assert (
        unfolding.choose_stop(
            AnnotatedPredictions(*annotated(rng, FLAT, 2.0, count=20)), FLAT[None], 200, rng
        )
        == 0
    )


def test_large_moves_of_many_products_ask_for_more_steps():
    rng = np.random.default_rng(3)
    known = annotated(rng, np.array([0.7, 0.1, 0.1, 0.1]), 1.2, count=3000)
    far = np.array([[0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7]])
    assert unfolding.choose_stop(AnnotatedPredictions(*known), far, 3000, rng) > 0


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_seed_chooses_the_same(seed):
    known = annotated(np.random.default_rng(4), FLAT, 1.5)
    first, second = (
        unfolding.choose_stop(
            AnnotatedPredictions(*known), FLAT[None], 100, np.random.default_rng(seed)
        )
        for _ in range(2)
    )
    assert first == second
