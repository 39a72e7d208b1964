import json

import numpy as np
import pyarrow as pa
import pytest

from fashiontrend.config import LabelsConfig, ResampleConfig
from fashiontrend.errors import DataError
from fashiontrend.labels import dataset, title_rules, titles
from fashiontrend.storage import schemas

OFF = ResampleConfig(beta=0.0)


@pytest.fixture
def build(small, make_listings, make_pictures):
    def make(said, annotations, labels=None, resample=OFF, seed=0, shuffle=None):
        """`said`: title -> picture ids; product n is a/n."""
        listings = make_listings(*({"title": t, "pictures": list(p)} for t, p in said))
        pictures = make_pictures(*((p, str(n)) for n, (_, ids) in enumerate(said) for p in ids))
        read = titles.read_titles(listings, small, title_rules.compile_rules(small))
        tables = [pictures, read, annotations]
        if shuffle is not None:
            rng = np.random.default_rng(shuffle)
            tables = [t.take(pa.array(rng.permutation(t.num_rows))) for t in tables]
        return dataset.build(*tables, small, labels or LabelsConfig(), resample, seed)

    return make


def rows(table):
    return {r["picture_id"]: r for r in table.to_pylist()}


SAID = [("red crew neck", "a"), ("blue v-neck", "b"), ("blue", "c"), ("red", "d"), ("no word", "e")]


@pytest.fixture
def people(make_annotations):
    return make_annotations(
        ("a", "a/0", "train", {"neckline": "not_visible"}),
        ("b", "a/1", "val", {"neckline": "deep_v", "colour": "blue"}, None, [0.1, 0.1, 0.9, 0.9]),
    )


def test_training_holds_titles_and_annotations_and_people_override_titles(build, people):
    made = build(SAID, people)
    train = rows(made.train)
    assert made.train.schema == made.val.schema == schemas.EXAMPLE
    assert set(train) == {"a", "c", "d"}
    assert (train["a"]["labels"], train["a"]["annotated"]) == ([3, 0], True)
    assert train["a"]["confidences"] == pytest.approx([1.0, 0.8])
    assert (train["c"]["labels"], train["c"]["annotated"]) == ([-1, 1], False)
    assert train["c"]["confidences"] == pytest.approx([0.0, 0.8])
    assert train["c"]["product_key"] == "a/2"
    assert train["c"]["image"] == b"c"


def test_validation_holds_annotations_only_and_is_never_resampled(build, people):
    made = build(SAID, people, resample=ResampleConfig(beta=1.0))
    val = rows(made.val)
    assert set(val) == {"b"}
    assert (val["b"]["labels"], val["b"]["repeat"], val["b"]["split"]) == ([2, 1], 1, "val")
    assert val["b"]["box"] == pytest.approx([0.1, 0.1, 0.9, 0.9])


def test_other_pictures_of_a_validation_product_never_train(build, people):
    made = build([("red", "a"), ("blue v-neck", "bx"), ("red", "cx"), ("blue", "d")], people)
    assert set(rows(made.train)) == {"a", "d"}
    assert made.facts.held_out == 2


def test_a_picture_annotated_in_both_splits_validates(build, make_annotations):
    both = make_annotations(
        ("a", "a/0", "train", {"colour": "red"}), ("a", "a/0", "val", {"colour": "red"})
    )
    made = build(SAID, both)
    assert set(rows(made.val)) == {"a"}
    assert "a" not in rows(made.train)


def test_products_that_state_different_values_of_one_picture_make_no_label(build, make_annotations):
    made = build(
        [("red crew neck", "x"), ("blue crew neck", "x"), ("red", "y")], make_annotations()
    )
    assert rows(made.train)["x"]["labels"] == [0, -1]


def test_an_imported_set_brings_its_own_pictures(build, make_annotations):
    own = make_annotations(
        ("z", "set/1", "train", {"colour": "red"}, b"bytes"),
        ("gone", "set/2", "train", {"colour": "red"}),
    )
    made = build(SAID, own)
    assert rows(made.train)["z"]["image"] == b"bytes"
    assert rows(made.train)["z"]["product_key"] == "set/1"
    assert "gone" not in rows(made.train)
    assert made.facts.annotated_without_picture == 1


