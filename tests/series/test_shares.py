from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from fashiontrend import taxonomy
from fashiontrend.config import SeriesConfig
from fashiontrend.errors import DataError
from fashiontrend.series import (
    Validation,
    collect_validation,
    compute_shares,
    tabulate_votes,
    vote_products,
)
from fashiontrend.storage import schemas

DAY = pd.Timestamp("2026-01-01").date()
SURE = {"red": [0.98, 0.01, 0.01], "blue": [0.01, 0.98, 0.01], "hidden": [0.03, 0.02, 0.95]}


@pytest.fixture
def colours():
    values = [{"id": v, "en": v, "zh": v} for v in ("red", "blue")]
    return taxonomy.Taxonomy.model_validate(
        {
            "version": "1",
            "attributes": [{"id": "colour", "en": "colour", "zh": "颜色", "values": values}],
        }
    )


@pytest.fixture
def validation():
    labels = np.array([0, 1] * 100)
    return Validation(
        {"colour": np.eye(2)[labels] * 0.96 + 0.02}, {"colour": labels}, {"colour": np.full(2, 0.5)}
    )


@pytest.fixture
def measure(colours, validation, table_of):
    """Shares of (platform, day number, product, prediction) rows as {(platform, day number): row of red}."""

    def run(rows, withheld=(), weights=None, **settings):
        frame = pd.DataFrame(
            [
                (p, DAY + timedelta(days=d), i, f"{p}{i}", DAY + timedelta(days=d))
                for p, d, i, _ in rows
            ],
            columns=["platform", "day", "product_id", "picture_id", "first_seen"],
        )
        predicted = {f"{p}{i}": a for p, _, i, a in rows}
        predictions = table_of(
            list(predicted), {"colour": np.array([SURE[a] for a in predicted.values()])}
        )
        bad = {(p, DAY + timedelta(days=d)) for p, d in withheld}
        cfg = SeriesConfig(bootstrap=20, **settings)
        rng = np.random.default_rng(0)
        table = compute_shares(
            frame, predictions, validation, colours, cfg, weights or {}, bad, rng
        )
        assert table.schema == schemas.SHARE
        red = table.to_pandas().query("value == 'red'")
        return {(r.platform, (r.day - DAY).days): r for r in red.itertuples()}

    return run


def test_a_product_listed_on_many_days_of_a_window_counts_once(measure):
    rows = [("a", d, "long", "red") for d in range(7)] + [
        ("a", 6, f"n{i}", "blue") for i in range(3)
    ]
    found = measure(rows)["a", 6]
    assert found.support == 4
    assert found.share_raw == pytest.approx(0.25)


def test_a_window_forgets_what_was_listed_a_week_ago(measure):
    rows = [("a", 0, "old", "red")] + [("a", d, f"n{d}", "blue") for d in range(1, 9)]
    found = measure(rows)
    assert found["a", 6].support == 7
    assert found["a", 7].share_raw == 0.0


def test_a_product_that_does_not_show_the_attribute_is_absent_not_a_value(measure):
    found = measure([("a", 0, "p", "red"), ("a", 0, "q", "hidden")])["a", 0]
    assert (found.support, found.share_raw) == (1, 1.0)


def test_the_basis_new_in_counts_a_product_in_the_week_it_was_first_seen(measure):
    rows = (
        [("a", 0, "old", "red")]
        + [("a", d, "old", "red") for d in range(1, 10)]
        + [("a", 9, "new", "blue")]
    )
    frame = measure(rows, basis="new_in")
    assert frame["a", 6].support == 1
    assert (frame["a", 9].support, frame["a", 9].share_raw) == (1, 0.0)


def test_a_withheld_day_brings_no_product_and_is_flagged(measure):
    rows = [("a", 0, "p", "red"), ("a", 1, "junk", "blue"), ("a", 2, "q", "red")]
    found = measure(rows, withheld=[("a", 1)])
    assert [found["a", d].withheld for d in range(3)] == [False, True, False]
    assert [found["a", d].support for d in range(3)] == [1, 1, 2]
    assert found["a", 2].share_raw == 1.0


def test_a_day_without_listings_is_flagged_like_a_withheld_one(measure):
    found = measure([("a", 0, "p", "red"), ("a", 2, "p", "red")])
    assert [found["a", d].withheld for d in range(3)] == [False, True, False]


def test_a_window_of_withheld_days_only_has_no_share(measure):
    found = measure([("a", 0, "p", "red"), ("a", 1, "p", "red")], withheld=[("a", 0)])
    assert found["a", 0].withheld
    assert np.isnan(found["a", 0].share)
    assert not np.isnan(found["a", 1].share)


def test_pooled_shares_use_fixed_weights_whatever_the_platforms_sizes(measure):
    rows = [("a", 0, f"r{i}", "red") for i in range(30)] + [
        ("b", 0, "q", "blue"),
        ("b", 0, "s", "blue"),
    ]
    found = measure(rows, weights={"a": 1.0, "b": 3.0})["*", 0]
    assert found.share_raw == pytest.approx(0.25)
    assert found.support == 32


def test_an_outage_of_a_platform_does_not_move_the_pooled_share(measure):
    rows = [("a", d, f"r{i}", "red") for d in range(12) for i in range(20)]
    rows += [("b", d, f"q{i}", "blue") for d in range(12) for i in range(20)]
    gone = [("b", d) for d in range(3, 12)]
    found = measure(rows, withheld=gone, window_days=2)
    pooled = [found["*", d].share for d in range(12)]
    assert max(pooled) - min(pooled) < 0.01
    assert found["*", 10].support == 20


