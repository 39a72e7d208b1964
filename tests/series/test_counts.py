import numpy as np
import pytest

from fashiontrend.series import counts, quantification, unfolding
from fashiontrend.series.counts import count_windows, find_kinds, find_spans, limit_spans
from fashiontrend.series.quantification import RecogniserCalibration

EXACT = RecogniserCalibration(np.ones(1), np.zeros((1, 5)))


def as_ints(*values):
    return np.array(values, dtype=np.int64)


def predict(shares, products, rng):
    """Predictions of an unsure recogniser for products that have the shares."""
    truth = rng.choice(len(shares), products, p=shares)
    logits = rng.normal(size=(products, len(shares))) + 2.0 * np.eye(len(shares))[truth]
    likelihood = np.exp(logits)
    return likelihood / likelihood.sum(axis=1, keepdims=True)


def dense_windows(product, day, window, days, code, kinds):
    """The counts as the definition says: each window's distinct products."""
    found = np.zeros((days, kinds), dtype=np.int64)
    for end in range(days):
        inside = (day <= end) & (day > end - window)
        for own in np.unique(product[inside]):
            found[end, code[own]] += 1
    return found


@pytest.mark.parametrize("window", [1, 3, 50])
def test_windows_count_the_distinct_products_of_the_definition(window):
    rng = np.random.default_rng(window)
    product, day = rng.integers(0, 30, 200), rng.integers(0, 20, 200)
    code = rng.integers(0, 4, 30)
    spans = find_spans(product, day, window, 20)
    expected = dense_windows(product, day, window, 20, code, 4)
    np.testing.assert_array_equal(count_windows(spans, code, 4, 20), expected)


def test_counts_of_disjoint_products_add_up():
    rng = np.random.default_rng(0)
    product, day, code = rng.integers(0, 30, 200), rng.integers(0, 20, 200), rng.integers(0, 4, 30)
    parts = [
        count_windows(find_spans(product[own], day[own], 7, 20), code, 4, 20)
        for own in (product % 2 == 0, product % 2 == 1)
    ]
    whole = count_windows(find_spans(product, day, 7, 20), code, 4, 20)
    np.testing.assert_array_equal(parts[0] + parts[1], whole)


def test_many_listings_of_one_product_are_one_product_a_day():
    day = np.repeat(np.arange(5), 20_000)
    spans = find_spans(np.zeros_like(day), day, 2, 5)
    assert len(spans.product) == 5
    assert count_windows(spans, as_ints(0), 1, 5).ravel().tolist() == [1] * 5


def test_a_product_is_new_only_in_windows_that_hold_its_first_day():
    spans = find_spans(as_ints(0, 0, 0, 1), as_ints(1, 3, 8, 2), 3, 10)
    new = limit_spans(spans, as_ints(1, -1), 3)
    assert count_windows(new, as_ints(0, 0), 1, 10).ravel().tolist() == [0, 1, 1, 1, *[0] * 6]


def test_a_product_without_the_attribute_is_not_counted():
    spans = find_spans(as_ints(0, 1), as_ints(0, 0), 1, 1)
    assert count_windows(spans, as_ints(-1, 1), 2, 1).tolist() == [[0, 1]]


def test_no_listing_gives_empty_windows():
    spans = find_spans(as_ints(), as_ints(), 7, 3)
    assert count_windows(spans, as_ints(), 2, 3).tolist() == [[0, 0]] * 3


def test_few_distinct_predictions_are_kinds_without_loss():
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(5), 100)[rng.integers(0, 100, 2_000)]
    likelihood = quantification.likelihoods(probs, EXACT)[0]
    kinds = find_kinds(probs, likelihood, np.full(5, 0.2), rng)
    np.testing.assert_allclose(kinds.logs[kinds.code], quantification.log_probs(probs))
    number = np.bincount(kinds.code).astype(float)
    np.testing.assert_allclose(
        unfolding.unfold(kinds.likelihood, np.full(5, 0.2), 0.5, counts=number),
        unfolding.unfold(likelihood, np.full(5, 0.2), 0.5),
    )


def test_kinds_give_the_shares_of_the_products_within_a_twentieth_of_a_point():
    rng, natural = np.random.default_rng(0), np.array([0.4, 0.3, 0.15, 0.1, 0.05])
    probs = predict(np.array([0.1, 0.2, 0.3, 0.2, 0.2]), 4_000, rng)
    likelihood = quantification.likelihoods(probs, EXACT)[0]
    kinds = find_kinds(probs, likelihood, natural, rng)
    assert len(kinds.logs) <= counts.MAX_KINDS
    number = np.bincount(kinds.code).astype(float)
    grouped = unfolding.unfold(kinds.likelihood, natural, 0.5, counts=number)
    single = unfolding.unfold(likelihood, natural, 0.5)
    assert abs(grouped - single).max() < 0.0005


def test_the_error_of_a_step_is_within_its_bound():
    rng, natural = np.random.default_rng(0), np.full(5, 0.2)
    shares = np.array([0.7, 0.1, 0.1, 0.05, 0.05])
    probs = predict(shares, 3_000, rng)
    likelihood = quantification.likelihoods(probs, EXACT)[0]
    kinds = find_kinds(probs, likelihood, natural, rng)
    number = np.bincount(kinds.code).astype(float)
    grouped = unfolding.unfold(kinds.likelihood[-1], shares, 0.0, (1,), number)
    single = unfolding.unfold(likelihood, shares, 0.0, (1,))
    error = abs(grouped - single)[0]
    reference = counts.find_references(likelihood, natural, rng)[-1]  # all products: no sample
    bound = counts.bound_step_error(kinds, likelihood, reference, shares)
    assert (error <= bound + 1e-12).all()
    assert bound.max() < 0.001


def test_an_attribute_of_two_hundred_values_has_kinds():
    rng, natural = np.random.default_rng(0), np.full(200, 1 / 200)
    probs = rng.dirichlet(np.full(200, 0.05), 1_000)
    likelihood = quantification.likelihoods(
        probs, RecogniserCalibration(np.ones(1), np.zeros((1, 200)))
    )[0]
    kinds = find_kinds(probs, likelihood, natural, rng)
    assert 200 < len(kinds.logs) <= counts.MAX_KINDS
    assert np.isfinite(kinds.likelihood).all()
