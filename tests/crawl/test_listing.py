import pytest

from fashiontrend.crawl.listing import check_listing
from fashiontrend.errors import DataError

GOOD = {
    "product_id": 7, "url": "https://s.example/p/7", "title": "Tee", "images": ["https://s.example/a.jpg"],
    "price": 5.0,
}  # fmt: skip


def test_a_product_that_states_the_least_is_a_listing():
    assert check_listing(GOOD)["product_id"] == "7"


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
        check_listing({**GOOD, **change})


def test_the_same_statement_has_the_same_digest():
    assert (
        check_listing(GOOD)["raw_digest"]
        == check_listing(dict(reversed(GOOD.items())))["raw_digest"]
    )


def test_half_a_character_is_made_writable():
    listing = check_listing({**GOOD, "title": "Tee \ud83d", "images": ["https://s.example/\ud83d"]})
    assert (listing["title"], listing["images"]) == ("Tee ?", ["https://s.example/?"])


def test_tags_of_a_wrong_type_are_left_out():
    assert check_listing({**GOOD, "tags": ["a", 1, None]})["tags"] == ["a"]
    assert check_listing({**GOOD, "tags": {"a": 1}})["tags"] == []