def test_a_pooled_day_is_withheld_when_most_of_its_weight_is_carried(measure):
    rows = [(p, d, "r", "red") for p in "abc" for d in range(2)]
    found = measure(rows, withheld=[("a", 1), ("b", 1)])
    assert not found["*", 0].withheld
    assert found["*", 1].withheld


def test_a_platform_that_starts_later_does_not_move_the_pooled_share(measure):
    rows = [("a", d, f"r{i}", "red") for d in range(6) for i in range(20)]
    rows += [("b", d, f"q{i}", "blue") for d in range(3, 6) for i in range(20)]
    found = measure(rows)
    assert abs(found["*", 0].share - found["*", 5].share) < 0.01


def test_shares_of_an_attribute_sum_to_1_and_lie_in_their_interval(simulate):
    world = simulate(0, days=12)
    cfg, rng = SeriesConfig(bootstrap=40), np.random.default_rng(0)
    table = compute_shares(
        world.listings, world.predictions, world.validation, world.taxonomy, cfg, {}, [], rng
    ).to_pandas()
    sums = table.groupby(["platform", "attribute", "day"])[["share", "share_raw"]].sum()
    np.testing.assert_allclose(sums, 1.0, atol=1e-9)
    assert (table["low"] <= table["share"]).all()
    assert (table["share"] <= table["high"]).all()
    assert not table["withheld"].any()


def test_the_same_seed_gives_the_same_shares(simulate):
    world = simulate(0, days=9)
    given = (
        world.listings,
        world.predictions,
        world.validation,
        world.taxonomy,
        SeriesConfig(bootstrap=8),
        {},
        [],
    )
    tables = [compute_shares(*given, np.random.default_rng(7)) for _ in range(2)]
    assert tables[0].equals(tables[1])


def test_no_listing_at_all_is_told(simulate):
    world = simulate(0, days=2)
    with pytest.raises(DataError, match="no listing"):
        compute_shares(
            world.listings.head(0), world.predictions, world.validation, world.taxonomy,
            SeriesConfig(), {}, [], np.random.default_rng(0),
        )  # fmt: skip


def test_pictures_vote_by_how_sure_they_are(colours, table_of):
    listings = pd.DataFrame(
        {"platform": "a", "product_id": ["p", "p", "q"], "picture_id": ["1", "2", "3"]}
    )
    probs = {"colour": np.array([[0.9, 0.05, 0.05], [0.02, 0.03, 0.95], [0.1, 0.8, 0.1]])}
    votes = vote_products(listings, table_of(["1", "2", "3"], probs), colours)
    table = tabulate_votes(votes, colours)
    assert list(table["colour"]) == ["red", "blue"]
    assert list(table["picture_id"]) == ["1", "3"]
    assert table["colour_confidence"].iloc[0] > 0.9


def test_an_attribute_that_the_garment_type_cannot_have_is_absent(table_of):
    tax = taxonomy.Taxonomy.model_validate(
        {
            "version": "1",
            "garment_groups": {"upper": ["shirt"]},
            "attributes": [
                {
                    "id": "garment_type",
                    "en": "type",
                    "zh": "品类",
                    "values": [{"id": v, "en": v, "zh": v} for v in ("shirt", "skirt")],
                },
                {
                    "id": "sleeve",
                    "en": "sleeve",
                    "zh": "袖",
                    "applies_to": ["upper"],
                    "values": [{"id": v, "en": v, "zh": v} for v in ("long", "short")],
                },
            ],
        }
    )
    listings = pd.DataFrame({"platform": "a", "product_id": ["p", "q"], "picture_id": ["1", "2"]})
    probs = {
        "garment_type": np.array([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05]]),
        "sleeve": np.array([[0.9, 0.05, 0.05]] * 2),
    }
    votes = vote_products(listings, table_of(["1", "2"], probs), tax)
    assert list(votes.present["sleeve"]) == [True, False]


def test_predictions_of_another_taxonomy_are_refused(colours):
    listings = pd.DataFrame({"platform": ["a"], "product_id": ["p"], "picture_id": ["1"]})
    table = pa.table({"picture_id": ["1"], "box_score": [1.0]})
    with pytest.raises(DataError, match="no column probs_colour"):
        vote_products(listings, table, colours)


def test_validation_keeps_annotated_visible_pictures_of_the_validation_split(colours, table_of):
    rows = [
        ("1", "val", True, 0),
        ("2", "train", True, 1),
        ("3", "val", False, 1),
        ("4", "val", True, 2),
        ("5", "val", True, 1),
    ]
    examples = pa.table(
        {
            "picture_id": [r[0] for r in rows], "split": [r[1] for r in rows],
            "annotated": [r[2] for r in rows], "labels": [[r[3]] for r in rows],
        }
    )  # fmt: skip
    predictions = table_of(list("12345"), {"colour": np.array([SURE["red"]] * 4 + [SURE["blue"]])})
    found = collect_validation(predictions, examples, {"colour": [0.2, 0.2, 0.6]}, colours)
    assert list(found.labels["colour"]) == [0, 1]
    np.testing.assert_allclose(found.prior["colour"], [0.5, 0.5])
