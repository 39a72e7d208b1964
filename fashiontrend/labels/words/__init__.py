"""The words of other languages than the taxonomy's, one YAML file a language, and which language a shop writes in.

A term may end with `*`, which stands for an ending of at most two letters, and begin or end with `~`,
which stands for the rest of a compound.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from importlib import resources

import yaml
from pydantic import Field

from fashiontrend import typed_yaml
from fashiontrend.errors import ConfigError
from fashiontrend.labels.terms import normalise
from fashiontrend.typed_yaml import Section

#: Languages with a file. English and Chinese terms stand in the taxonomy and hold in every shop.
LANGUAGES = ("de", "en", "es", "fr", "it", "nl", "pt", "zh")
#: What a shop without a known word is read in.
DEFAULT = "en"
#: In a user's own words: what holds in every language.
EVERY = "all"
#: The lists that a user may add words to; words for values stand in `labels.rules`.
OWN_LISTS = (
    "ignored", "parts_after", "parts_before", "other_garments", "negations", "not_garments", "departments", "clothing",
)  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")
#: A language is told from at least so many of its commonest words.
_FEWEST = 3


class LanguageWords(Section):
    """The words of one language.

    Attributes:
        stopwords: common words by which the language is known.
        ignored: phrases that hold a value's term and do not mean it.
        parts_after: parts of garments that make the term before them a part's own.
        parts_before: the same, where the part stands before the term.
        other_garments: words after which another garment is named.
        negations: words that deny the term after them.
        not_garments: words for what is no garment.
        departments: names of the shop's categories that hold no garments, such as "kitchen".
        clothing: names of categories that hold garments of every type; beside one of them, a department says nothing.
        values: attribute -> value -> terms.
    """

    stopwords: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    parts_after: tuple[str, ...] = ()
    parts_before: tuple[str, ...] = ()
    other_garments: tuple[str, ...] = ()
    negations: tuple[str, ...] = ()
    not_garments: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    clothing: tuple[str, ...] = ()
    values: dict[str, dict[str, tuple[str, ...]]] = Field(default_factory=dict)


@lru_cache
def load(language: str) -> LanguageWords:
    """Read the words of one of `LANGUAGES`."""
    text = resources.files(__name__).joinpath(f"{language}.yaml").read_text("utf-8")
    return LanguageWords.model_validate(yaml.safe_load(text))


@dataclass(frozen=True, eq=False)
class Lexicon:
    """The shipped words of every language, and a user's own beside them. It is compared by identity.

    Attributes:
        own: language, or `EVERY`, -> the user's words.
    """

    own: Mapping[str, LanguageWords] = field(default_factory=dict)
    _merged: dict[str, LanguageWords] = field(default_factory=dict, repr=False)

    def load(self, language: str) -> LanguageWords:
        """Return the words of one of `LANGUAGES`."""
        if language not in self._merged:
            added = [self.own[key] for key in (language, EVERY) if key in self.own]
            self._merged[language] = reduce(_merge, added, load(language))
        return self._merged[language]


SHIPPED = Lexicon()


def _merge(shipped: LanguageWords, own: LanguageWords) -> LanguageWords:
    lists = {name: (*getattr(shipped, name), *getattr(own, name)) for name in OWN_LISTS}
    return shipped.model_copy(update=lists)


def read_lexicon(text: str, source: str) -> Lexicon:
    """Read a user's own words: a language, or `all` for every language, -> list -> [words].

    Args:
        text: YAML. The lists are those of `OWN_LISTS`; their words are added to the shipped ones.
        source: name of the YAML in errors.

    Raises:
        ConfigError: a language or a list is unknown, or holds something else than words.
    """
    data, _ = typed_yaml.parse_yaml(text, source)
    if not isinstance(data or {}, dict):
        raise ConfigError(f"{source}: seen {data!r}, expected language -> list -> [words].")
    return Lexicon(
        {str(code): _own_words(str(code), lists, source) for code, lists in (data or {}).items()}
    )


def _own_words(code: str, lists: object, source: str) -> LanguageWords:
    if code not in (*LANGUAGES, EVERY):
        known = ", ".join((*LANGUAGES, EVERY))
        raise ConfigError(f"{source}: {code!r} is none of the languages {known}.")
    if not isinstance(lists, dict) or (lists.keys() - set(OWN_LISTS)):
        seen = sorted(map(str, lists.keys() - set(OWN_LISTS))) if isinstance(lists, dict) else lists
        raise ConfigError(
            f"{source}: {code}: seen {seen!r}, expected lists named {', '.join(OWN_LISTS)}."
        )
    for name, terms in lists.items():
        if not isinstance(terms, list) or not all(
            isinstance(t, str) and normalise(t.strip("~*")) for t in terms
        ):
            raise ConfigError(
                f"{source}: {code}.{name}: seen {terms!r}, expected a list of words in quotes."
            )
    return LanguageWords.model_validate(lists)


def guess_language(texts: Iterable[str]) -> str:
    """Return the language of `LANGUAGES` whose common words are the most frequent in some texts.

    Args:
        texts: titles and descriptions of one shop in normal form; more texts make the guess surer.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        words = Counter(_WORD.findall(text))
        for language in LANGUAGES:
            common = _stopwords(language)
            if language == "zh":
                counts[language] += sum(text.count(word) for word in common)
            else:
                counts[language] += sum(words[word] for word in common)
    best, count = max(counts.items(), key=lambda item: item[1], default=(DEFAULT, 0))
    return best if count >= _FEWEST else DEFAULT


@lru_cache
def _stopwords(language: str) -> tuple[str, ...]:
    """Words that no other language lists, of three letters or more: "a" and "de" stand in most languages."""
    listed = Counter(w for code in LANGUAGES for w in {normalise(x) for x in load(code).stopwords})
    own = dict.fromkeys(normalise(word) for word in load(language).stopwords)
    return tuple(w for w in own if listed[w] == 1 and (language == "zh" or len(w) > 2))
