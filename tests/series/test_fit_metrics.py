import math

import numpy as np
import pytest

from fashiontrend.series.fit_metrics import (
    mean,
    noise_floor,
    normalised_perplexity,
    perplexity,
    skill,
)


def test_perplexity_of_the_known_pair():
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.4, 0.4, 0.2])
    assert perplexity(p, q) == pytest.approx(2.8717459, abs=1e-7)
    assert perplexity(p, p) == pytest.approx(2.8000941, abs=1e-7)
    assert normalised_perplexity(p, q) == pytest.approx(1.0255891, abs=1e-7)


def test_perplexity_of_a_single_value_is_that_of_its_chance():
    p, q = np.array([1.0, 0, 0, 0]), np.array([0.7, 0.1, 0.1, 0.1])
    assert perplexity(p, q) == pytest.approx(1.4285714, abs=1e-7)
    assert normalised_perplexity(p, q) == pytest.approx(1.4285714, abs=1e-7)


def test_perplexity_of_even_shares_is_their_number():
    even = np.full(8, 1 / 8)
    assert perplexity(even, even) == pytest.approx(8)
    assert normalised_perplexity(even, even) == pytest.approx(1)


def test_a_share_that_was_thought_impossible_gives_infinity_never_nan():
    p, q = np.array([0.5, 0.5]), np.array([1.0, 0.0])
    assert normalised_perplexity(p, q) == math.inf
    assert perplexity(p, q) == math.inf
    assert normalised_perplexity(q, q) == 1.0


@pytest.mark.parametrize(
    ("size", "n", "floor"), [(4, 100, 1.0144), (8, 300, 1.0116), (12, 1000, 1.0058)]
)
def test_the_noise_floor_is_what_a_perfect_forecast_measures(size, n, floor):
    rng = np.random.default_rng(0)
    truth = np.full(size, 1 / size)
    counted = rng.multinomial(n, truth, size=4000) / n
    assert noise_floor(size, n) == pytest.approx(floor, abs=0.002)
    assert normalised_perplexity(counted, truth).mean() == pytest.approx(
        noise_floor(size, n), abs=0.001
    )


def test_without_products_there_is_no_floor():
    assert noise_floor(4, 0) == math.inf


@pytest.mark.parametrize(
    ("model", "naive", "expected"),
    [(1.02, 1.02, 0.0), (1.0, 1.02, 1.0), (math.inf, 1.02, -math.inf)],
    ids=["persistence itself", "perfect", "impossible forecast"],
)
def test_skill(model, naive, expected):
    assert skill(model, naive) == pytest.approx(expected)


@pytest.mark.parametrize("naive", [1.0, math.nan])
def test_skill_over_a_perfect_or_unknown_naive_forecast_is_unknown(naive):
    assert math.isnan(skill(1.01, naive))


def test_the_mean_is_arithmetic_and_of_nothing_unknown():
    assert mean([1.02, 1.30, 1.05]) == pytest.approx(1.12333, abs=1e-5)
    assert math.isnan(mean([]))
    assert mean([1.0, math.inf]) == math.inf


def test_a_share_of_zero_that_was_seen_closes_the_mean_and_is_never_lost_in_it():
    p, q = np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([[0.5, 0.5], [1.0, 0.0]])
    assert mean(normalised_perplexity(p, q)) == math.inf


def test_an_attribute_with_one_value_has_nothing_to_forecast():
    one = np.array([1.0])
    assert normalised_perplexity(one, one) == perplexity(one, one) == 1.0
    assert noise_floor(1, 50) == 1.0
    assert math.isnan(skill(1.0, 1.0))


def test_days_without_a_measurement_do_not_count():
    assert mean([1.02, math.nan, 1.04]) == pytest.approx(1.03)
