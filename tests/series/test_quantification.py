import numpy as np
import pytest

from fashiontrend.series import quantification

VALUES = 4


def predict(rng, truth, skill):
    """Calibrated predictions under a balanced prior for true values."""
    x = rng.normal(size=(len(truth), VALUES))
    x[np.arange(len(truth)), truth] += skill
    odds = np.exp(skill * x - (skill * x).max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def estimate(probs, known, labels, prior=None):
    prior = np.full(VALUES, 1 / VALUES) if prior is None else prior
    point = quantification.fit_calibration(known, labels, prior, np.ones((1, len(labels))))
    likelihood, flat = quantification.likelihoods(probs, point), np.full((1, 1, VALUES), 1 / VALUES)
    return quantification.maximise_shares(likelihood, np.ones((1, 1, len(probs))), flat, 0.5)[0, 0]


def draw(rng, probs, known, labels):
    prior, count = np.full(VALUES, 1 / VALUES), 30
    drawn = quantification.fit_calibration(
        known,
        labels,
        prior,
        rng.exponential(size=(count, len(labels))),
        rng.normal(size=(count, VALUES + 1)),
    )
    prior_mean = rng.dirichlet(np.ones(VALUES), size=(count, 4))
    weights = rng.exponential(size=(count, 4, len(probs)))
    return quantification.maximise_shares(
        quantification.likelihoods(probs, drawn), weights, prior_mean, 0.5
    ).reshape(-1, VALUES)


def width(draws):
    return np.diff(np.quantile(draws, [0.1, 0.9], axis=0), axis=0)[0]


def test_a_true_share_of_2_percent_comes_back_from_its_raw_count():
    rng, shares = np.random.default_rng(0), [0.5, 0.3, 0.18, 0.02]
    raw, corrected = [], []
    for _ in range(10):
        truth, annotated = rng.choice(VALUES, 5000, p=shares), rng.choice(VALUES, 2000, p=shares)
        probs = predict(rng, truth, 2.15)
        raw.append(quantification.count_raw(probs)[3])
        corrected.append(estimate(probs, predict(rng, annotated, 2.15), annotated)[3])
    assert np.mean(raw) == pytest.approx(0.069, abs=0.006)
    assert np.mean(corrected) == pytest.approx(0.02, abs=0.005)


def test_corrected_shares_of_200_products_are_nearer_than_raw_counts_and_within_1_5_points():
    rng = np.random.default_rng(1)
    raw, corrected = [], []
    for _ in range(40):
        shares = np.maximum(rng.dirichlet(np.full(VALUES, 1.5)), 0.01)
        shares /= shares.sum()
        truth, annotated = rng.choice(VALUES, 200, p=shares), rng.choice(VALUES, 300, p=shares)
        probs = predict(rng, truth, 2.7)
        real = np.bincount(truth, minlength=VALUES) / 200
        raw.append(np.abs(quantification.count_raw(probs) - real).mean())
        corrected.append(
            np.abs(estimate(probs, predict(rng, annotated, 2.7), annotated) - real).mean()
        )
    assert np.mean(corrected) < 0.015
    assert np.mean(corrected) < np.mean(raw)


def test_a_title_rule_that_names_half_of_one_value_another_is_mostly_undone_by_annotations():
    rng, shares = np.random.default_rng(2), np.array([0.4, 0.2, 0.25, 0.15])
    confuse = np.eye(VALUES)
    confuse[0, :2] = 0.5
    truth, annotated = rng.choice(VALUES, 2000, p=shares), rng.choice(VALUES, 400, p=shares)
    probs, known = predict(rng, truth, 2.7) @ confuse, predict(rng, annotated, 2.7) @ confuse
    raw = np.abs(quantification.count_raw(probs) - shares).mean()
    assert raw > 0.08
    assert np.abs(estimate(probs, known, annotated) - shares).mean() < raw / 2


def test_the_80_percent_interval_holds_80_percent():
    rng, held = np.random.default_rng(4), []
    for _ in range(60):
        shares = rng.dirichlet(np.full(VALUES, 3.0))
        truth, annotated = rng.choice(VALUES, 200, p=shares), rng.choice(VALUES, 300, p=shares)
        draws = draw(rng, predict(rng, truth, 2.7), predict(rng, annotated, 2.7), annotated)
        low, high = np.quantile(draws, [0.1, 0.9], axis=0)
        held.append((low <= shares) & (shares <= high))
    assert 0.70 < np.mean(held) < 0.90


@pytest.mark.parametrize("flat", [True, False], ids=["always the prior", "noise"])
def test_a_recogniser_that_knows_nothing_gives_a_wide_interval(flat):
    rng = np.random.default_rng(4)
    truth, annotated = rng.choice(VALUES, 200), rng.choice(VALUES, 300)

    def guess(n):
        return (
            np.full((n, VALUES), 1 / VALUES) if flat else predict(rng, rng.choice(VALUES, n), 2.7)
        )

    ignorant = width(draw(rng, guess(200), guess(300), annotated))
    knowing = width(draw(rng, predict(rng, truth, 2.7), predict(rng, annotated, 2.7), annotated))
    assert np.median(ignorant) > 0.3
    assert np.median(knowing) < 0.12


def test_fewer_annotated_pictures_mean_wider_intervals():
    rng, shares = np.random.default_rng(5), np.full(VALUES, 0.25)
    probs = predict(rng, rng.choice(VALUES, 3000, p=shares), 1.8)
    widths = []
    for count in (0, 60, 2000):
        annotated = rng.choice(VALUES, count, p=shares)
        widths.append(width(draw(rng, probs, predict(rng, annotated, 1.8), annotated)).mean())
    assert widths[0] > widths[1] > widths[2]


def test_shares_without_any_product_are_the_mean_of_the_prior():
    prior_mean = np.array([[[0.1, 0.2, 0.3, 0.4]]])
    shares = quantification.maximise_shares(
        np.ones((1, 0, VALUES)), np.ones((1, 1, 0)), prior_mean, 0.5
    )
    np.testing.assert_allclose(shares, prior_mean)


def test_a_training_prior_is_taken_out_without_annotations():
    rng, shares = np.random.default_rng(6), np.array([0.7, 0.1, 0.1, 0.1])
    truth = rng.choice(VALUES, 4000, p=shares)
    prior = np.array([0.1, 0.3, 0.3, 0.3])
    tilted = predict(rng, truth, 2.7) * prior
    tilted /= tilted.sum(axis=1, keepdims=True)
    none = np.zeros(0, dtype=np.int64)
    assert np.abs(estimate(tilted, np.zeros((0, VALUES)), none, prior) - shares).max() < 0.02
