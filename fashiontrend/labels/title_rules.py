"""Title rules: terms of a shop's text that state a value, and how they are found.

The taxonomy's English and Chinese terms hold in every shop; those of another language in the shops
that write in it.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn, TypeAlias

from fashiontrend import typed_yaml
from fashiontrend.errors import ConfigError
from fashiontrend.labels import words
from fashiontrend.labels.context import context_of, ignored_by, ignored_spans
from fashiontrend.labels.terms import Term, compile_terms, normalise
from fashiontrend.labels.words import DEFAULT, SHIPPED, Lexicon
from fashiontrend.taxonomy import Attribute, Taxonomy, Value

#: Path of a YAML node -> its line.
YamlLines: TypeAlias = dict[typed_yaml.KeyPath, int]


@dataclass(frozen=True)
class TitleRule:
    """A term in normal form, or as a word file writes it, that states a value of an attribute."""

    attribute: str
    value: str
    term: str


#: A compiled pattern of all terms of an attribute, and stem -> its values.
Meanings: TypeAlias = tuple[re.Pattern[str], dict[str, frozenset[TitleRule]]]


@dataclass(frozen=True)
class TitleRules:
    """All title rules, and the confidence of the labels that they make."""

    rules: tuple[TitleRule, ...]
    confidence: float = 0.8  # in [0, 1]
    foreign: Mapping[str, tuple[TitleRule, ...]] = field(default_factory=dict)  # language -> rules
    lexicon: Lexicon = SHIPPED  # the words around them
    _compiled: dict[str, dict[str, Meanings]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def patterns(self, language: str = DEFAULT) -> dict[str, Meanings]:
        """Attribute -> its terms in texts of a language."""
        if language not in self._compiled:
            self._compiled[language] = self._compile([*self.rules, *self.foreign.get(language, ())])
        return self._compiled[language]

    def without(self, dropped: Iterable[TitleRule]) -> "TitleRules":
        """Return the rules without the dropped ones, in every language."""
        left_out = frozenset(dropped)

        def keep(rules: Iterable[TitleRule]) -> tuple[TitleRule, ...]:
            return tuple(r for r in rules if r not in left_out)

        foreign = {language: keep(rules) for language, rules in self.foreign.items()}
        return TitleRules(keep(self.rules), self.confidence, foreign, self.lexicon)

    @staticmethod
    def _compile(rules: Iterable[TitleRule]) -> dict[str, Meanings]:
        terms: dict[str, set[Term]] = {}
        meanings: dict[str, dict[str, frozenset[TitleRule]]] = {}
        for rule in rules:
            term = Term.parse(rule.term)
            terms.setdefault(rule.attribute, set()).add(term)
            stems = meanings.setdefault(rule.attribute, {})
            stems[term.stem] = stems.get(term.stem, frozenset()) | {rule}
        return {a: (compile_terms(t), meanings[a]) for a, t in terms.items()}


def compile_rules(
    taxonomy: Taxonomy,
    confidence: float = 0.8,
    text: str | None = None,
    source: str = "rules",
    lexicon: Lexicon = SHIPPED,
) -> TitleRules:
    """Make rules of the taxonomy's names and synonyms, and of the user's own terms.

    Args:
        taxonomy: attributes and values that labels may state.
        confidence: confidence of the labels, in [0, 1].
        text: YAML, attribute -> value -> [terms]. A term that the taxonomy gives to another value
            of the attribute changes its meaning; a term that the taxonomy lacks is added.
        source: name of the YAML in errors.
        lexicon: the words around terms, and those for what is no garment.

    Raises:
        ConfigError: an attribute or value is unknown, or terms are no list; with the line.
    """
    own = [TitleRule(*r) for r in _read_user_rules(taxonomy, text, source)] if text else []
    taken = {(r.attribute, r.term) for r in own}
    shipped = (
        TitleRule(attribute.id, value.id, term)
        for attribute in taxonomy.attributes
        for value in attribute.values
        for term in terms_of(value)
    )
    kept = [r for r in shipped if (r.attribute, r.term) not in taken]
    foreign = {code: tuple(_foreign_rules(taxonomy, code)) for code in words.LANGUAGES}
    return TitleRules(tuple(dict.fromkeys([*kept, *own])), confidence, foreign, lexicon)


def _foreign_rules(taxonomy: Taxonomy, language: str) -> Iterator[TitleRule]:
    """The rules of a word file, of the attributes and values that the taxonomy has."""
    for attribute, values in words.load(language).values.items():
        if attribute in taxonomy.ids:
            known = taxonomy.attribute(attribute).value_ids
            for value in (v for v in values if v in known):
                yield from (TitleRule(attribute, value, term) for term in values[value])


def terms_of(value: Value) -> list[str]:
    """Return a value's terms in normal form: its names, with `A / B` as two, and its synonyms."""
    names = [part for name in (value.en, value.zh) for part in name.split("/")]
    return list(dict.fromkeys(t for t in map(normalise, [*names, *value.synonyms]) if t))


