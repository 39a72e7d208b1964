import re

import pytest

from fashiontrend import taxonomy
from fashiontrend.errors import ConfigError
from fashiontrend.taxonomy import NOT_VISIBLE, Taxonomy

SIZES = {
    "garment_type": 15,
    "neckline": 14,
    "collar": 10,
    "sleeve_length": 7,
    "sleeve_shape": 8,
    "upper_length": 7,
    "skirt_length": 5,
    "pant_length": 5,
    "fit": 5,
    "silhouette": 11,
    "closure": 7,
    "pattern": 14,
    "fabric": 15,
    "colour": 14,
}
SMALL = """\
version: "1"
garment_groups: {upper: [shirt]}
attributes:
  - id: garment_type
    en: Type
    zh: 品类
    values:
      - {id: shirt, en: Shirt, zh: 衬衫}
      - {id: dress, en: Dress, zh: 连衣裙}
  - id: collar
    en: Collar
    zh: 领型
    applies_to: [upper]
    values:
      - {id: polo, en: Polo, zh: Polo领}
"""


@pytest.fixture(scope="module")
def shipped() -> Taxonomy:
    return taxonomy.load()


def test_the_core_has_14_attributes_and_137_values(shipped):
    core = shipped.subset(())
    assert core.num_values == SIZES
    assert sum(core.num_values.values()) == 137


def test_optional_attributes_are_left_out_unless_asked_for(shipped):
    optional = [a.id for a in shipped.attributes if a.optional]
    assert optional == ["waistline", "dominant_detail"]
    assert not set(optional) & set(shipped.subset(()).ids)
    assert shipped.subset(("waistline", "colour")).ids == ("waistline", "colour")


def test_every_name_is_told_in_english_and_chinese(shipped):
    for attribute in shipped.attributes:
        for named in (attribute, *attribute.values):
            assert named.en.strip()
            assert re.search(r"[一-鿿]", named.zh), named.id


def test_every_synonym_is_lower_case_and_stands_once_in_its_attribute(shipped):
    for attribute in shipped.attributes:
        words = [w for v in attribute.values for w in v.synonyms]
        assert [w for w in words if w != w.lower()] == []
        assert sorted(words) == sorted(set(words)), attribute.id


def test_crosswalks_name_other_taxonomies_by_their_own_ids(shipped):
    neckline = shipped.attribute("neckline")
    assert neckline.value("crew_round").crosswalk == {"FP": ("att000187", "att000188")}
    assert neckline.crosswalk["FA"] == ("neckline_design", "neck_design")
    ids = [i for a in shipped.attributes for v in a.values for i in v.crosswalk.get("FP", ())]
    assert all(re.fullmatch(r"(att|combo)\d{6}", i) for i in ids)
    assert len(ids) > 80


@pytest.mark.parametrize(
    ("attribute", "garment", "expected"),
    [
        ("colour", "skirt", True),
        ("neckline", "dress", True),
        ("neckline", "sweater", True),
        ("neckline", "coat", False),
        ("neckline", "trousers", False),
        ("collar", "blazer", True),
        ("collar", "jumpsuit", False),
        ("sleeve_length", "tank_camisole", True),
        ("sleeve_shape", "tank_camisole", False),
        ("upper_length", "dress", False),
        ("upper_length", "puffer", True),
        ("skirt_length", "skirt", True),
        ("pant_length", "jumpsuit", True),
        ("pant_length", "skirt", False),
        ("silhouette", "trousers", True),
        ("silhouette", "t_shirt", False),
        ("closure", "dress", True),
        ("closure", "shorts", False),
    ],
)
def test_attributes_apply_to_the_garments_that_can_have_them(shipped, attribute, garment, expected):
    assert shipped.applies(attribute, garment) is expected


def test_every_group_lists_known_garment_types(shipped):
    types = set(shipped.attribute("garment_type").value_ids)
    assert {t for group in shipped.garment_groups.values() for t in group} <= types


def test_labels_encode_in_order_and_not_visible_comes_last(shipped):
    sleeve = shipped.attribute("sleeve_length")
    assert [sleeve.index(v) for v in sleeve.value_ids] == list(range(7))
    assert sleeve.index(NOT_VISIBLE) == sleeve.not_visible == 7
    with pytest.raises(ConfigError, match="no value 'medium'"):
        sleeve.index("medium")


def test_the_digest_follows_the_content_not_the_spelling_of_the_file():
    assert (
        taxonomy.parse(SMALL, "a").digest
        == taxonomy.parse(SMALL.replace("version:", "version:   "), "b").digest
    )
    assert (
        taxonomy.parse(SMALL, "a").digest
        != taxonomy.parse(SMALL.replace("Shirt", "Tee"), "a").digest
    )


def test_a_subset_that_leaves_the_garment_types_out_can_be_stored_and_read_again(shipped):
    part = shipped.subset(("colour", "neckline"))
    assert Taxonomy.model_validate(part.model_dump(mode="json")) == part


def test_an_unknown_attribute_is_told_with_those_there_are(shipped):
    with pytest.raises(ConfigError, match="no attribute 'color'; it has garment_type"):
        shipped.subset(("color",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            SMALL.replace("id: dress", "id: shirt"),
            r"t\.yaml:7: attributes\.0\.values.*'shirt' is repeated",
            id="value id twice",
        ),
        pytest.param(
            SMALL.replace("id: collar", "id: garment_type"),
            r"t\.yaml:3: attributes: .*'garment_type' is repeated",
            id="attribute id twice",
        ),
        pytest.param(
            SMALL.replace("    zh: 领型", "    chinese: 领型"),
            r"t\.yaml:\d+: attributes\.1\.",
            id="misspelt key",
        ),
        pytest.param(
            SMALL.replace("applies_to", "aplies_to"),
            r"t\.yaml:13: .*aplies_to: there is no such setting. Did you mean 'applies_to'",
            id="nearest key",
        ),
        pytest.param(
            SMALL.replace("[upper]", "[uper]"),
            r"t\.yaml.*collar\.applies_to names 'uper'",
            id="unknown group",
        ),
        pytest.param(
            SMALL.replace('version: "1"', 'version: "1"\nversion: "2"'),
            r"t\.yaml:2: version is repeated \(first in line 1\)",
            id="yaml key twice",
        ),
        pytest.param(
            SMALL.replace("id: polo", "id: Polo"),
            r"t\.yaml:15: attributes\.1\.values\.0\.id: .*seen: 'Polo'",
            id="id in capitals",
        ),
        pytest.param(
            SMALL.replace("id: polo", "id: not_visible"),
            r"t\.yaml:14: .*implicit in every attribute",
            id="not visible is implicit",
        ),
        pytest.param(
            SMALL.replace('version: "1"', "version: 1"),
            r"t\.yaml:1: version: .*seen: 1",
            id="version is a number",
        ),
        pytest.param(SMALL.replace("[upper]", "[upper"), r"t\.yaml: not valid YAML", id="no YAML"),
        pytest.param("", r"t\.yaml", id="empty"),
    ],
)
def test_mistakes_are_told_with_line_and_key(text, message):
    with pytest.raises(ConfigError, match=message):
        taxonomy.parse(text, "t.yaml")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ConfigError, match="Name an existing file"):
        taxonomy.load(str(tmp_path / "none.yaml"))
