"""The series forecaster: what it promises of any table, fitted here in a blink."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from fashiontrend.config import ForecasterConfig, MemberConfig, UnivariateConfig
from fashiontrend.errors import ConfigError, DataError
from fashiontrend.forecaster import adhoc_forecast, artifact, training
from fashiontrend.forecaster.any_series import ensemble
from fashiontrend.forecaster.any_series.tables import from_arrays
from fashiontrend.forecaster.any_series.univariate import cut_paths
from fashiontrend.forecaster.shares import predict

CFG = UnivariateConfig(
    members=(MemberConfig(context_length=12, epochs=1), MemberConfig(context_length=24, epochs=2)),
    hidden_size=4, steps_per_epoch=3,
)  # fmt: skip
HORIZON = 6


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def months(periods, **series):
    dates = pd.date_range("2015-01-01", periods=periods, freq="MS")
    return from_arrays(list(series), list(dates), np.stack(list(series.values())))


def waves(periods=60, count=6, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(periods)
    made = {
        f"s{i}": 10.0 * (i + 1) * (1 + 0.4 * np.sin(2 * np.pi * (t + i) / 12)) * rng.uniform(0.9, 1.1, periods)
        for i in range(count)
    }  # fmt: skip
    return months(periods, **made)


def fit(table, seed=1, cfg=CFG):
    return ensemble.fit_series(table, cfg, horizon=HORIZON, seed=seed)


def forecast(table, **kwargs):
    return ensemble.predict_series(fit(table, **kwargs), table, HORIZON)


@pytest.fixture(scope="module")
def fitted():
    torch.set_num_threads(1)
    return fit(waves())


def test_quantiles_are_in_order_and_a_positive_series_stays_so(fitted):
    f = ensemble.predict_series(fitted, waves(), HORIZON)
    for low, high in ((f.q025, f.q10), (f.q10, f.median), (f.median, f.q90), (f.q90, f.q975)):
        assert (low <= high).all()
    assert (f.q025 >= 0).all()
    assert f.median.shape == (6, HORIZON)


def test_the_same_seed_gives_the_same_forecast_and_another_seed_another():
    one, two, other = (forecast(waves(), seed=s).median for s in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_training_reads_no_future():
    table = waves(72)
    later = table.values.copy()
    later[:, 60:] = 1e6
    changed = from_arrays(table.names, list(table.dates), later)
    np.testing.assert_array_equal(
        forecast(table.before(60)).median, forecast(changed.before(60)).median
    )


def test_a_window_reads_nothing_from_its_origin_on():
    panel, _ = ensemble.prepare(waves(), 12)
    changed, _ = ensemble.prepare(waves(), 12)
    changed.values[:, 40:] = 1e6
    rows, origins = np.arange(6), np.full(6, 40)
    one, two = (cut_paths(p, rows, origins, CFG.members[0], HORIZON) for p in (panel, changed))
    for name in ("path", "base", "ahead", "unit"):
        assert torch.equal(getattr(one, name), getattr(two, name)), name
    assert not torch.equal(one.target, two.target)


def test_series_of_another_size_get_the_same_forecast_in_their_size():
    table = waves()
    larger = from_arrays(table.names, list(table.dates), 1000.0 * table.values)
    np.testing.assert_allclose(forecast(larger).median, 1000.0 * forecast(table).median, rtol=1e-4)


@pytest.mark.parametrize("value", [0.0, 7.0, -3.0], ids=["zeros", "constant", "negative constant"])
def test_a_constant_series_stays_what_it_is(value):
    table = months(40, still=np.full(40, value), moving=np.arange(40.0) % 12 + 1)
    found = forecast(table)
    for quantile in (found.q10, found.median, found.q90):
        np.testing.assert_array_equal(quantile[0], np.full(HORIZON, value))
    assert "constant" in ensemble.describe_treatment(table, 12)[0]


def test_nothing_but_constant_series_needs_no_training():
    assert fit(months(40, still=np.ones(40))).models == ()


def test_a_negative_series_is_forecast_in_its_own_range():
    t = np.arange(60)
    values = -50 + 10 * np.sin(2 * np.pi * t / 12) + np.random.default_rng(0).normal(0, 0.5, 60)
    found = forecast(months(60, low=values)).median[0]
    ahead = -50 + 10 * np.sin(2 * np.pi * (60 + np.arange(HORIZON)) / 12)
    assert np.abs(found - ahead).mean() < 3.0


def test_a_series_shorter_than_a_season_keeps_its_recent_level():
    new = np.full(60, np.nan)
    new[-4:] = [5.0, 5.5, 5.0, 5.5]
    found = forecast(months(60, old=waves().values[0], new=new))
    assert (np.abs(found.median[1] - 5.25) < 2.5).all()
    assert (found.q90[1] >= found.median[1]).all()


def test_a_series_with_a_single_value_repeats_it():
    single = np.full(60, np.nan)
    single[-1] = 4.0
    np.testing.assert_array_equal(
        forecast(months(60, old=waves().values[0], single=single)).median[1], 4.0
    )


def test_two_dates_alone_are_forecast_by_their_level():
    found = forecast(months(2, short=np.array([3.0, 5.0])))
    assert ((found.median > 3.0) & (found.median < 5.0)).all()
    assert (found.q10 < found.q90).all()


def test_gaps_are_left_out_and_forecasts_stay_finite():
    table = waves()
    holes = table.values.copy()
    holes[:, 20:26] = np.nan
    holes[0, -5:] = np.nan
    found = forecast(from_arrays(table.names, list(table.dates), holes))
    assert all(np.isfinite(q).all() for q in (found.q10, found.median, found.q90))


def test_intervals_are_calibrated_on_an_earlier_origin_where_there_is_one():
    assert fit(waves()).calibration.startswith("2019-07-01 to 2019-12-01")
    assert "no earlier origin" in fit(waves(14)).calibration


def test_the_parts_average_to_the_whole(fitted):
    parts = ensemble.split_parts(fitted)
    found = [ensemble.predict_series(parts[n], waves(), HORIZON).median for n in ("lstm", "trees")]
    whole = ensemble.predict_series(fitted, waves(), HORIZON).median
    np.testing.assert_allclose((found[0] + found[1]) / 2, whole)


def test_without_weight_no_trees_are_grown():
    bare = CFG.model_copy(update={"trees_weight": 0.0})
    fitted = fit(waves(), cfg=bare)
    assert fitted.trees is None
    assert artifact.load_series(artifact.dump(fitted)).trees is None
    assert ensemble.split_parts(fitted) == {}


def test_progress_counts_every_epoch():
    for table in (waves(), waves(14), months(30, still=np.ones(30))):
        steps = []
        ensemble.fit_series(
            table,
            CFG,
            horizon=HORIZON,
            seed=1,
            advance=lambda n, note, steps=steps: steps.append(n),
        )
        assert sum(steps) == ensemble.count_epochs(CFG)


def test_a_longer_horizon_or_another_frequency_than_the_models_is_refused(fitted):
    with pytest.raises(ConfigError, match="forecasts 1 to 6 dates"):
        ensemble.predict_series(fitted, waves(), HORIZON + 1)
    days = from_arrays(["a"], list(pd.date_range("2020-01-01", periods=30)), np.ones((1, 30)))
    with pytest.raises(ConfigError, match="series are daily, the model was fitted to monthly"):
        ensemble.predict_series(fitted, days, HORIZON)


@pytest.mark.parametrize("wrong", [{"horizon": 0}, {"horizon": 3, "season": 0}])
def test_a_horizon_or_season_below_one_is_refused(wrong):
    with pytest.raises(ConfigError, match="must be 1 or more"):
        ensemble.fit_series(waves(), CFG, seed=1, **wrong)


def test_a_kept_model_comes_back_with_the_same_forecast(fitted):
    back = artifact.load_any(artifact.dump(fitted))
    one, two = (adhoc_forecast.forecast_series(m, waves(), 3) for m in (fitted, back))
    pd.testing.assert_frame_equal(one, two)
    assert list(one.columns) == ["series", "date", "value", "q10", "q90"]
    assert one["date"].tolist()[:3] == ["2020-01-01", "2020-02-01", "2020-03-01"]


def test_a_card_that_holds_settings_of_an_earlier_version_is_read_without_them(fitted):
    files = artifact.dump(fitted)
    card = json.loads(files[artifact.CARD])
    card["config"] |= {"num_layers": 2, "curves": 6, "max_windows": 30_000, "batch_size": 128}
    files[artifact.CARD] = json.dumps(card).encode()
    assert artifact.load_any(files).cfg == fitted.cfg


@pytest.mark.parametrize("harm", ["flip", "cut", "missing", "schema", "other"])
def test_a_damaged_model_is_refused(fitted, harm):
    files = artifact.dump(fitted)
    card = files[artifact.CARD]
    if harm == "flip":
        files[artifact.WEIGHTS] = files[artifact.WEIGHTS][:-1] + b"\x77"
    elif harm == "cut":
        files[artifact.CARD] = card[:-20]
    elif harm == "missing":
        del files[artifact.WEIGHTS]
    elif harm == "schema":
        files[artifact.CARD] = card.replace(b"forecaster/2", b"forecaster/9")
    else:
        files[artifact.CARD] = card.replace(b'"horizon": 6', b'"horizon": "six"')
    with pytest.raises(DataError, match="trend model"):
        artifact.load_any(files)


@pytest.fixture(scope="module")
def share_model():
    cfg = ForecasterConfig(hidden_size=4)
    calibration = predict.IntervalCalibration((1.3,) * 14, (2.0,) * 14)
    return artifact.Artifact(training.build(cfg, 1), cfg, calibration, {}, "abc", {})


def steady(*values):
    days = list(pd.date_range("2020-01-01", periods=20))
    return from_arrays([f"v{i}" for i in range(len(values))], days, np.outer(values, np.ones(20)))


def test_a_share_models_forecast_of_posted_series_sums_to_1(share_model):
    rows = adhoc_forecast.forecast_series(share_model, steady(0.5, 0.3, 0.2), 5)
    np.testing.assert_allclose(rows.groupby("date")["value"].sum(), 1.0, atol=1e-5)
    assert ((rows["q10"] < rows["value"]) & (rows["value"] < rows["q90"])).all()


def test_a_share_model_refuses_series_that_do_not_sum_to_1(share_model):
    with pytest.raises(DataError, match=r"sum to 1\.200 on 2020-01-01"):
        adhoc_forecast.forecast_series(share_model, steady(0.5, 0.7), 5)


def test_a_share_model_refuses_a_single_series_and_a_long_horizon(share_model):
    with pytest.raises(DataError, match="two values or more"):
        adhoc_forecast.forecast_series(share_model, steady(1.0), 5)
    with pytest.raises(ConfigError, match="forecasts 1 to 14 days"):
        adhoc_forecast.forecast_series(share_model, steady(0.5, 0.5), 15)


@pytest.mark.parametrize("season", [1, 5, 52], ids=["none", "odd", "longer than half the history"])
def test_any_season_can_be_asked_for(season):
    fitted = ensemble.fit_series(waves(), CFG, horizon=HORIZON, seed=1, season=season)
    found = ensemble.predict_series(fitted, waves(), HORIZON)
    assert fitted.season == season
    assert np.isfinite(found.median).all()


def test_shares_of_one_whole_sum_to_one_in_the_forecast_too():
    shares = waves().values / waves().values.sum(axis=0)
    table = months(60, **{f"v{i}": s for i, s in enumerate(shares)})
    found = forecast(table)
    np.testing.assert_allclose(found.median.sum(axis=0), 1.0)
    assert (found.q10 <= found.median).all()
    assert (found.median <= found.q90).all()
    assert (found.q975 <= 1).all()
    assert any("sum to 1" in note for note in ensemble.describe_treatment(table, 12))


@pytest.mark.parametrize(
    ("change", "known"),
    [
        pytest.param({}, True, id="whole"),
        pytest.param({(0, 5): np.nan}, True, id="a gap"),
        pytest.param({(0, 5): 0.9}, False, id="one date is off"),
        pytest.param({(0, 5): -0.2, (1, 5): 0.9}, False, id="a negative value"),
    ],
)
def test_a_whole_is_known_by_its_sums(change, known):
    shares = np.tile([[0.2], [0.5], [0.3]], 24)
    for place, value in change.items():
        shares[place] = value
    assert months(24, a=shares[0], b=shares[1], c=shares[2]).is_composition is known


def test_a_single_series_is_no_whole():
    assert not months(24, a=np.ones(24)).is_composition


def test_trees_sum_up_more_dates_than_the_networks_read():
    """The level of the year before lies outside the networks' windows."""
    rng = np.random.default_rng(0)
    values = {f"s{i}": 10 * rng.uniform(0.8, 1.2, 90) for i in range(6)}
    near = CFG.model_copy(update={"trees_context": 12})
    far = CFG.model_copy(update={"trees_context": 48})
    one, other = (fit(months(90, **values), cfg=cfg) for cfg in (near, far))
    for a, b in zip(one.models, other.models, strict=True):
        torch.testing.assert_close(a.state_dict(), b.state_dict())
    assert one.trees.model_to_string() != other.trees.model_to_string()


def test_networks_can_be_trained_by_whatever_trains():
    """The seam that Ray Train's workers use: members of the fit, then of its calibration."""
    epochs = []

    def learn(model, tensors, losses, plan, **kwargs):
        epochs.append(plan.epochs)
        return training.optimise(model, tensors, losses, plan, **kwargs)

    fitted = ensemble.fit_series(waves(), CFG, horizon=HORIZON, seed=1, train_network=learn)
    assert epochs == [1, 2, 1, 2]
    np.testing.assert_array_equal(
        ensemble.predict_series(fitted, waves(), HORIZON).median, forecast(waves()).median
    )
