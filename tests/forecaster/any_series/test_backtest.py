import json
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from fashiontrend.config import MemberConfig, UnivariateConfig
from fashiontrend.errors import ConfigError, DataError
from fashiontrend.forecaster.any_series import backtest, plots, statistical
from fashiontrend.forecaster.any_series.tables import from_arrays

CFG = UnivariateConfig(
    members=(MemberConfig(context_length=12, epochs=1),),
    hidden_size=4,
    steps_per_epoch=2,
)
HORIZON = 6
NAMES = {backtest.MODEL_NAME, "lstm", "trees"}


def make(values):
    dates = list(pd.date_range("2015-01-01", periods=values.shape[1], freq="MS"))
    return from_arrays([f"s{i}" for i in range(len(values))], dates, values)


def waves(periods=66, count=5):
    rng = np.random.default_rng(0)
    t, i = np.arange(periods), np.arange(count)[:, None]
    return (
        (i + 1)
        * (1 + 0.4 * np.sin(2 * np.pi * (t + i) / 12))
        * rng.uniform(0.9, 1.1, (count, periods))
    )


def judge(table, origins=(54, 60), **kwargs):
    torch.set_num_threads(1)
    return backtest.backtest_series(
        table, CFG, origins=origins, horizon=HORIZON, seeds=(1, 2), **kwargs
    )


@pytest.fixture(scope="module")
def report():
    return judge(make(waves()))


def test_every_baseline_stands_beside_the_model_at_every_origin(report):
    assert [o.origin for o in report.origins] == ["2019-07-01", "2020-01-01"]
    for origin in report.origins:
        assert set(origin.mase) == {*NAMES, *backtest.DEFAULT_BASELINES}
        assert len(origin.mase_by_seed) == 2
        assert origin.mase[backtest.MODEL_NAME] == pytest.approx(np.mean(origin.mase_by_seed))
    assert report.mase["ewma"] == pytest.approx(np.mean([o.mase["ewma"] for o in report.origins]))


def test_the_paired_difference_is_that_of_the_means_with_an_error_over_series(report):
    for name, pair in report.paired.items():
        assert pair.difference == pytest.approx(
            report.mase[name] - report.mase[backtest.MODEL_NAME]
        )
        assert pair.standard_error > 0


def test_changing_what_comes_after_an_origin_changes_its_truth_only(report):
    values = waves()
    values[:, 60:] *= 3.0
    other = judge(make(values))
    assert other.origins[0] == report.origins[0]
    np.testing.assert_array_equal(
        other.curves.forecasts[backtest.MODEL_NAME], report.curves.forecasts[backtest.MODEL_NAME]
    )
    assert other.origins[1].mase[backtest.MODEL_NAME] != report.origins[1].mase[backtest.MODEL_NAME]


def test_a_report_survives_json_and_is_drawn(report):
    plain = report.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False))["series"] == 5
    assert plots.draw_backtest(report).startswith(b"\x89PNG")


def test_perplexity_is_told_where_series_are_shares(report):
    assert report.origins[0].normalised_perplexity == {}
    shares = judge(make(waves() / waves().sum(axis=0)), origins=(60,))
    found = shares.origins[0].normalised_perplexity
    assert set(found) == {*NAMES, *backtest.DEFAULT_BASELINES}
    assert all(v >= 1.0 for v in found.values())


def test_origins_are_the_newest_with_a_whole_horizon_after_them():
    table = make(waves())
    assert backtest.roll_origins(table, 6, 12, count=3, stride=6) == (48, 54, 60)
    assert backtest.roll_origins(table, 50, 12, count=3, stride=6) == (16,)
    with pytest.raises(DataError, match="hold no origin"):
        backtest.roll_origins(table, 60, 12, count=1, stride=1)


def test_an_unknown_baseline_and_no_seed_are_refused():
    with pytest.raises(ConfigError, match="oracle"):
        judge(make(waves()), baselines=("oracle",))
    with pytest.raises(ConfigError, match="0 seeds"):
        backtest.backtest_series(make(waves()), CFG, origins=(60,), horizon=6, seeds=())


def test_an_optional_baseline_without_its_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "statsforecast", None)
    with pytest.raises(ConfigError, match=r"pip install fashiontrend\[baselines\]"):
        judge(make(waves()), origins=(60,), baselines=("mstl",))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", backtest.OPTIONAL_BASELINES)
def test_optional_baselines_forecast(name):
    pytest.importorskip("statsforecast")
    found = backtest.forecast_baseline(name, make(waves()), HORIZON, 12)
    assert found.shape == (5, HORIZON)
    assert np.isfinite(found).all()
    assert statistical.NAMES == ("auto_ets", "auto_theta", "mstl", "tbats")
