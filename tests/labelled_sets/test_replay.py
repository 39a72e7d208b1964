import hashlib
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from fashiontrend.errors import DataError
from fashiontrend.labelled_sets import replay
from fashiontrend.labelled_sets.columns import derive_taxonomy
from fashiontrend.storage import schemas

DAYS = tuple(date(2026, 1, 1) + timedelta(days=n) for n in range(60))
COLOURS = ["Black", "White", "Red", "Blue", "Green", "Pink"]
PARTS = [0.40, 0.16, 0.06, 0.20, 0.10, 0.08]
TYPES = ["Shirts", "Skirts", "Tops", "Hats", "Belts"]


def make_rows(number: int) -> pa.Table:
    rng = np.random.default_rng(0)
    return pa.table(
        {
            "id": [str(n) for n in range(number)],
            "title": [f"Thing {n}" for n in range(number)],
            "article_type": rng.choice(TYPES, number).tolist(),
            "base_colour": rng.choice(COLOURS, number, p=PARTS).tolist(),
            "image": pa.array([f"bytes {n}".encode() for n in range(number)], pa.binary()),
        }
    )


@pytest.fixture(scope="module")
def rows():
    return make_rows(6000)


@pytest.fixture(scope="module")
def taxonomy(rows):
    return derive_taxonomy(rows, ["article_type", "base_colour"], "set")


@pytest.fixture(scope="module")
def made(rows, taxonomy):
    return replay.draw_replay(rows, taxonomy, DAYS, ("north", "south"), seed=1)


def test_the_plan_names_what_rises_falls_and_swings(made):
    assert made.plan.to_json() == {
        "rising": "base_colour.red",
        "falling": "base_colour.white",
        "seasonal": made.plan.seasonal,
        "outages": [],
    }
    assert made.plan.seasonal.startswith("article_type.")


def test_the_truth_moves_as_planned(made):
    born = made.products[made.products["first_day"] > DAYS[0]]
    half = born["first_day"] < DAYS[30]
    for kind, sign in (("rising", 1), ("falling", -1)):
        attribute, value = getattr(made.plan, kind).split(".")
        early, late = ((born.loc[when, attribute] == value).mean() for when in (half, ~half))
        assert sign * (late - early) > 0.03
    black = [(born.loc[when, "base_colour"] == "black").mean() for when in (half, ~half)]
    assert abs(black[0] - black[1]) < 0.06


def test_each_day_lists_what_is_on_sale(made, rows):
    for day in (DAYS[0], DAYS[30], DAYS[-1]):
        table = replay.listings(made, rows, "north", day)
        assert table.schema == schemas.LISTING
        truth = made.products[made.products["platform"] == "north"]
        live = truth[(truth["first_day"] <= day) & (truth["last_day"] >= day)]
        assert table["product_id"].to_pylist() == sorted(live["product_id"])
    assert 140 <= table.num_rows <= 280


def test_a_shop_opens_with_160_products_and_gains_8_to_12_a_day(made):
    for _, stock in made.products.groupby("platform"):
        born = stock["first_day"].value_counts()
        assert (stock["first_day"] <= DAYS[0]).sum() == 160
        assert {8, 12} <= {int(born[d]) for d in DAYS[1:]} <= set(range(8, 13))
        assert stock["last_day"].min() >= DAYS[0]


def test_a_listing_tells_the_sets_own_title_and_nothing_of_its_labels(made, rows):
    (listing,) = replay.listings(made, rows, "south", DAYS[5]).slice(0, 1).to_pylist()
    product = made.products[made.products["product_id"] == listing["product_id"]].iloc[0]
    assert listing["title"] == f"Thing {product['row']}"
    assert (listing["source"], listing["category"], listing["colour"]) == ("replay", None, None)
    assert (
        listing["images"][0]["picture_id"]
        == hashlib.sha256(f"bytes {product['row']}".encode()).hexdigest()
    )
    assert listing["first_seen"] == product["first_day"]


def test_every_picture_is_brought_once_and_before_it_is_needed(made, rows):
    for platform in made.platforms:
        brought: dict[str, bytes] = {}
        for day in DAYS:
            new = replay.new_pictures(made, rows, platform, day)
            assert not new.keys() & brought.keys()
            brought |= new
            listed = replay.listings(made, rows, platform, day)["images"].to_pylist()
            assert {i["picture_id"] for images in listed for i in images} <= brought.keys()
        assert all(hashlib.sha256(data).hexdigest() == key for key, data in brought.items())


def test_a_picture_is_used_once_where_the_set_is_large_enough(made):
    assert made.products["picture_id"].is_unique


def test_a_small_set_uses_pictures_again_under_another_product_id(taxonomy):
    few = make_rows(400)
    made = replay.draw_replay(few, taxonomy, DAYS, ("north", "south"), 0)
    assert not made.products["picture_id"].is_unique
    assert not made.products.duplicated(["platform", "product_id"]).any()


def test_the_same_seed_makes_the_same_history(rows, taxonomy, made):
    assert replay.draw_replay(rows, taxonomy, DAYS, ("north", "south"), 1).truth() == made.truth()
    assert replay.draw_replay(rows, taxonomy, DAYS, ("north", "south"), 2).truth() != made.truth()


def test_the_truth_has_the_columns_of_the_demo_world(made):
    columns = ["platform", "product_id", "first_day", "last_day", "article_type", "base_colour"]
    assert made.truth().column_names == columns


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.slice(0, 100), "100 rows have a picture, 320 are needed"),
        (lambda r: r.drop_columns(["article_type", "base_colour"]), "no attribute has four values"),
    ],
    ids=["too small", "no labels"],
)
def test_sets_that_cannot_be_replayed_are_told(rows, taxonomy, change, message):
    with pytest.raises(DataError, match=message):
        replay.draw_replay(change(rows), taxonomy, DAYS, ("north",), 0)
