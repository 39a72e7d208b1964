from datetime import date

import pytest

from fashiontrend.errors import ConfigError
from fashiontrend.labels import title_rules, titles
from fashiontrend.storage import schemas


def read(text, taxonomy, extra=None):
    rules = title_rules.compile_rules(taxonomy, 0.8, extra)
    return {
        r.attribute: r.value
        for r in titles.read_texts((title_rules.normalise(text),), taxonomy, rules)
    }


@pytest.mark.parametrize(
    ("title", "attribute", "value"),
    [
        ("Deep V neck dress", "neckline", "deep_v"),
        ("V-Neck T-Shirt", "neckline", "v_neck"),
        ("vneck tee", "neckline", "v_neck"),
        ("V–neck (en dash)", "neckline", "v_neck"),
        ("纯棉V领短袖", "neckline", "v_neck"),
        ("深v领连衣裙", "neckline", "deep_v"),
        ("半高领毛衣", "neckline", "mock_neck"),
        ("Ｖ领（全角）", "neckline", "v_neck"),
        ("T-shirts, 3 pack", "garment_type", "t_shirt"),
        ("Two dresses", "garment_type", "dress"),
        ("Nightshirt", "garment_type", None),
        ("Shirt dress", "garment_type", "dress"),
        ("T恤裙", "garment_type", "dress"),
        ("Short sleeve shirt", "garment_type", "shirt_blouse"),
        ("Dress shirt", "garment_type", "shirt_blouse"),
        ("Short-sleeved shirt", "sleeve_length", "short"),
        ("3/4 sleeve top", "sleeve_length", "three_quarter"),
        ("Red and blue jumper", "colour", None),
        ("Navy blue jumper", "colour", "blue"),
        ("Khaki green jumper", "colour", "green"),
        ("Hound's tooth coat", "pattern", "houndstooth"),
        ("Predicted delivery", "colour", None),
        ("米白色毛衣", "colour", "beige_cream"),
    ],
)
def test_the_longest_word_that_stands_alone_decides(shipped, title, attribute, value):
    assert read(title, shipped).get(attribute) == value


def test_every_name_and_synonym_of_the_shipped_taxonomy_reads_as_its_own_value(shipped):
    rules = title_rules.compile_rules(shipped)
    meanings = {
        r: {f.value for f in title_rules.find_rules(r.term, rules, r.attribute)}
        for r in rules.rules
    }
    wrong = {rule for rule, found in meanings.items() if found != {rule.value}}
    assert wrong == set()


def test_words_of_a_garment_that_cannot_have_the_attribute_are_left_out(shipped):
    assert "upper_length" not in read("Cropped jeans", shipped)
    assert read("Cropped jeans", shipped)["pant_length"] == "cropped"


def test_the_title_is_asked_before_the_description(small, make_listings):
    rules = title_rules.compile_rules(small)
    rows = make_listings(
        {"title": "Red V-neck", "description": "blue stitching"},
        {"title": "Top", "description": "in blue"},
        {"title": "Top", "colour": "Blue", "description": "red lining"},
        {"title": "red and blue", "description": "red"},
    )
    found = titles.read_titles(rows, small, rules).to_pylist()
    assert {(r["product_key"], r["attribute"], r["value"]) for r in found} == {
        ("a/0", "colour", "red"),
        ("a/0", "neckline", "v_neck"),
        ("a/1", "colour", "blue"),
        ("a/2", "colour", "blue"),
    }


def test_each_label_knows_its_word_and_confidence(small, make_listings):
    rules = title_rules.compile_rules(small, 0.5)
    table = titles.read_titles(
        make_listings({"title": "A deep V top", "pictures": ["x", "y", None]}), small, rules
    )
    assert table.select(schemas.LABEL.names).schema == schemas.LABEL
    assert table.select(["picture_id", "rule", "confidence", "source", "status"]).to_pylist() == [
        {
            "picture_id": p,
            "rule": "deep v",
            "confidence": 0.5,
            "source": "title",
            "status": "present",
        }
        for p in ("x", "y")
    ]


def test_a_product_that_is_listed_on_many_days_is_read_once_as_last_seen(small, make_listings):
    rows = make_listings(
        {"product_id": "1", "title": "blue", "day": date(2026, 1, 2), "pictures": ["x"]},
        {"product_id": "1", "title": "red", "day": date(2026, 1, 1), "pictures": ["x"]},
    )
    found = titles.read_titles(rows, small, title_rules.compile_rules(small)).to_pylist()
    assert [r["value"] for r in found] == ["blue"]


def test_no_listings_make_no_labels(small):
    table = titles.read_titles(
        schemas.LISTING.empty_table(), small, title_rules.compile_rules(small)
    )
    assert (table.num_rows, table.schema) == (0, titles.TITLE_LABEL)


def test_the_users_words_are_added_and_win(small):
    extra = "colour:\n  red: [bordeaux, Crimson-Tide]\n  blue: [red]\n"
    assert read("Bordeaux top", small, extra)["colour"] == "red"
    assert read("crimson tide", small, extra)["colour"] == "red"
    assert read("red top", small, extra)["colour"] == "blue"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "color:\n  red: [x]",
            r"r\.yaml:1: color: taxonomy small has no attribute 'color'\. Did you mean 'colour'",
            id="attribute",
        ),
        pytest.param(
            "colour:\n  rde: [x]",
            r"r\.yaml:2: colour\.rde: .*no value 'rde'\. Did you mean 'red'",
            id="value",
        ),
        pytest.param(
            "colour:\n  red: x", r"r\.yaml:2: colour\.red: seen 'x', expected a list", id="no list"
        ),
        pytest.param("colour:\n  red: [1]", r"r\.yaml:2: .*list of words", id="a number"),
        pytest.param("colour: [red]", r"r\.yaml:1: colour: seen \['red'\]", id="no mapping"),
        pytest.param("- colour", r"r\.yaml: .*expected attribute", id="a list"),
        pytest.param(
            "colour:\n  red: [x]\n  blue: [X]",
            r"r\.yaml:3: colour\.blue: 'x' means 'red' already",
            id="two meanings",
        ),
    ],
)
def test_wrong_rules_are_told_with_their_line(small, text, message):
    with pytest.raises(ConfigError, match=message):
        title_rules.compile_rules(small, 0.8, text, "r.yaml")


def test_a_file_without_words_adds_nothing(small):
    assert title_rules.compile_rules(small, 0.8, "# none yet") == title_rules.compile_rules(small)


def test_dropped_rules_leave_shorter_ones(small):
    rules = title_rules.compile_rules(small)
    fewer = rules.without([title_rules.TitleRule("neckline", "deep_v", "deep v")])
    assert len(fewer.rules) == len(rules.rules) - 1
    assert title_rules.find_rules("deep v neck", fewer, "neckline") == (
        title_rules.TitleRule("neckline", "v_neck", "v neck"),
    )
