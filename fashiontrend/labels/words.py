"""Words that state a value: which there are, and where they stand in a text.

A word is compared in its normal form: lower case, full-width letters made plain, hyphens and
slashes as spaces, apostrophes left out. Latin words need a boundary at both ends and may stand
in the plural; Chinese ones are found inside a text.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NoReturn, TypeAlias

from fashiontrend import typed_yaml
from fashiontrend.errors import ConfigError
from fashiontrend.taxonomy import Attribute, Taxonomy, Value

Lines: TypeAlias = dict[typed_yaml.Path, int]

#: A letter or digit of a script that writes spaces between words.
_LETTER = r"[^\W_㐀-䶿一-鿿぀-ヿ가-힯]"
_SEPARATORS = re.compile(r"[\s\-_/‐-―−]+")
_APOSTROPHES = re.compile(r"['’ʼ]")


@dataclass(frozen=True)
class Rule:
    """A word in its normal form that states a value."""

    attribute: str
    value: str
    word: str


@dataclass(frozen=True)
class Rules:
    """All words, and the confidence of a label that one of them makes."""

    rules: tuple[Rule, ...]
    confidence: float = 0.8

    @cached_property
    def patterns(self) -> dict[str, tuple[re.Pattern[str], dict[str, frozenset[str]]]]:
        """Per attribute: one compiled pattern, and what each of its words means."""
        meanings: dict[str, dict[str, frozenset[str]]] = {}
        for rule in self.rules:
            words = meanings.setdefault(rule.attribute, {})
            words[rule.word] = words.get(rule.word, frozenset()) | {rule.value}
        return {a: (_compile(words), words) for a, words in meanings.items()}

    def without(self, dropped: Iterable[Rule]) -> "Rules":
        """The same rules, some of them left out."""
        gone = frozenset(dropped)
        return replace(self, rules=tuple(r for r in self.rules if r not in gone))


def compile_rules(
    taxonomy: Taxonomy, confidence: float = 0.8, text: str | None = None, source: str = "rules"
) -> Rules:
    """Collect the words of the taxonomy's names and synonyms, and the user's.

    Args:
        taxonomy: attributes and values that labels may state.
        confidence: of a label read from a title.
        text: YAML, attribute -> value -> [words]. A word that the taxonomy gives to another value
            of the attribute changes its meaning; a word that the taxonomy lacks is added.
        source: names the YAML in errors.

    Raises:
        ConfigError: unknown attribute or value, or not lists of words; with the line.
    """
    own = [Rule(*r) for r in _read_user_rules(taxonomy, text, source)] if text else []
    taken = {(r.attribute, r.word) for r in own}
    shipped = (
        Rule(attribute.id, value.id, word)
        for attribute in taxonomy.attributes
        for value in attribute.values
        for word in names_of(value)
    )
    kept = [r for r in shipped if (r.attribute, r.word) not in taken]
    return Rules(tuple(dict.fromkeys([*kept, *own])), confidence)


def names_of(value: Value) -> list[str]:
    """A value's words in normal form: names, each part of `Scoop / U neck`, and synonyms."""
    names = [part for name in (value.en, value.zh) for part in name.split("/")]
    return list(dict.fromkeys(w for w in map(normalise, [*names, *value.synonyms]) if w))


def normalise(text: str) -> str:
    """The form in which words and texts are compared."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return _SEPARATORS.sub(" ", _APOSTROPHES.sub("", plain)).strip()


def find(text: str, rules: Rules, attribute: str) -> tuple[Rule, ...]:
    """The words of an attribute in a normalised text, the longest first.

    Of words that overlap the longest counts, of equally long ones the first: a "deep v neck" is
    no "v neck". Words that stand apart all count, so that "red and blue" states two values.
    """
    pattern, meanings = rules.patterns[attribute]
    places = [(m.start(), m.start() + len(m.group(1)), m.group(1)) for m in pattern.finditer(text)]
    kept: list[tuple[int, int, str]] = []
    for start, end, word in sorted(places, key=lambda p: (p[0] - p[1], p[0])):
        if all(end <= first or start >= last for first, last, _ in kept):
            kept.append((start, end, word))
    return tuple(Rule(attribute, v, word) for *_, word in kept for v in sorted(meanings[word]))


def _compile(words: Iterable[str]) -> re.Pattern[str]:
    """One pattern over all words; at each place of a text it finds the longest word."""
    ordered = sorted(words, key=lambda w: (-len(w), w))
    spaced = "|".join(_branch(w) for w in ordered if _is_letter(w[0]))
    packed = "|".join(_branch(w) for w in ordered if not _is_letter(w[0]))
    choices = [rf"(?<!{_LETTER})(?:{spaced})"] * bool(spaced) + [packed] * bool(packed)
    return re.compile(rf"(?=({'|'.join(choices)}))")


def _branch(word: str) -> str:
    plural = rf"(?=(?:e?s)?(?!{_LETTER}))" if _is_letter(word[-1]) else ""
    return re.escape(word) + plural


def _is_letter(character: str) -> bool:
    return re.match(_LETTER, character) is not None


def _read_user_rules(taxonomy: Taxonomy, text: str, source: str) -> list[tuple[str, str, str]]:
    """(attribute, value, word) of the user's YAML, every name checked."""
    data, lines = typed_yaml.parse_yaml(text, source)
    found: list[tuple[str, str, str]] = []
    for attribute_id, values in _branches(data, source, (), lines):
        attribute = _known(taxonomy, attribute_id, source, lines)
        for value_id, words in _branches(values, source, (attribute_id,), lines):
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
            if not isinstance(words, list) or not all(
                isinstance(w, str) and normalise(w) for w in words
            ):
                _refuse(
                    source,
                    lines,
                    place,
                    f"seen {words!r}, expected a list of words in quotes",
                    "",
                    (),
                )
            found += [(attribute_id, value_id, normalise(w)) for w in words]
    _refuse_two_meanings(found, source, lines)
    return found


def _branches(data: Any, source: str, path: typed_yaml.Path, lines: Lines) -> list[tuple[str, Any]]:
    if data is None:
        return []
    if not isinstance(data, dict):
        _refuse(
            source, lines, path, f"seen {data!r}, expected attribute -> value -> [words]", "", ()
        )
    return [(str(k), v) for k, v in data.items()]


def _known(taxonomy: Taxonomy, attribute_id: str, source: str, lines: Lines) -> Attribute:
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


def _refuse_two_meanings(found: list[tuple[str, str, str]], source: str, lines: Lines) -> None:
    meant: dict[tuple[str, str], str] = {}
    for attribute, value, word in found:
        first = meant.setdefault((attribute, word), value)
        if first != value:
            _refuse(
                source,
                lines,
                (attribute, value),
                f"{word!r} means {first!r} already; keep one",
                "",
                (),
            )


def _refuse(
    source: str, lines: Lines, path: typed_yaml.Path, what: str, seen: str, names: tuple[str, ...]
) -> NoReturn:
    near = difflib.get_close_matches(seen, names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    line = f":{lines[path]}" if path in lines else ""
    raise ConfigError(f"{source}{line}: {typed_yaml.dotted(path)}: {what}.{hint}")
