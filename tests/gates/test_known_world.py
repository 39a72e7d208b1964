"""The gate in a world whose truth is known: who gets through, and who does not."""

from dataclasses import replace

import numpy as np
import pytest

from fashiontrend import gates
from fashiontrend.config import PerplexityGateConfig
from fashiontrend.outcomes import TrendReport
from fashiontrend.series.fit_metrics import paired_difference

SEEDS, HORIZON = 100, 4


@pytest.fixture(scope="module", params=[300, 5000], ids=lambda n: f"{n} products")
def world(request, known):
    return known.draw(SEEDS, request.param)


def opened(made: list[TrendReport]) -> int:
    cfg = PerplexityGateConfig()
    return sum(gates.decide_perplexity(report, None, cfg).passed for report in made)


@pytest.mark.parametrize("stride", [HORIZON, 1], ids=["apart", "overlapping"])
def test_the_gate_opens_for_the_truth(known, world, stride):
    assert opened(known.reports(replace(world, stride=stride), "truth")) >= 95


@pytest.mark.parametrize("stride", [HORIZON, 1], ids=["apart", "overlapping"])
@pytest.mark.parametrize("name", ["uniform", "last year's mean", "persistence", "seasonal_naive"])
def test_the_gate_closes_for_who_knows_no_better_even_with_perfect_intervals(
    known, world, name, stride
):
    assert opened(known.reports(replace(world, stride=stride), name, coverage=0.8)) == 0


def test_the_gate_closes_for_the_truth_with_intervals_that_hold_too_little(known, world):
    assert opened(known.reports(world, "truth", coverage=0.6)) == 0


def test_so_few_products_that_even_the_truth_is_above_the_threshold_lift_it_with_a_warning(known):
    made = known.reports(known.draw(SEEDS, 60), "truth")
    assert np.mean([r.normalised_perplexity for r in made]) > 1.05
    verdicts = [gates.decide_perplexity(r, None, PerplexityGateConfig()) for r in made]
    assert sum(v.passed for v in verdicts) >= 95
    assert all("instead of 1.05" in v.warnings[0] for v in verdicts)


@pytest.mark.parametrize("stride", [1, 5, 14])
def test_the_standard_error_knows_how_far_origins_overlap(stride):
    """Two forecasts of equal worth must not differ by two errors more often than by chance."""
    rng, origins, horizon = np.random.default_rng(0), 8, 14
    days = rng.normal(size=(2000, stride * (origins - 1) + horizon))
    means = np.stack(
        [days[:, i * stride : i * stride + horizon].mean(axis=1) for i in range(origins)], axis=1
    )
    found = [paired_difference(d, stride, horizon) for d in means]
    wrong = np.mean([f.mean > 2 * f.standard_error for f in found])
    assert wrong < 0.08  # one in 26 for Student's t of 7 degrees; a third if overlap were ignored
    assert means.mean(axis=1).std() == pytest.approx(
        np.sqrt(np.mean([f.standard_error**2 for f in found])), rel=0.1
    )


def test_origins_that_do_not_overlap_have_the_plain_standard_error():
    found = paired_difference([1.0, 2.0, 4.0, 5.0], 14, 14)
    assert found.mean == 3.0
    assert found.standard_error == pytest.approx(np.std([1, 2, 4, 5], ddof=1) / 2)
    assert found.effective_origins == pytest.approx(4)


def test_withheld_origins_leave_the_others_where_they_are():
    gap = paired_difference([1.0, np.nan, np.nan, 2.0], 7, 14)
    assert gap.effective_origins == pytest.approx(2)
    assert paired_difference([1.0, 2.0], 7, 14).effective_origins == pytest.approx(4 / 3)


@pytest.mark.parametrize("few", [[], [np.nan], [1.0], [1.0, np.inf]], ids=str)
def test_too_few_or_infinite_differences_have_no_standard_error(few):
    assert np.isnan(paired_difference(few, 7, 14).standard_error)