def find_rules(
    text: str, rules: TitleRules, attribute: str, language: str = DEFAULT
) -> tuple[TitleRule, ...]:
    """Return the rules of an attribute that match a normalised text, the longest term first.

    If terms overlap, only the longest counts, and the first of equally long ones: a "deep v neck"
    is no "v neck". Terms that do not overlap all count: "red and blue" states two values. A term
    does not count inside a phrase that means something else, after a denial, of a part of the
    garment, or of another garment (`context`).
    """
    meanings = rules.patterns(language)[attribute][1]
    return tuple(
        rule
        for start, end in find_places(text, rules, attribute, language)
        for rule in sorted(meanings[text[start:end]], key=lambda r: (r.value, r.term))
    )


def find_places(
    text: str, rules: TitleRules, attribute: str, language: str = DEFAULT
) -> list[tuple[int, int]]:
    """Return where the terms stand that `find_rules` counts, in its order."""
    pattern = rules.patterns(language)[attribute][0]
    around = context_of(language, rules.lexicon)
    ignored = ignored_spans(text, language, rules.lexicon)
    places = [(m.start(), m.start() + len(m.group(1))) for m in pattern.finditer(text)]
    kept: list[tuple[int, int]] = []
    for start, end in sorted(places, key=lambda p: (p[0] - p[1], p[0])):
        if all(end <= first or start >= last for first, last in kept):
            kept.append((start, end))
    return [
        place
        for place in kept
        if not ignored_by(ignored, place) and not around.is_elsewhere(text, place, attribute)
    ]


def _read_user_rules(taxonomy: Taxonomy, text: str, source: str) -> list[tuple[str, str, str]]:
    """Return (attribute, value, term) of the user's YAML, with every name checked."""
    data, lines = typed_yaml.parse_yaml(text, source)
    found: list[tuple[str, str, str]] = []
    for attribute_id, values in _branches(data, source, (), lines):
        attribute = _known(taxonomy, attribute_id, source, lines)
        for value_id, terms in _branches(values, source, (attribute_id,), lines):
            place = (attribute_id, value_id)
            if value_id not in attribute.value_ids:
                _refuse(
                    source,
                    lines,
                    place,
                    f"attribute {attribute_id!r} has no value {value_id!r}",
                    value_id,
                    attribute.value_ids,
                )
            if not isinstance(terms, list) or not all(
                isinstance(t, str) and normalise(t) for t in terms
            ):
                _refuse(
                    source,
                    lines,
                    place,
                    f"seen {terms!r}, expected a list of words in quotes",
                    "",
                    (),
                )
            found += [(attribute_id, value_id, normalise(t)) for t in terms]
    _refuse_two_meanings(found, source, lines)
    return found


def _branches(
    data: object, source: str, path: typed_yaml.KeyPath, lines: YamlLines
) -> list[tuple[str, object]]:
    if data is None:
        return []
    if not isinstance(data, dict):
        _refuse(
            source, lines, path, f"seen {data!r}, expected attribute -> value -> [words]", "", ()
        )
    return [(str(k), v) for k, v in data.items()]


def _known(taxonomy: Taxonomy, attribute_id: str, source: str, lines: YamlLines) -> Attribute:
    if attribute_id not in taxonomy.ids:
        _refuse(
            source,
            lines,
            (attribute_id,),
            f"taxonomy {taxonomy.version} has no attribute {attribute_id!r}",
            attribute_id,
            taxonomy.ids,
        )
    return taxonomy.attribute(attribute_id)


def _refuse_two_meanings(found: list[tuple[str, str, str]], source: str, lines: YamlLines) -> None:
    meant: dict[tuple[str, str], str] = {}
    for attribute, value, term in found:
        first = meant.setdefault((attribute, term), value)
        if first != value:
            _refuse(
                source,
                lines,
                (attribute, value),
                f"{term!r} means {first!r} already; keep one",
                "",
                (),
            )


def _refuse(
    source: str,
    lines: YamlLines,
    path: typed_yaml.KeyPath,
    what: str,
    seen: str,
    names: tuple[str, ...],
) -> NoReturn:
    near = difflib.get_close_matches(seen, names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    line = f":{lines[path]}" if path in lines else ""
    raise ConfigError(f"{source}{line}: {typed_yaml.dotted(path)}: {what}.{hint}")
