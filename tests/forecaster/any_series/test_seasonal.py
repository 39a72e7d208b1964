import numpy as np
import pytest

from fashiontrend.forecaster.any_series.seasonal import decompose, extend

SEASON = 12
SHAPE = 1 + 0.5 * np.sin(2 * np.pi * np.arange(SEASON) / SEASON)


def test_a_repeated_shape_at_a_steady_level_is_found():
    history = 8.0 * np.tile(SHAPE, (1, 4))
    level, shape = decompose(history, np.ones_like(history), SEASON, half_life=6)
    assert level[0] == pytest.approx(8.0, rel=0.03)
    np.testing.assert_allclose(shape[0], SHAPE, rtol=0.05)


def test_what_was_not_measured_is_never_read():
    rng = np.random.default_rng(0)
    history = np.tile(SHAPE, (1, 4)) * rng.uniform(0.9, 1.1, (1, 48))
    observed = (rng.random((1, 48)) > 0.3).astype(float)
    other = np.where(observed > 0, history, 1e6)
    for one, two in zip(
        decompose(history, observed, SEASON, 6), decompose(other, observed, SEASON, 6), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_less_than_a_season_has_no_shape():
    history = np.zeros((1, 48))
    history[0, -8:] = np.arange(8) + 1.0
    observed = (history > 0).astype(float)
    level, shape = decompose(history, observed, SEASON, half_life=2)
    np.testing.assert_allclose(shape, np.ones((1, SEASON)), atol=1e-8)
    assert 5 < level[0] < 8


def test_scaling_a_series_scales_its_level_only():
    history = np.tile(SHAPE, (1, 4)) + 0.1 * np.random.default_rng(1).random((1, 48))
    one, two = (decompose(k * history, np.ones_like(history), SEASON, 6) for k in (1.0, 1000.0))
    assert two[0] == pytest.approx(1000 * one[0], rel=1e-6)
    np.testing.assert_allclose(one[1], two[1], rtol=1e-6)


def test_zeros_stay_zeros():
    level, shape = decompose(np.zeros((1, 24)), np.ones((1, 24)), SEASON, 6)
    assert level[0] == 0.0
    assert np.isfinite(shape).all()


def test_a_shape_goes_on_after_its_end():
    np.testing.assert_array_equal(extend(np.array([[1.0, 2.0]]), 5), [[1, 2, 1, 2, 1]])
