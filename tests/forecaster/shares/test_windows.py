import numpy as np
import pyarrow as pa
import pytest

from fashiontrend.config import ForecasterConfig
from fashiontrend.errors import DataError
from fashiontrend.forecaster.baselines import BASELINES
from fashiontrend.forecaster.shares.windows import (
    cut_windows,
    read_series,
    split_days,
    training_origins,
)
from fashiontrend.storage import schemas

CFG = ForecasterConfig()


def test_series_are_read_in_the_order_of_platform_attribute_day_and_value(shares_of):
    table = shares_of(days=5)
    series = read_series(table)
    assert series.pairs[0] == ("*", "attr0")
    assert series.values[1] == ("v0", "v1", "v2", "v3")
    row = table.to_pandas().query("platform == 'a' and attribute == 'attr1' and value == 'v2'")[
        "share"
    ]
    np.testing.assert_allclose(series.shares[series.pairs.index(("a", "attr1")), :, 2], row)


def test_a_withheld_day_carries_the_last_share_and_is_not_observed(shares_of):
    series = read_series(shares_of(days=6, gaps={("a", 3)}))
    at = series.pairs.index(("a", "attr0"))
    assert list(series.observed[at]) == [True, True, True, False, True, True]
    np.testing.assert_allclose(series.shares[at, 3], series.shares[at, 2])


def test_an_attribute_with_a_single_value_is_left_out(shares_of):
    assert {a for _, a in read_series(shares_of(days=3, sizes=(1, 4))).pairs} == {"attr1"}
    with pytest.raises(DataError, match="two values"):
        read_series(schemas.SHARE.empty_table())
    with pytest.raises(DataError, match="two values"):
        read_series(shares_of(days=3, sizes=(1,)))


@pytest.mark.parametrize(
    ("days", "origins", "stride"),
    [(90, 8, 3), (120, 8, 4), (365, 8, 14), (56, 8, 1), (40, 5, 1), (20, 0, 1)],
)
def test_held_out_origins_use_the_last_days(days, origins, stride):
    split = split_days(days, CFG)
    assert (len(split.origins), split.stride) == (origins, stride)
    if origins:
        assert split.origins[-1] + CFG.prediction_length == days - 1
        assert split.first_held_out == split.origins[0] + 1


def test_training_never_sees_a_held_out_day(shares_of):
    table = shares_of(days=90)
    split = split_days(90, CFG)
    frame = table.to_pandas()
    days = sorted(frame["day"].unique())
    late = frame["day"] >= days[split.first_held_out]
    frame.loc[late, "share"] = np.where(frame.loc[late, "value"] == "v0", 0.97, 0.01)
    changed = pa.Table.from_pandas(frame, schema=schemas.SHARE, preserve_index=False)
    before, after = (
        cut_windows(read_series(t), training_origins(split), CFG, split.first_held_out)
        for t in (table, changed)
    )
    for name in ("context", "guide", "observed", "target", "weight"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))


def test_a_context_never_sees_its_target(shares_of):
    series = read_series(shares_of(days=70))
    windows = cut_windows(series, [50], CFG, 70)
    at = series.pairs.index(("a", "attr0"))
    np.testing.assert_allclose(windows.context[at, -1], series.shares[at, 50])
    np.testing.assert_allclose(windows.target[at, 0], series.shares[at, 51])


def test_context_before_the_first_day_is_padded_and_marked(shares_of):
    series = read_series(shares_of(days=30))
    windows = cut_windows(series, [9], CFG, 30)
    assert windows.observed[0].sum() == 10
    np.testing.assert_allclose(windows.context[0, 0], series.shares[0, 0])


def test_the_guide_is_the_pooled_series_of_the_attribute(shares_of):
    series = read_series(shares_of(days=30))
    windows = cut_windows(series, [20], CFG, 30)
    own, pooled = series.pairs.index(("b", "attr1")), series.pairs.index(("*", "attr1"))
    np.testing.assert_array_equal(windows.guide[own], windows.context[pooled])


def test_a_series_without_a_pooled_one_guides_itself(shares_of):
    windows = cut_windows(read_series(shares_of(days=30, platforms=("a",))), [20], CFG, 30)
    np.testing.assert_array_equal(windows.guide, windows.context)


def test_baselines_on_a_path_that_is_known():
    context = np.arange(1, 29, dtype=float).reshape(1, 28, 1)
    assert list(BASELINES["persistence"](context, 9, 7)[0, :, 0]) == [28.0] * 9
    assert list(BASELINES["seasonal_naive"](context, 9, 7)[0, :, 0]) == [
        22,
        23,
        24,
        25,
        26,
        27,
        28,
        22,
        23,
    ]
    assert BASELINES["long_run_mean"](context, 9, 7)[0, 0, 0] == 14.5
    assert BASELINES["ewma"](context, 9, 7)[0, 0, 0] == pytest.approx(25.0, abs=0.1)


def late_start(shares_of, days: int, start: int) -> pa.Table:
    """Platform b is measured from day `start` on; the pooled series from the first day."""
    return shares_of(days=days, gaps={("b", t) for t in range(start)})


def test_an_origin_before_the_first_measurement_knows_nothing_of_it(shares_of):
    series = read_series(late_start(shares_of, days=80, start=60))
    windows = cut_windows(series, [50, 59], CFG, 80)
    at = series.pairs.index(("b", "attr1"))
    for n in (at, at + len(series.pairs)):
        np.testing.assert_array_equal(windows.context[n], 1 / 4)
        assert windows.weight[n].sum() == 0


def test_a_guide_that_begins_after_the_origin_is_not_read_either(shares_of):
    gaps = {("*", t) for t in range(60)}
    series = read_series(shares_of(days=80, gaps=gaps))
    windows = cut_windows(series, [50], CFG, 80)
    np.testing.assert_array_equal(windows.guide[series.pairs.index(("a", "attr1"))], 1 / 4)


@pytest.mark.parametrize(("measured", "counts"), [(0, False), (1, False), (6, False), (7, True)])
def test_an_origin_counts_from_seven_measured_days_of_context_on(shares_of, measured, counts):
    series = read_series(late_start(shares_of, days=80, start=60))
    windows = cut_windows(series, [59 + measured], CFG, 80)
    at = series.pairs.index(("b", "attr0"))
    assert windows.observed[at].sum() == measured
    assert bool(windows.weight[at].any()) is counts
    assert windows.weight[series.pairs.index(("a", "attr0"))].sum() > 0


def test_days_before_the_first_measurement_repeat_it_once_it_is_known(shares_of):
    series = read_series(late_start(shares_of, days=80, start=60))
    windows = cut_windows(series, [62], CFG, 80)
    at = series.pairs.index(("b", "attr0"))
    np.testing.assert_allclose(windows.context[at, 0], series.shares[at, 60])
