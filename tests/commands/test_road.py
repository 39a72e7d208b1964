"""The doctor's signs on the way to a first keyword."""

from datetime import UTC, datetime, timedelta

import pytest

from fashiontrend import taxonomy
from fashiontrend.commands import road
from fashiontrend.config import Config
from fashiontrend.storage import layout, schemas
from fashiontrend.storage.object_store import open_store


@pytest.fixture
def config(tmp_path):
    return Config.model_validate(
        {
            "store": {"url": str(tmp_path / "store")},
            "attributes": ["colour", "pattern"],
            "crawl": {"platforms": [{"name": "a", "kind": "replay"}]},
            "accuracy_gate": {"min_support": 3},
            "perplexity_gate": {"min_days": 5},
        }
    )


def annotate(config, rows):
    table = schemas.ANNOTATION.empty_table()
    people = [
        {"picture_id": str(n), "split": split, "labels": list(labels.items())}
        for n, (split, labels) in enumerate(rows)
    ]
    made = type(table).from_pylist(people, schemas.ANNOTATION)
    facts = {"taxonomy": taxonomy.load().model_dump(mode="json")}
    open_store(config.store).commit_tables(
        layout.annotation_set("mine"), {"annotations": made}, facts
    )
    labels = config.labels.model_copy(update={"imported_sets": ("mine",)})
    return config.model_copy(update={"labels": labels})


def test_without_annotations_the_closed_gate_is_foretold(config):
    """Seen: the doctor was all green, and the first run ended with 10."""
    found = road.examine_labels(config)
    assert found.good
    assert found.due
    assert found.seen == "validation pictures: colour 0, pattern 0"
    assert "until each has 3" in found.advice


def test_attributes_that_are_short_are_named(config):
    rows = [("val", {"colour": "red", "pattern": "solid"}), ("train", {"pattern": "solid"})] * 2
    found = road.examine_labels(annotate(config, [*rows, ("val", {"colour": "red"})]))
    assert found.seen == "validation pictures: pattern 2"


def test_enough_annotations_are_good(config):
    found = road.examine_labels(
        annotate(config, [("val", {"colour": "red", "pattern": "solid"})] * 3)
    )
    assert (found.good, found.due) == (True, False)


def test_a_set_that_was_never_imported_is_a_fault(config):
    labels = config.labels.model_copy(update={"imported_sets": ("gone",)})
    assert not road.examine_labels(config.model_copy(update={"labels": labels})).good


def commit_days(config, count, passed=True):
    store, today = open_store(config.store), datetime.now(tz=UTC).date()
    for n in range(count):
        partition = layout.catalogue_day(today - timedelta(days=n), "a")
        verdict = {"gate": "health", "passed": passed}
        store.commit_tables(
            partition, {"listings": schemas.LISTING.empty_table()}, {"verdict": verdict}
        )
    return today


def test_the_days_to_go_are_counted_and_the_first_possible_date_named(config):
    today = commit_days(config, 2)
    found = road.examine_days(config)
    assert found.seen == "2 of 5 usable days"
    assert f"opens on {today + timedelta(days=3)}" in found.advice


def test_withheld_days_do_not_count_and_enough_are_good(config):
    commit_days(config, 5, passed=False)
    assert road.examine_days(config).seen == "0 of 5 usable days"


def test_enough_days_are_good(config):
    commit_days(config, 6)
    assert (road.examine_days(config).due, road.examine_days(config).seen) == (
        False,
        "6 usable days",
    )
