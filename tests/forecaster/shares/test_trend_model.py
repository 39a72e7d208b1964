import json

import numpy as np
import pytest
import torch

from fashiontrend.config import ForecasterConfig
from fashiontrend.errors import DataError
from fashiontrend.forecaster import artifact, training
from fashiontrend.forecaster.shares import evaluate, predict
from fashiontrend.forecaster.shares.forecast import forecast
from fashiontrend.forecaster.shares.windows import (
    cut_windows,
    read_series,
    split_days,
    training_origins,
)
from fashiontrend.outcomes import TrendReport
from fashiontrend.storage import schemas

CFG = ForecasterConfig(epochs=3, hidden_size=8)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def table(shares_of):
    return shares_of(days=80)


@pytest.fixture(scope="module")
def prepared(table):
    series = read_series(table)
    split = split_days(len(series.days), CFG)
    return series, split, cut_windows(series, training_origins(split), CFG, split.first_held_out)


@pytest.fixture(scope="module")
def trained(prepared):
    _, _, windows = prepared
    model = training.build(CFG, seed=1)
    state = training.fit(model, windows, CFG, seed=1)
    return model, state, predict.calibrate(model, windows)


def shuffle(windows, order):
    parts = {
        n: getattr(windows, n)[..., order] for n in ("context", "guide", "has_value", "target")
    }
    return type(windows)(**{**windows.__dict__, **parts})


def test_forecast_shares_sum_to_1_and_padded_values_get_none(trained, prepared):
    shares = predict.predict(trained[0], prepared[2]).shares
    np.testing.assert_allclose(shares.sum(axis=2), 1.0, atol=1e-5)
    assert shares[~np.broadcast_to(prepared[2].has_value[:, None], shares.shape)].max() == 0.0


def test_reordering_the_values_reorders_the_forecast(trained, prepared):
    order = np.array([2, 0, 3, 1])
    plain = predict.predict(trained[0], prepared[2]).shares
    moved = predict.predict(trained[0], shuffle(prepared[2], order)).shares
    np.testing.assert_allclose(moved, plain[..., order], atol=1e-6)


def test_training_lowers_the_divergence(trained):
    history = trained[1].history
    assert history[-1]["divergence"] < history[0]["divergence"]
    assert [h["epoch"] for h in history] == [1.0, 2.0, 3.0]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(prepared):
    states = [
        training.fit(training.build(CFG, s), prepared[2], CFG, seed=s).model for s in (1, 1, 2)
    ]
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])
    assert not torch.equal(states[0]["residual.weight"], states[2]["residual.weight"])


def test_going_on_after_a_stop_is_bit_equal_to_not_having_stopped(prepared, trained):
    class Stop(Exception):
        pass

    kept = []

    def stop(state):
        if state.epoch == 2:
            copy = {k: v.clone() for k, v in state.model.items()}
            moments = {n: {k: v.clone() for k, v in m.items()} for n, m in state.optimizer.items()}
            kept.append(training.TrainState(state.epoch, copy, moments, state.history))
            raise Stop

    with pytest.raises(Stop):
        training.fit(training.build(CFG, 1), prepared[2], CFG, seed=1, on_epoch_end=stop)
    again = training.fit(training.build(CFG, 5), prepared[2], CFG, seed=1, start=kept[0])
    assert all(torch.equal(again.model[k], trained[1].model[k]) for k in again.model)
    assert again.history == trained[1].history


def test_a_state_of_another_network_is_refused(prepared, trained):
    other = ForecasterConfig(epochs=4, hidden_size=16)
    with pytest.raises(DataError, match="another network"):
        training.fit(training.build(other, 1), prepared[2], other, seed=1, start=trained[1])


def test_no_measured_target_before_the_held_out_days_is_told(prepared):
    windows = cut_windows(prepared[0], [10], CFG, 11)
    with pytest.raises(DataError, match="no window has a measured target"):
        training.fit(training.build(CFG, 1), windows, CFG, seed=1)


def test_two_workers_share_a_batch_without_overlap(prepared, monkeypatch):
    tensors, order = (torch.arange(10.0),), np.arange(10)
    taken = []
    monkeypatch.setattr(training, "_world", lambda: 2)
    for rank in (0, 1):
        monkeypatch.setattr(training, "_rank", lambda rank=rank: rank)
        taken.append([b[0].tolist() for b in training._worker_batches(tensors, order, 2)])
    assert [len(b) for b in taken[0]] == [len(b) for b in taken[1]]
    assert {v for worker in taken for b in worker for v in b} == set(range(10))


def test_augmentation_keeps_shares_and_leaves_the_last_day_alone(prepared):
    batch = training._to_tensors(prepared[2], "cpu")
    torch.manual_seed(0)
    bent = training.augment(batch)
    torch.testing.assert_close(bent[0].sum(dim=2), batch[0].sum(dim=2))
    torch.testing.assert_close(bent[0][:, -1], batch[0][:, -1])
    assert not torch.equal(bent[0][:, 0], batch[0][:, 0])


def test_intervals_hold_about_as_much_as_they_say_where_they_were_calibrated(trained, prepared):
    windows = prepared[2]
    quantiles = predict.find_quantiles(predict.predict(trained[0], windows), trained[2])
    used = (windows.weight[:, :, None] > 0) & windows.has_value[:, None]
    for low, high, level in ((1, 2, 0.80), (0, 3, 0.95)):
        inside = (windows.target >= quantiles[low]) & (windows.target <= quantiles[high])
        assert level - 0.02 < inside[used].mean() < level + 0.08
    assert (np.diff(quantiles, axis=0) >= 0).all()


