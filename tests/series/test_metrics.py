import numpy as np
import pytest

from fashiontrend.forecaster.any_series.ensemble import error_scale
from fashiontrend.series import metrics

TRUTH = np.array([[1.0, 2.0, np.nan, 4.0]])
FORECAST = np.array([[2.0, 2.0, 9.0, 2.0]])
SCALE = np.array([2.0])


def test_mase_is_the_mean_error_in_units_of_the_scale_and_skips_gaps():
    assert metrics.mase(TRUTH, FORECAST, SCALE)[0] == pytest.approx(1.0 / 2)


def test_a_series_without_a_scale_has_no_mase():
    assert np.isnan(metrics.mase(TRUTH, FORECAST, np.array([0.0]))[0])


def test_wape():
    assert metrics.wape(TRUTH, FORECAST) == pytest.approx(3 / 7)


def test_pinball_of_the_median_is_half_the_error():
    assert metrics.pinball(TRUTH, FORECAST, 0.5, SCALE)[0] == pytest.approx(0.25)


def test_coverage_counts_the_ends_and_skips_gaps():
    assert metrics.coverage(TRUTH, FORECAST * 0 + 1, FORECAST * 0 + 2)[0] == pytest.approx(2 / 3)


def test_msis_adds_what_lies_outside():
    low, high = np.full((1, 4), 1.0), np.full((1, 4), 3.0)
    assert metrics.msis(TRUTH, low, high, 0.2, np.array([1.0]))[0] == pytest.approx(2 + 10 / 3)
    assert metrics.width(low, high, SCALE)[0] == 1.0


def test_the_scale_is_the_seasonal_change_or_that_of_neighbours_or_unknown():
    values = np.array(
        [[1.0, 2.0, 3.0, 4.0], [np.nan, np.nan, 1.0, 4.0], [np.nan, np.nan, np.nan, 1.0]]
    )
    np.testing.assert_array_equal(error_scale(values, 2), [2.0, 3.0, np.nan])
