import hashlib
import json
from datetime import date

import pytest

from fashiontrend.crawl.listing import Listing, check_listing, listings_table
from fashiontrend.crawl.pages import StatedProduct
from fashiontrend.crawl.pages.product import StatedVariant
from fashiontrend.errors import DataError

GOOD = {
    "product_id": 7, "url": "https://s.example/p/7", "title": "Tee", "images": ["https://s.example/a.jpg"],
    "price": 5.0,
}  # fmt: skip


def check(stated):
    return check_listing(StatedProduct(**stated), "s", "shopify", date(2026, 11, 23))


def test_a_product_that_states_the_least_is_a_listing():
    assert check(GOOD).product_id == "7"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"title": " "}, "no_title", id="empty title"),
        pytest.param({"images": []}, "no_image", id="no picture"),
        pytest.param({"url": None}, "no_url", id="no address"),
        pytest.param({"url": "javascript:void(0)"}, "no_url", id="address of no page"),
    ],
)
def test_a_product_that_cannot_be_used_has_a_countable_reason(change, reason):
    with pytest.raises(DataError, match=f"^{reason}: "):
        check({**GOOD, **change})


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        pytest.param({"product_id": None}, "product_id", GOOD["url"], id="no id: the address"),
        pytest.param({"product_id": " "}, "product_id", GOOD["url"], id="a blank id: the address"),
        pytest.param({"product_id": {"x": 1}}, "product_id", GOOD["url"], id="an object as id"),
        pytest.param({"product_id": [1]}, "product_id", "1", id="id in a list"),
        pytest.param({"title": 12}, "title", "12", id="title is a number"),
        pytest.param({"title": ["Wool coat"]}, "title", "Wool coat", id="title in a list"),
        pytest.param({"description": ["Warm", "Wool"]}, "description", "Warm", id="texts"),
        pytest.param({"brand": {"x": 1}}, "brand", None, id="brand is an object"),
        pytest.param({"brand": {"name": "Acme"}}, "brand", "Acme", id="brand has a name"),
        pytest.param({"colour": " "}, "colour", None, id="a blank colour"),
        pytest.param({"price": ["5.00"]}, "price", 5.0, id="price in a list"),
        pytest.param({"price": True}, "price", None, id="price is a truth value"),
        pytest.param({"price": {}}, "price", None, id="price is an object"),
        pytest.param({"price": {}, "currency": 7}, "currency", "7", id="currency is a number"),
        pytest.param({"available": "yes"}, "available", None, id="availability is a text"),
    ],
)
def test_one_odd_field_costs_that_field_never_the_product(change, field, value):
    assert getattr(check({**GOOD, **change}), field) == value


def test_a_row_of_an_older_day_has_no_variants_and_a_newer_one_comes_back_whole():
    listing = check({**GOOD, "variants": (StatedVariant("1", "S", "red", 5.0, images=("/a",)),)})
    row = listings_table([listing]).to_pylist()[0]
    assert Listing.from_row(row) == listing
    new = ("list_price", "availability", "sku", "parent_id", "list_position", "variants")
    old = Listing.from_row({name: value for name, value in row.items() if name not in new})
    assert (old.title, old.variants, old.sku) == ("Tee", (), None)


def test_the_same_statement_has_the_same_digest():
    assert check(GOOD).raw_digest == check(dict(reversed(GOOD.items()))).raw_digest


def test_the_digest_covers_exactly_the_fields_that_the_format_can_state():
    plain = json.dumps(GOOD, sort_keys=True).encode()
    assert check(GOOD).raw_digest == hashlib.sha256(plain).hexdigest()
    assert check({**GOOD, "group_id": "g"}).raw_digest == check(GOOD).raw_digest
    assert check({**GOOD, "colour": None}).raw_digest != check(GOOD).raw_digest


def test_half_a_character_is_made_writable():
    listing = check({**GOOD, "title": "Tee \ud83d", "images": ["https://s.example/\ud83d"]})
    assert (listing.title, listing.images[0].url) == ("Tee ?", "https://s.example/?")


def test_tags_of_a_wrong_type_are_left_out():
    assert check({**GOOD, "tags": ["a", 1, None]}).tags == ("a",)
    assert check({**GOOD, "tags": {"a": 1}}).tags == ()
