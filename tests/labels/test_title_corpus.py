"""Titles of eight languages by a writer who had not seen the word files: precision and recall of the labels.

The floors are what the first version of the word files reached, before anybody looked at a title; `-s`
prints the numbers. tests/labels/titles/README.md says what a title states.
"""

import csv
from pathlib import Path

import pytest

from fashiontrend.labels import title_rules, titles
from fashiontrend.labels.garments import is_garment
from fashiontrend.labels.terms import normalise

FOLDER = Path(__file__).with_name("titles")
#: Language -> lowest precision and recall.
FLOORS = {
    "de": (0.92, 0.96), "en": (0.88, 0.93), "es": (0.94, 0.98), "fr": (0.94, 0.94),
    "it": (0.94, 0.96), "nl": (0.93, 0.94), "pt": (0.96, 0.95), "zh": (0.92, 0.94),
}  # fmt: skip


@pytest.fixture(scope="module")
def rules(shipped):
    return title_rules.compile_rules(shipped)


def read(row, taxonomy, rules, language):
    title, kind = normalise(row["title"]), normalise(row["product_type"] or "")
    if not is_garment(kind, title, rules, language):
        return set()
    found = titles.read_texts((title,), taxonomy, rules, language)
    return {(rule.attribute, rule.value) for rule in found}


@pytest.mark.parametrize("language", FLOORS)
def test_labels_from_titles_are_right_and_most_stated_values_are_found(shipped, rules, language):
    with (FOLDER / f"{language}.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    right = made = stated = 0
    for row in rows:
        expected = {tuple(p.split("=")) for p in row["expected"].split(";") if p}
        expected = {(a, v) for a, v in expected if a in shipped.ids}
        found = read(row, shipped, rules, language)
        right, made, stated = (
            right + len(found & expected),
            made + len(found),
            stated + len(expected),
        )
    precision, recall = right / made, right / stated
    print(f"{language}: {len(rows)} titles, precision {precision:.3f}, recall {recall:.3f}")
    assert precision >= FLOORS[language][0]
    assert recall >= FLOORS[language][1]
