"""Which products a keyword is of."""

import pandas as pd
import pytest

from fashiontrend.config import KeywordsConfig
from fashiontrend.keywords.segments import ALL, Segment, describe_segments, find_segments, members

CFG = KeywordsConfig()


def make_products(**columns):
    size = max(len(v) for v in columns.values())
    return pd.DataFrame(
        {"platform": ["a"] * size, "colour": "red", "colour_confidence": 0.9, **columns}
    )


def test_where_nearly_all_products_agree_the_segment_is_theirs():
    told = describe_segments(make_products(gender=["women"] * 97 + ["men"] * 3), ALL, CFG)
    assert told["a", "colour"]["gender"] == "women"
    assert "gender" not in told["a", "colour"]["reasons"]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"gender": [None] * 9}, "no product states a gender"),
        ({"size": [1] * 9}, "no product states a gender"),
        ({"gender": ["women"] * 6 + ["men"] * 4}, "several genders: women 60 %, men 40 %"),
        ({"gender": [None] * 8 + ["men"] * 2}, "several genders: unstated 80 %, men 20 %"),
    ],
    ids=["never stated", "no such column", "mixed", "mostly unstated"],
)
def test_what_is_not_known_is_null_with_its_reason(columns, reason):
    told = describe_segments(make_products(**columns), ALL, CFG)["*", "colour"]
    assert told["gender"] is None
    assert told["reasons"]["gender"] == reason
    assert (told["region"], told["reasons"]["region"]) == (None, "listings state no region")


def test_only_products_that_have_the_attribute_count():
    products = make_products(gender=["women"] * 5 + ["men"] * 5)
    products.loc[products["gender"] == "men", "colour"] = None
    assert describe_segments(products, ALL, CFG)["a", "colour"]["gender"] == "women"


def test_segments_are_large_enough_and_not_nearly_everything():
    genders = ["women"] * 300 + ["men"] * 120 + ["girls"] * 20
    products = make_products(gender=genders, garment_type=["dress"] * 435 + ["skirt"] * 5)
    assert find_segments(products, CFG) == [Segment(gender="women"), Segment(gender="men")]
    assert find_segments(products, KeywordsConfig(max_segments=1)) == [Segment(gender="women")]
    assert find_segments(products, KeywordsConfig(segments=())) == []
    assert len(members(products, Segment(gender="men"))) == 120
    assert len(members(products, ALL)) == 440
    assert members(products[["platform"]], Segment(gender="men")).empty


def test_a_segment_is_named_in_a_keywords_id():
    assert ALL.name == "all"
    assert Segment(gender="women").name == "women"
