"""What is a garment: shops sell shoes, bags, gift cards and insurance beside what the taxonomy describes."""

import re
from collections.abc import Iterable
from functools import lru_cache

from fashiontrend.labels.terms import Term
from fashiontrend.labels.title_rules import TitleRules, find_places
from fashiontrend.labels.words import DEFAULT, Lexicon
from fashiontrend.taxonomy import GARMENT_TYPE

Span = tuple[int, int]
#: What stands between the names of a category and those above it.
_LEVELS = re.compile(r"\s*[>|›»:;]\s*")
#: Languages in which the last noun names the thing: a "coat rack" is a rack.
_HEAD_LAST = ("de", "en", "nl", "zh")
#: What stands between a garment and the thing that is named after it, and between a thing and what it is made for.
_ADJACENT = re.compile(r"(?:e?s)? ?")
_MADE_FOR = re.compile(r"(?:e?s)? (?:(?:de|d|du|des|pour|a|para|per|da|di|del|della|do) )?")


def is_garment(category: str, title: str, rules: TitleRules, language: str = DEFAULT) -> bool:
    """Whether a product can be a garment, by its category first and by its title second.

    A text that names a garment type, and a text that names nothing, leave it one. The most special name of
    the category that decides does. If the rules know no garment types, the title decides nothing: "dress with
    belt" would be a belt.

    Args:
        category: the shop's own, in normal form; "" if it states none.
        title: in normal form.
        rules: give the terms of garment types, and the words for what is none.
        language: that the texts are written in.
    """
    for name in reversed(_LEVELS.split(category)):
        verdict = _names_garment(name, rules, language)
        if verdict is None and _is_department(name, rules, language):
            verdict = False
        if verdict is not None:
            return verdict
    if GARMENT_TYPE not in rules.patterns(language):
        return True
    return _names_garment(title, rules, language) is not False


def _names_garment(text: str, rules: TitleRules, language: str) -> bool | None:
    """True if a text names a garment type, False if it names something else only, None if neither."""
    patterns = rules.patterns(language)
    others = [m.span() for m in _any_word(language, rules.lexicon, "not_garments").finditer(text)]
    if others:
        values = [
            p for a in patterns if a != GARMENT_TYPE for p in find_places(text, rules, a, language)
        ]
        others = [place for place in others if not _covered(place, values)]
    if GARMENT_TYPE in patterns:
        types = find_places(text, rules, GARMENT_TYPE, language)
        if any(not _covered(p, others) and not _belongs(text, p, others, language) for p in types):
            return True
    return False if others else None


def _is_department(name: str, rules: TitleRules, language: str) -> bool:
    """Whether a name of a category is one of a department without garments."""
    if _any_word(language, rules.lexicon, "clothing").search(name):
        return False
    return _any_word(language, rules.lexicon, "departments").search(name) is not None


def _covered(place: Span, by: list[Span]) -> bool:
    """Whether a longer place holds a place: the cap of a "cap sleeve", the coat of a "dog coat"."""
    return any(
        first <= place[0] and place[1] <= last and last - first > place[1] - place[0]
        for first, last in by
    )


def _belongs(text: str, place: Span, others: list[Span], language: str) -> bool:
    """Whether a garment is only what another thing is for: the coat of a "coat rack", of a "cintre pour manteau"."""
    first, last = place
    if language in _HEAD_LAST:
        return any(_ADJACENT.fullmatch(text, last, other) for other, _ in others if other >= last)
    return any(_MADE_FOR.fullmatch(text, other, first) for _, other in others if other <= first)


@lru_cache
def _any_word(language: str, lexicon: Lexicon, name: str) -> re.Pattern[str]:
    """The words of one list in a language, in English and in Chinese; longer ones come first."""
    codes = dict.fromkeys((language, "en", "zh"))
    return _compile(t for code in codes for t in getattr(lexicon.load(code), name))


def _compile(written: Iterable[str]) -> re.Pattern[str]:
    terms = sorted({Term.parse(t) for t in written}, key=lambda t: (-len(t.stem), t.stem))
    return re.compile("|".join(t.whole for t in terms) or r"(?!)")