def test_the_version_follows_content_and_seed_not_the_order_of_rows(build, people):
    versions = {build(SAID, people, shuffle=n).version for n in range(4)}
    assert len(versions) == 1
    first = build(SAID, people)
    assert versions == {first.version}
    assert build(SAID, people, shuffle=3).train == first.train
    assert build(SAID[:-2], people).version != first.version


def test_the_seed_decides_the_rounding_of_repeats(build, make_annotations):
    said = [("red", f"r{n}") for n in range(40)] + [("blue", f"b{n}") for n in range(9)]
    said = [(t, [p]) for t, p in said]
    made = [build(said, make_annotations(), resample=ResampleConfig(), seed=s) for s in (0, 0, 1)]
    assert made[0].version == made[1].version != made[2].version
    assert max(made[0].train["repeat"].to_pylist()) > 1


def test_priors_are_those_of_the_resampled_training_set_weighted_by_confidence(
    build, make_annotations
):
    people = make_annotations(
        ("a", "a/0", "train", {"colour": "red"}), ("e", "a/4", "train", {"colour": "not_visible"})
    )
    made = build(SAID, people)
    # red 1 + .8, blue .8 + .8, not visible 1
    assert made.facts.priors["colour"] == pytest.approx([1.8 / 4.4, 1.6 / 4.4, 1 / 4.4])
    assert sum(made.facts.priors["neckline"]) == pytest.approx(1.0)


def test_values_with_little_support_are_named(build, people, monkeypatch):
    monkeypatch.setattr(dataset, "MIN_VALUE_SUPPORT", 2)
    made = build(SAID, people)
    assert made.facts.thin_values == [
        "neckline.crew",
        "neckline.v_neck",
        "neckline.deep_v",
        "colour.blue",
    ]


def test_facts_are_plain_and_count_what_is_there(build, people):
    facts = build(SAID, people).facts.to_json()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["pictures"] == {
        "train": 3,
        "val": 1,
        "annotated_train": 1,
        "titles": 2,
        "drawn": 3,
    }
    assert facts["support"] == {
        "train": {"neckline": 0, "colour": 3},
        "val": {"neckline": 1, "colour": 1},
    }


def test_titles_can_be_switched_off(build, people):
    assert set(rows(build(SAID, people, labels=LabelsConfig(titles=False)).train)) == {"a"}


def test_attributes_outside_the_trained_subset_are_ignored_and_reported(build, make_annotations):
    made = build(SAID, make_annotations(("a", "a/0", "train", {"colour": "red", "fit": "slim"})))
    assert made.facts.ignored_attributes == ["fit"]


def test_pictures_without_bytes_loaded_make_examples_without_bytes(
    small, make_pictures, make_annotations
):
    people = make_annotations(("a", "a/0", "train", {"colour": "red"}))
    pictures = make_pictures(("a", "0")).drop_columns("image")
    made = dataset.build(
        pictures, titles.TITLE_LABEL.empty_table(), people, small, LabelsConfig(), OFF, 0
    )
    assert made.train["image"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            {"colour": "rde"},
            r"annotations: attribute 'colour' has labels of value 'rde'.*Nearest: 'red'",
        ),
        ({"fit": "slim"}, r"labels are of fit, taxonomy small of neckline, colour"),
    ],
    ids=["value", "no attribute in common"],
)
def test_labels_that_contradict_the_taxonomy_are_refused(build, make_annotations, labels, message):
    with pytest.raises(DataError, match=message):
        build(SAID, make_annotations(("a", "a/0", "train", labels)))


def test_nothing_to_train_on_is_an_error(build, make_annotations):
    with pytest.raises(DataError, match="no picture of the split `train` has a label"):
        build([("no word", "a")], make_annotations(("a", "a/0", "val", {"colour": "red"})))


def test_of_too_many_titled_pictures_rare_values_and_annotations_are_kept(build, people):
    said = [*SAID, *((f"blue {n}", [f"b{n}"]) for n in range(200))]
    cfg = LabelsConfig(max_titled_pictures=20)
    drawn = [rows(build(said, people, labels=cfg, seed=seed).train) for seed in range(20)]
    assert {len(d) for d in drawn} == {21}, "20 titled pictures and the annotated one"
    assert all("a" in d for d in drawn)
    red = sum("d" in d for d in drawn) / 20
    blue = sum("b7" in d for d in drawn) / 20
    assert red > 0.6 > 0.3 > blue
    again = rows(build(said, people, labels=cfg, seed=3).train)
    assert set(again) == set(drawn[3]) != set(drawn[4])
