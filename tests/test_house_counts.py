"""The scripts that count and read the house count and read what they say."""

import pytest

from tests.house_counts import Count, all_counts, as_markdown, is_fragment, settings
from tests.read_aloud import SOURCES_OF_TEXT, draw, sentences


@pytest.mark.parametrize(
    "description",
    [
        "Of one picture.",
        "Whose bodies are there and that one replica answers.",
        "YAML file.",
        "Maximum requests that one replica processes at once",
    ],
)
def test_a_description_that_needs_another_sentence_is_a_fragment(description):
    assert is_fragment(description)


@pytest.mark.parametrize(
    "description",
    [
        "Maximum requests that one replica processes at once.",
        "Read weak labels from titles and descriptions.",
        "If set, no more than this many titles are read.",
    ],
)
def test_a_description_that_says_what_is_set_is_no_fragment(description):
    assert not is_fragment(description)


def test_a_class_of_settings_that_stands_in_two_places_counts_once():
    names = [s.name for s in settings()]
    assert "serve.recogniser.min_replicas" in names
    assert "serve.tables.min_replicas" not in names


def test_no_module_is_named_by_a_string_and_none_imports_itself_in_a_circle():
    found = {c.measure: c for c in all_counts()}
    assert found["steps named by strings"].examples == ()
    assert found["module cycles"].examples == ()


def test_the_table_has_a_row_for_each_count():
    rows = as_markdown([Count("a", 1, "0"), Count("b", 2)]).splitlines()
    assert rows[2:] == ["| a | 1 | 0 |", "| b | 2 |  |"]


def test_sentences_are_cut_at_their_ends_and_not_inside_names():
    assert sentences("Reads a.yaml as it is. Writes nothing at all! No.") == [
        "Reads a.yaml as it is.",
        "Writes nothing at all!",
    ]


def test_a_seed_draws_the_same_sentences_from_every_source():
    first, again, other = draw(3, 5), draw(3, 5), draw(4, 5)
    assert first == again != other
    assert set(first) == set(SOURCES_OF_TEXT)
    assert all(len(found) == 5 for found in first.values())
