# ruff: noqa: E501 - tables of titles, one case a line
from datetime import date

import pyarrow as pa
import pytest

from fashiontrend.errors import ConfigError
from fashiontrend.labels import terms, title_rules, titles, words
from fashiontrend.labels.garments import is_garment
from fashiontrend.outcomes import ReadTexts
from fashiontrend.storage import schemas


def read(text, taxonomy, extra=None, language="en"):
    rules = title_rules.compile_rules(taxonomy, 0.8, extra)
    return {
        r.attribute: r.value
        for r in titles.read_texts((terms.normalise(text),), taxonomy, rules, language)
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


@pytest.mark.parametrize(
    ("title", "attribute", "value"),
    [
        ("Lace-up sweater", "fabric", None),
        ("Lace-up sweater", "garment_type", "sweater"),
        ("Lace dress", "fabric", "lace"),
        ("Check our size guide: black dress", "pattern", None),
        ("Ribbed cuffs, cotton shirt", "fabric", None),
        ("Dress with a leather belt", "fabric", None),
        ("Green dress with black trim", "colour", "green"),
        ("Slip to wear under a dress", "garment_type", None),
        ("Coat, no hood", "collar", None),
        ("Coat without collar", "collar", "collarless"),
        ("Pléated skirt", "dominant_detail", "pleat"),
        ("纯棉衣服", "garment_type", None),
        ("棉衣外套", "garment_type", "puffer"),
    ],
)
def test_words_of_something_else_do_not_label(shipped, title, attribute, value):
    """Seen: each of them labelled the garment."""
    assert read(title, shipped).get(attribute) == value


@pytest.mark.parametrize(
    ("language", "title", "expected"),
    [
        ("fr", "Robe léopard à manches courtes", {"garment_type": "dress", "pattern": "animal", "sleeve_length": "short"}),
        ("fr", "Pull noir avec ceinture en cuir", {"garment_type": "sweater", "colour": "black", "fabric": None}),
        ("de", "Damen Strickpullover, Rollkragen", {"garment_type": "sweater", "neckline": "turtleneck", "fabric": "knit_rib"}),
        ("de", "Rollkragenpullover in Dunkelrot", {"garment_type": "sweater", "neckline": "turtleneck", "colour": "red"}),
        ("de", "Kleid mit Ledergürtel", {"garment_type": "dress", "fabric": None}),
        ("de", "Jacke ohne Kapuze", {"garment_type": "jacket", "collar": None}),
        ("es", "Camisas blancas de lino", {"garment_type": "shirt_blouse", "colour": "white", "fabric": "linen"}),
        ("it", "Gonna plissettata a fiori", {"garment_type": "skirt", "dominant_detail": "pleat", "pattern": "floral"}),
        ("pt", "Vestido comprido com mangas curtas", {"garment_type": "dress", "skirt_length": "maxi_ankle", "sleeve_length": "short"}),
        ("nl", "Gestreepte wikkeljurk", {"garment_type": "dress", "pattern": "stripe", "closure": "wrap"}),
    ],
)  # fmt: skip
def test_words_of_other_languages_label(shipped, language, title, expected):
    found = read(title, shipped, language=language)
    assert {a: found.get(a) for a in expected} == expected


def test_the_words_of_a_language_hold_only_where_it_is_written(shipped):
    """A French robe is a dress, an English one is not."""
    assert read("Silk robe", shipped).get("garment_type") is None


@pytest.mark.parametrize(
    ("texts", "language"),
    [
        (["Robe longue avec ceinture", "Pull pour femme", "La jupe de la saison"], "fr"),
        (["Kleid mit Gürtel", "Mantel für Damen und Herren"], "de"),
        (
            [
                "Vestido con cinturón",
                "Falda para mujer y niña",
                "Camisa de hombre, las mangas largas",
            ],
            "es",
        ),
        (["新款女装的连衣裙", "女装衬衫"], "zh"),
        (["Dress with belt", "The coat for your winter"], "en"),
        (["Dress 1", "Dress 2"], "en"),
        (["A dress with a belt", "As soft as it gets, a top", "Do not tumble dry"], "en"),
        (["Gonna a fiori con spacco", "Abito da donna", "Camicia con colletto per uomo"], "it"),
    ],
)
def test_the_language_of_a_shop_is_known_by_its_small_words(texts, language):
    assert words.guess_language(map(terms.normalise, texts)) == language


@pytest.mark.parametrize(
    ("category", "title", "garment"),
    [
        ("Shoes", "Leather Chelsea boot", False),
        ("", "Leather tote bag", False),
        ("", "Gift card", False),
        ("", "Dog coat, red", False),
        ("", "Dress with belt", True),
        ("", "Cap sleeve dress", True),
        ("Dresses", "Anna", True),
        ("", "Anna", True),
        ("", "Bootcut jeans", True),
        ("", "黑色皮鞋", False),
    ],
)
def test_what_is_no_garment_is_known_by_category_and_title(shipped, category, title, garment):
    """Seen: four in five titles of shoes and bags got a label."""
    rules = title_rules.compile_rules(shipped)
    assert is_garment(*map(terms.normalise, (category, title)), rules) is garment


@pytest.mark.parametrize(
    ("language", "category", "title", "garment"),
    [
        ("en", "Home decor", "Velvet dress for your sofa", False),
        ("en", "Clothing & accessories", "Silk dress", True),
        ("en", "Home & garden > Clothing > Dresses", "Anna", True),
        ("en", "Women > Jewelry", "Lace dress", False),
        ("en", "", "Wooden coat rack", False),
        ("en", "", "Dress with steamer", True),
        ("fr", "Maillots de bain", "Robe de plage", True),
        ("fr", "Cuisine > Textiles", "Veste de chef", False),
        ("de", "Autozubehör", "Jacke für den Sitz", False),
        ("de", "Herrenbekleidung > Accessoires", "Gürtel", False),
        ("nl", "Damesmode", "Jurk", True),
        ("es", "Ropa > Estar por casa", "Camiseta", True),
        ("it", "", "Borsa per vestito", False),
        ("zh", "家居", "连衣裙 挂件", False),
    ],
)
def test_a_department_without_garments_decides_before_the_title(
    shipped, language, category, title, garment
):
    """Seen: 90 of 190 titles of other things passed, most of them because they name a garment in passing."""
    rules = title_rules.compile_rules(shipped)
    assert is_garment(*map(terms.normalise, (category, title)), rules, language) is garment


OWN = """
all: {not_garments: [strandkorb]}
de: {parts_after: [fransen], negations: [frei von]}
"""


def test_a_user_adds_words_of_his_own(shipped):
    plain = title_rules.compile_rules(shipped)
    own = title_rules.compile_rules(shipped, lexicon=words.read_lexicon(OWN, "w.yaml"))
    assert is_garment("", "strandkorb", plain, "de")
    assert not is_garment("", "strandkorb", own, "de")
    assert not is_garment("", "strandkorb", own, "en")
    text = terms.normalise("Kleid rot, frei von Leinen")
    lace = [title_rules.find_rules(text, r, "fabric", "de") for r in (plain, own)]
    assert [bool(found) for found in lace] == [True, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("xx: {negations: [a]}", "'xx' is none of the languages"),
        ("de: {negation: [a]}", r"de: seen \['negation'\]"),
        ("de: {negations: a}", "de.negations: seen 'a', expected a list"),
        ("de: {negations: ['~']}", "de.negations"),
        ("[a]", "expected language -> list"),
    ],
)
def test_own_words_that_are_not_understood_are_refused(text, said):
    with pytest.raises(ConfigError, match=said):
        words.read_lexicon(text, "w.yaml")


def test_listings_are_marked_and_products_without_a_label_are_counted(shipped):
    titles_ = ["Red dress", "The anna for you", "Leather boot", "The red skirt with pockets"]
    rows = [
        {"platform": "a", "product_id": str(n), "day": date(2026, 11, 1), "title": t}
        for n, t in enumerate(titles_)
    ]
    table = pa.Table.from_pylist(rows, schemas.LISTING)
    rules = title_rules.compile_rules(shipped)
    marked = titles.mark_garments(table, rules)
    assert marked.schema == schemas.LISTING
    assert marked["garment"].to_pylist() == [True, True, False, True]
    (counts,) = titles.read_texts_of(marked, shipped, rules).texts
    assert counts == ReadTexts("a", "en", 4, 2, 1, 1)
