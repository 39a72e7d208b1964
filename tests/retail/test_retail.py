"""The retail table by hand: four dresses of a day, two values."""

from datetime import date

import pandas as pd
import pyarrow as pa
import pytest

from fashiontrend import retail
from fashiontrend.storage import schemas

FIRST, DAY = date(2026, 11, 1), date(2026, 11, 20)


def variant(available=None, price=None, list_price=None):
    return {"available": available, "price": price, "list_price": list_price, "images": []}


def listing(product, variants=(), **fields):
    return {
        "platform": "a",
        "day": DAY,
        "product_id": product,
        "currency": "EUR",
        "first_seen": FIRST,
        "variants": list(variants),
        **fields,
    }


ROWS = [
    listing("1", [variant(True), variant(False)], price=50.0, list_price=100.0),
    listing("2", available=True, price=20.0, first_seen=DAY),
    listing("3", [variant(False, 60.0), variant(False, 40.0, 50.0)], first_seen=date(2026, 11, 2)),
    listing("4", price=9.0, currency="USD"),
    listing("5", price=7.0),
]
VALUES = pd.DataFrame(
    [
        ("a", "1", "red"),
        ("a", "2", "red"),
        ("a", "3", "red"),
        ("a", "4", "blue"),
        ("a", "9", "red"),
    ],
    columns=["platform", "product_id", "colour"],
)


def measured(rows, values=VALUES, **given):
    offers = retail.read_offers(pa.Table.from_pylist(rows, schemas.LISTING))
    table = retail.measure_day(offers, values, ("colour", "fabric"), 7, FIRST, **given)
    assert table.schema == schemas.RETAIL
    return {row["value"]: row for row in table.to_pylist()}


def test_a_value_is_measured_over_the_products_that_show_it():
    red = measured(ROWS)["red"]
    assert red["support"] == 3
    assert (red["out_of_stock"], red["out_of_stock_support"]) == (0.5, 3)
    assert (red["markdown"], red["markdown_support"]) == (pytest.approx(2 / 3), 3)
    assert (red["markdown_depth"], red["markdown_depth_support"]) == (pytest.approx(0.35), 2)
    assert (red["price_q25"], red["price_median"], red["price_q75"]) == (30.0, 40.0, 45.0)
    assert (red["price_support"], red["currency"]) == (3, "EUR")


def test_what_the_platform_began_with_is_neither_new_nor_old():
    red = measured(ROWS)["red"]
    assert (red["new_in"], red["new_in_support"]) == (0.5, 2)


def test_what_is_not_stated_is_null_with_no_support():
    blue = measured(ROWS)["blue"]
    for name in ("out_of_stock", "new_in", "markdown_depth"):
        assert (blue[name], blue[f"{name}_support"]) == (None, 0)
    assert (blue["markdown"], blue["markdown_support"]) == (0.0, 1)
    assert (blue["price_median"], blue["price_support"], blue["currency"]) == (None, 0, None)


def test_a_withheld_day_is_flagged_and_a_day_without_a_known_product_has_no_rows():
    assert measured(ROWS, withheld=True)["red"]["withheld"]
    assert measured(ROWS, VALUES.iloc[:0]) == measured([listing("8")]) == measured([]) == {}


def test_a_list_price_at_or_below_the_price_is_no_markdown():
    rows = [listing("1", price=20.0, list_price=20.0), listing("2", price=0.0, list_price=9.0)]
    assert measured(rows)["red"]["markdown"] == 0.0
