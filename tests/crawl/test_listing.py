import hashlib
import json
from datetime import date

import pytest

from fashiontrend.crawl.listing import check_listing
from fashiontrend.crawl.pages import StatedProduct
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
        pytest.param({"product_id": None}, "no_id", id="no id"),
        pytest.param({"product_id": [1]}, "no_id", id="id of a wrong type"),
        pytest.param({"title": 12}, "wrong_type", id="title is a number"),
        pytest.param({"title": " "}, "no_title", id="empty title"),
        pytest.param({"images": []}, "no_image", id="no picture"),
        pytest.param({"brand": {"x": 1}}, "wrong_type", id="brand is an object"),
        pytest.param({"price": ["5.00"]}, "wrong_type", id="price is a list"),
        pytest.param({"price": True}, "wrong_type", id="price is a truth value"),
        pytest.param({"url": None}, "no_url", id="no address"),
        pytest.param({"url": "javascript:void(0)"}, "no_url", id="address of no page"),
    ],
)
def test_a_product_that_cannot_be_used_has_a_countable_reason(change, reason):
    with pytest.raises(DataError, match=f"^{reason}: "):
        check({**GOOD, **change})


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
