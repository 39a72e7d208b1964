import numpy as np
import pytest

from fashiontrend.config import ResampleConfig
from fashiontrend.labels import resample


def labels(*rows):
    return np.array(rows, dtype=np.int16)


@pytest.fixture
def skewed():
    """Colour: 96 red, 4 blue. Neckline: unlabelled."""
    return labels(*[[-1, 0]] * 96, *[[-1, 1]] * 4)


@pytest.mark.parametrize(
    ("settings", "rare"),
    [
        ({}, (0.5 / 0.04) ** 0.5),
        ({"beta": 1.0, "cap": 100.0}, 12.5),
        ({"beta": 1.0}, 10.0),
        ({"beta": 0.0}, 1.0),
        ({"threshold": 0.16}, 2.0),
        ({"threshold": 0.01}, 1.0),
        ({"boost": {"colour": 2.0}, "cap": 100.0}, 12.5),
        ({"boost": {"neckline": 2.0}}, (0.5 / 0.04) ** 0.5),
        ({"cap": 0.5}, 1.0),
    ],
    ids=[
        "square root",
        "full balance",
        "cap",
        "off",
        "threshold",
        "low threshold",
        "boost",
        "boost elsewhere",
        "cap below one",
    ],
)
def test_rare_values_are_repeated_by_the_rule(small, skewed, settings, rare):
    factors = resample.repeat_factors(skewed, small, ResampleConfig(**settings))
    assert factors[:96].tolist() == [1.0] * 96
    assert factors[96:] == pytest.approx([rare] * 4)


def test_a_picture_takes_the_largest_factor_of_its_attributes(small):
    rows = labels(*[[0, 0]] * 8, [1, 0], [0, 1])  # f: neckline .9 .1 0; colour .9 .1
    factors = resample.repeat_factors(rows, small, ResampleConfig())
    assert factors[8] == pytest.approx((1 / 3 / 0.1) ** 0.5)
    assert factors[9] == pytest.approx((1 / 2 / 0.1) ** 0.5)


def test_not_visible_and_unlabelled_neither_count_nor_repeat(small):
    rows = labels(*[[3, 0]] * 5, *[[-1, 1]] * 5)
    assert resample.repeat_factors(rows, small, ResampleConfig()).tolist() == [1.0] * 10


def test_repeats_keep_the_mean_and_follow_the_seed():
    factors = np.full(20_000, 2.3)
    drawn = resample.draw_repeats(factors, np.random.default_rng(1))
    assert set(drawn.tolist()) == {2, 3}
    assert drawn.mean() == pytest.approx(2.3, abs=0.02)
    assert (drawn == resample.draw_repeats(factors, np.random.default_rng(1))).all()


def test_full_balance_evens_the_counts_and_the_table_says_so(small, skewed):
    repeats = np.where(skewed[:, 1] == 1, 24, 1).astype(np.int16)
    balance = resample.measure_balance(skewed, repeats, small)
    blue = balance.table.set_index("value").loc["blue"]
    assert (blue["count_before"], blue["count_after"]) == (4, 96)
    assert (blue["proportion_before"], blue["proportion_after"]) == (0.04, 0.5)
    assert (blue["irlbl_before"], blue["irlbl_after"]) == (24.0, 1.0)
    assert balance.mean_ir == (12.5, 1.0)
    assert balance.pictures == (100, 192)
    assert balance.effective_size == pytest.approx(192**2 / (96 + 4 * 24**2))


def test_a_frequent_value_that_grows_with_a_rare_one_is_warned_of(small):
    rows = labels(*[[0, 0]] * 50, *[[0, 1]] * 40, *[[1, 0]] * 10)
    repeats = np.array([1] * 90 + [5] * 10, dtype=np.int16)
    (warning,) = resample.measure_balance(rows, repeats, small).warnings
    assert warning.startswith("colour.red is frequent and grew from 60.0% to 71.4%")


def test_values_that_never_occur_make_no_infinity(small):
    balance = resample.measure_balance(labels([-1, 0]), np.ones(1, np.int16), small)
    assert balance.to_json()["mean_ir"] == {"before": 1.0, "after": 1.0}
    assert np.isfinite(balance.effective_size)
