"""Labels outlive changes of the taxonomy."""

import json

import pytest

from fashiontrend import taxonomy
from fashiontrend.errors import ConfigError
from fashiontrend.labels import tools
from fashiontrend.labels.successors import Successors, compare
from tests.labels.conftest import TEXT

#: Deep V was merged into V-neck; blue was renamed; the hood moved from another attribute; teal is new.
GROWN = TEXT.replace(
    '"small"', '"grown"'
).replace(
    "- {id: v_neck, en: V-neck, zh: V领}\n      - {id: deep_v, en: Deep V, zh: 深V领}",
    "- {id: v_neck, en: V-neck, zh: V领, crosswalk: {was: [neckline.deep_v]}}\n"
    "      - {id: hooded, en: Hooded, zh: 连帽, crosswalk: {was: [detail.hood]}}",
).replace(
    "- {id: blue, en: Blue, zh: 蓝}",
    "- {id: azure, en: Azure, zh: 蓝, crosswalk: {was: [colour.blue]}}\n      - {id: teal, en: Teal, zh: 青}",
)  # fmt: skip


@pytest.fixture(scope="module")
def grown():
    return taxonomy.parse(GROWN, "grown")


def test_merged_renamed_and_moved_values_carry_their_labels(grown):
    successors = Successors(grown)
    assert successors.carry([("neckline", "deep_v"), ("colour", "blue")]) == {
        "neckline": "v_neck",
        "colour": "azure",
    }
    assert successors.carry([("detail", "hood")]) == {"neckline": "hooded"}
    assert successors.carry([("detail", "hood"), ("neckline", "crew")]) == {"neckline": "crew"}
    assert successors.carry([("colour", "red")]) == {"colour": "red"}


def test_files_of_people_who_used_the_older_taxonomy_are_read(grown, make_pictures):
    pictures = make_pictures(("p1", "1"))
    done = tools.read(
        "picture_id,neckline,colour,detail\np1,deep_v,blue,\n", "a.csv", grown, pictures
    )
    assert dict(done.table.to_pylist()[0]["labels"]) == {"neckline": "v_neck", "colour": "azure"}
    choices = [
        {"id": str(n), "type": "choices", "from_name": a, "value": {"choices": [v]}}
        for n, (a, v) in enumerate([("detail", "hood"), ("colour", "blue")])
    ]
    tasks = [
        {"data": {"picture_id": "p1", "taxonomy": "small"}, "annotations": [{"result": choices}]}
    ]
    done = tools.read(json.dumps(tasks), "a.json", grown, pictures)
    assert dict(done.table.to_pylist()[0]["labels"]) == {"neckline": "hooded", "colour": "azure"}
    assert "colour blue is read as colour azure" in [n.what for n in done.notes]


def test_a_comparison_says_what_survives(small, grown):
    changes = compare(small, grown)
    assert changes.added == ("neckline.hooded", "colour.azure", "colour.teal")
    assert changes.became == {"neckline.deep_v": "neckline.v_neck", "colour.blue": "colour.azure"}
    assert changes.removed == ()
    assert compare(grown, small).removed == ("neckline.hooded", "colour.azure", "colour.teal")
    assert compare(small, small).lines() == ["Nothing that a model depends on differs."]


@pytest.mark.parametrize("was", ["colour.red", "scarlet", "neckline.deep_v"])
def test_a_crosswalk_that_means_two_things_is_refused(was):
    text = GROWN.replace("[colour.blue]", f"[{was}]")
    with pytest.raises(ConfigError, match=r"crosswalk `was: "):
        Successors(taxonomy.parse(text, "wrong"))
