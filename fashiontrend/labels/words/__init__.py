"""The words of other languages than the taxonomy's, one YAML file a language, and which language a shop writes in.

A term may end with `*`, which stands for an ending of at most two letters, and begin or end with `~`,
which stands for the rest of a compound.
"""

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources

import yaml
from pydantic import Field

from fashiontrend.labels.terms import normalise
from fashiontrend.typed_yaml import Section

#: Languages with a file. English and Chinese terms stand in the taxonomy and hold in every shop.
LANGUAGES = ("de", "en", "es", "fr", "it", "nl", "pt", "zh")
#: What a shop without a known word is read in.
DEFAULT = "en"
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
        values: attribute -> value -> terms.
    """

    stopwords: tuple[str, ...]
    ignored: tuple[str, ...]
    parts_after: tuple[str, ...]
    parts_before: tuple[str, ...]
    other_garments: tuple[str, ...]
    negations: tuple[str, ...]
    not_garments: tuple[str, ...]
    values: dict[str, dict[str, tuple[str, ...]]] = Field(default_factory=dict)


@lru_cache
def load(language: str) -> LanguageWords:
    """Read the words of one of `LANGUAGES`."""
    text = resources.files(__name__).joinpath(f"{language}.yaml").read_text("utf-8")
    return LanguageWords.model_validate(yaml.safe_load(text))


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
