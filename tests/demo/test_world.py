"""The drawn world keeps its promises: deterministic, with known curves, honest noise and an outage."""

import io
import json
from collections import Counter
from datetime import date

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fashiontrend import taxonomy
from fashiontrend.demo import curves
from fashiontrend.demo.garments import COLOURS, SIZE_PX, draw_garment
from fashiontrend.demo.world import PLATFORMS, World, annotate, write_truth
from fashiontrend.taxonomy import NOT_VISIBLE

LAST = date(2026, 11, 23)
WORLD = World(0, LAST)


def test_the_same_seed_makes_the_same_world_to_the_last_byte():
    other = World(0, LAST)
    assert WORLD.products == other.products
    assert WORLD.draw(WORLD.products[3]) == other.draw(other.products[3])
    assert World(1, LAST).products != WORLD.products


def test_each_shop_has_about_160_products_on_sale_every_day():
    live = [len(WORLD.live(p, d)) for p in PLATFORMS for d in WORLD.days[::15]]
    assert min(live) > 140
    assert max(live) < 185
    assert 2500 < len(WORLD.products) < 2750


@pytest.mark.parametrize(
    ("plan", "low", "high"),
    [
        pytest.param("rising", 0.15, 0.45, id="rising"),
        pytest.param("falling", -0.40, -0.12, id="falling"),
    ],
)
def test_the_planted_values_move_as_planned(plan, low, high):
    attribute, value = curves.PLAN[plan].split(".")

    def share(day: date) -> float:
        live = [p.values[attribute] for s in PLATFORMS for p in WORLD.live(s, day)]
        return Counter(live)[value] / len(live)

    assert low < share(WORLD.days[-1]) - share(WORLD.days[0]) < high


@pytest.mark.parametrize("attribute", curves.attributes())
@pytest.mark.parametrize("position", [-5.0, 0.0, 0.5, 1.0, 9.0])
def test_shares_of_a_day_sum_to_one(attribute, position):
    shares = curves.shares_at(attribute, position, 40.0)
    assert shares.sum() == pytest.approx(1.0)
    assert (shares > 0).all()


def test_the_demo_taxonomy_is_a_subset_of_the_shipped_one():
    small = curves.restrict(taxonomy.load())
    assert small.ids == curves.attributes()
    assert max(small.num_values.values()) <= 6


@pytest.mark.parametrize("neckline", ["crew_round", "v_neck", "turtleneck", NOT_VISIBLE])
def test_the_box_holds_the_garment_and_nothing_is_drawn_beyond_the_picture(neckline):
    for seed in range(10):
        values = {
            "colour": "red",
            "pattern": "plain",
            "sleeve_length": "long",
            "neckline": neckline,
        }
        drawing = draw_garment(values, np.random.default_rng(seed))
        x0, y0, x1, y1 = drawing.box
        assert 0 <= x0 < x1 <= 1
        assert 0 <= y0 < y1 <= 1
        pixels = np.asarray(Image.open(io.BytesIO(drawing.image)).convert("RGB")).astype(int)
        assert pixels.shape == (SIZE_PX, SIZE_PX, 3)
        centre = pixels[int((y0 + y1) / 2 * SIZE_PX), int((x0 + x1) / 2 * SIZE_PX)]
        assert abs(centre - COLOURS["red"]).max() < 60
        assert (y0 == 0) == (neckline == NOT_VISIBLE)


def test_titles_leave_out_and_mistake_about_as_often_as_real_ones():
    sleeves = [
        ("sleeveless", ("sleeveless", "无袖")),
        ("short", ("short", "短袖")),
        ("long", ("long", "长袖")),
    ]
    right = wrong = missing = 0
    for product in WORLD.products:
        text = f"{product.title} {product.description}".lower()
        said = [value for value, words in sleeves if any(w in text for w in words)]
        right += said == [product.values["sleeve_length"]]
        wrong += bool(said) and said != [product.values["sleeve_length"]]
        missing += not said
    count = len(WORLD.products)
    assert 0.06 < missing / count < 0.14
    assert 0.02 < wrong / count < 0.09
    assert right / count > 0.8


def test_annotations_are_of_different_products_and_may_say_not_visible():
    rows = annotate(WORLD)
    assert rows["split"].value_counts().to_dict() == {"train": 400, "val": 300}
    assert not rows.duplicated("product_id").any()
    assert (rows["neckline"] == NOT_VISIBLE).mean() == pytest.approx(0.05, abs=0.03)
    assert ((rows["x1"] > rows["x0"]) & (rows["y1"] > rows["y0"])).all()


def test_the_truth_is_written_apart(tmp_path):
    write_truth(WORLD, tmp_path)
    truth = pd.read_parquet(tmp_path / "truth.parquet")
    assert len(truth) == len(WORLD.products)
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert plan["rising"] == "colour.green"
    assert len(plan["outages"]) == 2
