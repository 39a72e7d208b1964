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
    ],
)
def test_a_product_that_cannot_be_used_has_a_countable_reason(change, reason):
    with pytest.raises(DataError, match=f"^{reason}: "):
        check_listing({**GOOD, **change})


def test_the_same_statement_has_the_same_digest():
    assert check_listing(GOOD)["raw_digest"] == check_listing(dict(reversed(GOOD.items())))["raw_digest"]
