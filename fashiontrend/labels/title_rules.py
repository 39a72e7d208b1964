"""Title rules: terms of a shop's text that state a value, and how they are found.

Terms and texts are compared in normal form: lower case, full-width letters as plain ones, hyphens
and slashes as spaces, apostrophes left out. Latin terms need a word boundary at both ends and may
be in the plural; Chinese terms are found anywhere in a text.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NoReturn, TypeAlias

from fashiontrend import typed_yaml
from fashiontrend.errors import ConfigError
from fashiontrend.taxonomy import Attribute, Taxonomy, Value

#: Path of a YAML node -> its line.
YamlLines: TypeAlias = dict[typed_yaml.KeyPath, int]

#: A letter or digit of a script with spaces between words.
_LETTER = r"[^\W_㐀-䶿一-鿿぀-ヿ가-힯]"
_SEPARATORS = re.compile(r"[\s\-_/‐-―−]+")
_APOSTROPHES = re.compile(r"['’ʼ]")


@dataclass(frozen=True)
class TitleRule:
    """A term in normal form that states a value of an attribute."""

    attribute: str
    value: str
    term: str


@dataclass(frozen=True)
class TitleRules:
    """All title rules, and the confidence of the labels that they make."""

    rules: tuple[TitleRule, ...]
    confidence: float = 0.8  # in [0, 1]

    @cached_property
    def patterns(self) -> dict[str, tuple[re.Pattern[str], dict[str, frozenset[str]]]]:
        """Attribute -> one compiled pattern of all its terms, and term -> its values."""
        meanings: dict[str, dict[str, frozenset[str]]] = {}
        for rule in self.rules:
            values = meanings.setdefault(rule.attribute, {})
            values[rule.term] = values.get(rule.term, frozenset()) | {rule.value}
        return {a: (_compile(values), values) for a, values in meanings.items()}

    def without(self, dropped: Iterable[TitleRule]) -> "TitleRules":
        """Return the rules without the dropped ones."""
        left_out = frozenset(dropped)
        return replace(self, rules=tuple(r for r in self.rules if r not in left_out))


def compile_rules(
    taxonomy: Taxonomy, confidence: float = 0.8, text: str | None = None, source: str = "rules"
) -> TitleRules:
    """Make rules of the taxonomy's names and synonyms, and of the user's own terms.

    Args:
        taxonomy: attributes and values that labels may state.
        confidence: confidence of the labels, in [0, 1].
        text: YAML, attribute -> value -> [terms]. A term that the taxonomy gives to another value
            of the attribute changes its meaning; a term that the taxonomy lacks is added.
        source: name of the YAML in errors.

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
    return TitleRules(tuple(dict.fromkeys([*kept, *own])), confidence)


def terms_of(value: Value) -> list[str]:
    """Return a value's terms in normal form: its names, with `A / B` as two, and its synonyms."""
    names = [part for name in (value.en, value.zh) for part in name.split("/")]
    return list(dict.fromkeys(t for t in map(normalise, [*names, *value.synonyms]) if t))


def normalise(text: str) -> str:
    """Return the normal form, in which terms and texts are compared."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return _SEPARATORS.sub(" ", _APOSTROPHES.sub("", plain)).strip()


def find_rules(text: str, rules: TitleRules, attribute: str) -> tuple[TitleRule, ...]:
    """Return the rules of an attribute that match a normalised text, the longest term first.

    If terms overlap, only the longest counts, and the first of equally long ones: a "deep v neck"
    is no "v neck". Terms that do not overlap all count: "red and blue" states two values.
    """
    pattern, meanings = rules.patterns[attribute]
    places = [(m.start(), m.start() + len(m.group(1)), m.group(1)) for m in pattern.finditer(text)]
    kept: list[tuple[int, int, str]] = []
    for start, end, term in sorted(places, key=lambda p: (p[0] - p[1], p[0])):
        if all(end <= first or start >= last for first, last, _ in kept):
            kept.append((start, end, term))
    return tuple(TitleRule(attribute, v, term) for *_, term in kept for v in sorted(meanings[term]))


def _compile(terms: Iterable[str]) -> re.Pattern[str]:
    """Compile one pattern of all terms, which finds the longest one at each place of a text."""
    ordered = sorted(terms, key=lambda t: (-len(t), t))
    spaced = "|".join(_term_pattern(t) for t in ordered if _is_letter(t[0]))
    packed = "|".join(_term_pattern(t) for t in ordered if not _is_letter(t[0]))
    choices = [rf"(?<!{_LETTER})(?:{spaced})"] * bool(spaced) + [packed] * bool(packed)
    return re.compile(rf"(?=({'|'.join(choices)}))")


def _term_pattern(term: str) -> str:
    plural = rf"(?=(?:e?s)?(?!{_LETTER}))" if _is_letter(term[-1]) else ""
    return re.escape(term) + plural


def _is_letter(character: str) -> bool:
    return re.match(_LETTER, character) is not None


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
