"""What is a garment: shops sell shoes, bags, gift cards and insurance beside what the taxonomy describes."""

import re
from functools import lru_cache

from fashiontrend.labels import words
from fashiontrend.labels.terms import Term
from fashiontrend.labels.title_rules import TitleRules, find_places
from fashiontrend.labels.words import DEFAULT
from fashiontrend.taxonomy import GARMENT_TYPE

Span = tuple[int, int]


def is_garment(category: str, title: str, rules: TitleRules, language: str = DEFAULT) -> bool:
    """Whether a product can be a garment, by its category first and by its title second.

    A text that names a garment type, and a text that names nothing, leave it one. If the rules know no
    garment types, the title decides nothing: "dress with belt" would be a belt.

    Args:
        category: the shop's own, in normal form; "" if it states none.
        title: in normal form.
        rules: give the terms of garment types.
        language: that the texts are written in.
    """
    others = _not_garments(language)
    if not (others.search(category) or others.search(title)):
        return True
    for text in (category, title):
        verdict = _names_garment(text, rules, language)
        if verdict is not None:
            return verdict
        if GARMENT_TYPE not in rules.patterns(language):
            return True
    return True


def _names_garment(text: str, rules: TitleRules, language: str) -> bool | None:
    """True if a text names a garment type, False if it names something else only, None if neither."""
    others = [m.span() for m in _not_garments(language).finditer(text)]
    patterns = rules.patterns(language)
    if GARMENT_TYPE in patterns:
        types = find_places(text, rules, GARMENT_TYPE, language)
        if any(not _covered(place, others) for place in types):
            return True
    values = [
        p for a in patterns if a != GARMENT_TYPE for p in find_places(text, rules, a, language)
    ]
    return False if any(not _covered(place, values) for place in others) else None


def _covered(place: Span, by: list[Span]) -> bool:
    """Whether a longer place holds a place: the cap of a "cap sleeve", the coat of a "dog coat"."""
    return any(
        first <= place[0] and place[1] <= last and last - first > place[1] - place[0]
        for first, last in by
    )


@lru_cache
def _not_garments(language: str) -> re.Pattern[str]:
    codes = dict.fromkeys((language, "en", "zh"))
    terms = {Term.parse(t) for code in codes for t in words.load(code).not_garments}
    ordered = sorted(terms, key=lambda t: (-len(t.stem), t.stem))
    return re.compile("|".join(t.whole for t in ordered))