def test_a_backtest_reports_every_pair_and_survives_json(trained, prepared):
    series, split, _ = prepared
    report = evaluate.backtest(trained[0], trained[2], series, split, CFG)
    plain = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert TrendReport.from_json(plain) == report
    assert [(p.platform, p.attribute) for p in report.pairs] == list(series.pairs)
    single = [p.normalised_perplexity for p in report.pairs if p.platform != "*"]
    assert report.normalised_perplexity == pytest.approx(np.mean(single))
    assert report.noise_floor == pytest.approx(np.mean([np.exp(2 / 400), np.exp(3 / 400)]))
    assert (report.days_used, report.origins_used, report.days_withheld) == (80, 8, 0)
    assert report.perplexity > report.perplexity_floor
    assert set(report.baselines) == {"persistence", "seasonal_naive", "ewma", "long_run_mean"}


def test_a_day_that_is_withheld_is_not_judged(shares_of, trained):
    series = read_series(
        shares_of(days=80, gaps={(p, t) for p in ("a", "b", "*") for t in (70, 75)})
    )
    report = evaluate.backtest(trained[0], trained[2], series, split_days(80, CFG), CFG)
    assert (report.days_used, report.days_withheld) == (78, 2)
    assert np.isfinite(report.normalised_perplexity)


def test_a_platform_that_has_just_begun_is_not_judged_but_forecast(shares_of, trained):
    begun = shares_of(days=80, gaps={("b", t) for t in range(74)})
    series = read_series(begun)
    split = split_days(80, CFG)
    report = evaluate.backtest(trained[0], trained[2], series, split, CFG)
    pairs = {p.platform: p for p in report.pairs if p.attribute == "attr0"}
    assert pairs["b"].days_judged == 0
    assert np.isnan(pairs["b"].normalised_perplexity)
    assert pairs["a"].days_judged > 0
    alone = [p.normalised_perplexity for p in report.pairs if p.platform == "a"]
    assert report.normalised_perplexity == pytest.approx(np.mean(alone))
    assert all(width < 0.1 for width in report.interval_width.values())
    rows = forecast(trained[0], trained[2], begun, CFG).to_pandas()
    ahead = rows[(rows["platform"] == "b") & (rows["horizon"] == 1)]
    last = series.shares[series.pairs.index(("b", "attr1")), -1]
    found = ahead[ahead["attribute"] == "attr1"].sort_values("value")["share"]
    np.testing.assert_allclose(found, last, atol=0.08)


def test_a_report_without_any_judged_pair_is_unknown(shares_of, trained):
    gaps = {(p, t) for p in ("a", "b", "*") for t in range(78)}
    series = read_series(shares_of(days=80, gaps=gaps))
    report = evaluate.backtest(trained[0], trained[2], series, split_days(80, CFG), CFG)
    assert np.isnan([report.normalised_perplexity, report.skill]).all()
    assert report.to_json()["skill"] is None
    assert (report.interval_width, report.origins_used) == ({}, 0)


def test_no_held_out_origin_is_told(shares_of, trained):
    series = read_series(shares_of(days=15))
    with pytest.raises(DataError, match="Wait for more days"):
        evaluate.backtest(trained[0], trained[2], series, split_days(15, CFG), CFG)


def test_the_forecast_table_has_every_platform_value_and_horizon(trained, table):
    rows = forecast(trained[0], trained[2], table, CFG)
    assert rows.schema == schemas.FORECAST
    frame = rows.to_pandas()
    assert len(frame) == 3 * (3 + 4) * CFG.prediction_length
    assert (frame["q025"] <= frame["q10"]).all()
    assert (frame["q10"] <= frame["share"]).all()
    assert (frame["share"] <= frame["q90"]).all()
    assert (frame["q90"] <= frame["q975"]).all()
    assert set(frame["as_of"]) == {max(table["day"].to_pylist())}
    assert ((frame["day"] - frame["as_of"]).map(lambda d: d.days) == frame["horizon"]).all()


def test_an_artifact_comes_back_with_the_same_forecast(trained, table):
    kept = artifact.Artifact(
        trained[0], CFG, trained[2], {"attr0": ("v0", "v1", "v2")}, "abc", {"skill": 0.1}
    )
    back = artifact.load(artifact.dump(kept))
    assert back.calibration == kept.calibration
    assert (back.attributes, back.taxonomy_digest, back.metrics) == (
        kept.attributes,
        "abc",
        {"skill": 0.1},
    )
    assert forecast(back.model, back.calibration, table, back.cfg).equals(
        forecast(trained[0], trained[2], table, CFG)
    )


@pytest.mark.parametrize("harm", ["flip", "cut", "missing", "schema"])
def test_a_damaged_artifact_is_refused(trained, harm):
    files = artifact.dump(artifact.Artifact(trained[0], CFG, trained[2], {}, "abc", {}))
    weights = files[artifact.WEIGHTS]
    if harm == "flip":
        files[artifact.WEIGHTS] = weights[:-1] + bytes([weights[-1] ^ 1])
    elif harm == "cut":
        files[artifact.CARD] = files[artifact.CARD][:-20]
    elif harm == "missing":
        del files[artifact.WEIGHTS]
    else:
        files[artifact.CARD] = files[artifact.CARD].replace(b"trend-model/1", b"trend-model/9")
    with pytest.raises(DataError, match="trend model"):
        artifact.load(files)
