"""True shares by hand, and what is measured against them."""

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from fashiontrend.errors import DataError
from fashiontrend.report import check_directions, share_errors, true_shares
from fashiontrend.storage import schemas

D = [date(2026, 1, n) for n in range(1, 11)]


def make_truth(rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["platform", "product_id", "first_day", "last_day", "colour"])


def lookup(frame: pd.DataFrame, platform: str, value: str, day: date) -> float:
    rows = frame[
        (frame["platform"] == platform) & (frame["value"] == value) & (frame["day"] == day)
    ]
    return float(rows["share"].iloc[0])


TRUTH = make_truth(
    [
        ("a", "1", D[0], D[1], "red"),  # in windows of 3 days that end on days 1 to 4
        ("a", "2", D[1], D[9], "blue"),
        ("a", "3", D[3], D[4], "red"),
        ("a", "4", D[0], D[9], "not_visible"),
        ("b", "5", D[2], D[9], "red"),
    ]
)


@pytest.mark.parametrize(
    ("day", "red"),
    [(0, 1.0), (1, 0.5), (2, 0.5), (3, 2 / 3), (4, 0.5), (6, 0.5), (7, 0.0)],
    ids=[
        "one product",
        "a second joins",
        "listed yesterday",
        "three",
        "the first has left",
        "last window day",
        "gone",
    ],
)
def test_a_window_counts_each_product_listed_in_it_once(day, red):
    found = true_shares(TRUTH, D, 3, {})
    assert lookup(found, "a", "red", D[day]) == pytest.approx(red)
    assert lookup(found, "a", "blue", D[day]) == pytest.approx(1 - red)


def test_a_window_without_the_attribute_is_unknown_and_the_pool_carries_its_nearest():
    found = true_shares(TRUTH, D, 1, {"a": 3.0, "b": 1.0})
    assert np.isnan(lookup(found, "b", "red", D[0]))
    assert lookup(found, "*", "red", D[0]) == pytest.approx((3 * 1.0 + 1 * 1.0) / 4)
    assert lookup(found, "*", "red", D[3]) == pytest.approx((3 * 0.5 + 1 * 1.0) / 4)


@pytest.mark.parametrize("absent", ["", "not_visible", None, float("nan")], ids=repr)
def test_products_without_the_attribute_do_not_count(absent):
    truth = make_truth([("a", "1", D[0], D[0], "red"), ("a", "2", D[0], D[0], absent)])
    found = true_shares(truth, D[:1], 1, {})
    assert set(found["value"]) == {"red"}
    assert lookup(found, "a", "red", D[0]) == 1.0


def test_days_may_be_dates_timestamps_or_text():
    texts = TRUTH.assign(
        first_day=TRUTH["first_day"].astype(str), last_day=pd.to_datetime(TRUTH["last_day"])
    )
    pd.testing.assert_frame_equal(true_shares(texts, D, 3, {}), true_shares(TRUTH, D, 3, {}))


def test_a_truth_without_its_columns_is_refused():
    with pytest.raises(DataError, match="no column 'first_day'"):
        true_shares(TRUTH.drop(columns="first_day"), D, 3, {})


def make_share(
    value: str, share: float | None, raw: float | None, day: date = D[0], **more
) -> dict:
    return {
        "platform": "a",
        "attribute": "colour",
        "value": value,
        "day": day,
        "window_days": 1,
        "basis": "live",
        "support": 9,
        "share_raw": raw,
        "share": share,
        "low": share,
        "high": share,
        "withheld": False,
    } | more


def test_errors_leave_out_withheld_pooled_and_unknown_rows_and_read_unheard_values_as_zero():
    shares = pa.Table.from_pylist(
        [
            make_share("red", 0.6, 0.7),
            make_share("blue", 0.35, 0.2),
            make_share("green", 0.05, 0.1),
            make_share("red", 0.0, 0.0, D[1], withheld=True),
            make_share("red", 0.0, 0.0, platform="*"),
            make_share("red", None, None),
            make_share("red", 0.1, 0.1, D[5]),
        ],
        schemas.SHARE,
    )
    true = pd.DataFrame(
        [
            (p, "colour", v, d, s)
            for p in ("a", "*")
            for v, s in (("red", 0.6), ("blue", 0.4))
            for d in D[:2]
        ]
        + [("a", "colour", "red", D[5], np.nan)],
        columns=["platform", "attribute", "value", "day", "share"],
    )
    found = share_errors(shares, true)
    assert found.to_dict("records") == [
        {
            "attribute": "colour",
            "mae_corrected": pytest.approx(0.1 / 3),
            "mae_raw": pytest.approx(0.4 / 3),
            "rows": 3,
        }
    ]


def test_errors_of_nothing_are_an_empty_table():
    empty = true_shares(TRUTH.head(0), [], 1, {})
    assert share_errors(schemas.SHARE.empty_table(), empty).empty


@pytest.mark.parametrize(
    ("direction", "change", "right"),
    [
        ("rising", 0.03, True),
        ("rising", 0.001, False),
        ("rising", -0.03, False),
        ("falling", -0.03, True),
        ("falling", 0.03, False),
        ("stable", 0.019, True),
        ("stable", -0.03, False),
    ],
)
@pytest.mark.parametrize("basis", ["ahead", "behind"])
def test_a_direction_is_right_if_the_truth_moved_that_way(direction, change, right, basis):
    keyword = {
        "platform": "*",
        "keyword": {"attribute": "colour", "value": "red"},
        "direction": direction,
        "as_of": str(D[4]),
        "target_date": str(D[8]),
        "share": {"interval80": [0.48, 0.52]},
    }
    ends = (D[4], D[8]) if basis == "ahead" else (D[0], D[4])
    rows = [("*", "colour", "red", ends[0], 0.5), ("*", "colour", "red", ends[1], 0.5 + change)]
    true = pd.DataFrame(rows, columns=["platform", "attribute", "value", "day", "share"])
    found = check_directions([keyword], true, 0.005)
    assert list(found["right"]) == [right]
    assert list(found["basis"]) == [basis]


def test_a_keyword_of_unknown_truth_is_not_judged():
    keyword = {
        "platform": "*",
        "keyword": {"attribute": "a", "value": "b"},
        "direction": "rising",
        "as_of": str(D[4]),
        "target_date": str(D[8]),
        "share": {"interval80": [0.4, 0.5]},
    }
    none = pd.DataFrame([], columns=["platform", "attribute", "value", "day", "share"])
    assert check_directions([keyword], none, 0.005).empty
