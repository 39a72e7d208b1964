"""What a term stands in: a part of the garment, another garment, a denial, a phrase that means something else."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from fashiontrend.labels.terms import LETTER, Term, is_letter, normalise
from fashiontrend.labels.words import SHIPPED, Lexicon
from fashiontrend.taxonomy import GARMENT_TYPE

Span = tuple[int, int]
#: What a part of a garment may have of its own.
OF_PARTS = frozenset({"fabric", "colour", "pattern", "dominant_detail"})
#: Small words that may stand between a word and the noun that it governs.
_ARTICLES = "a an the your any every all my un une le la les el los las il lo den dem der die das een het um o de di da"
#: No phrase before a term is longer, in letters.
_REACH = 48
#: Languages whose words hold in every text: Chinese needs no word boundary and disturbs no other.
_EVERYWHERE = "zh"


@dataclass(frozen=True)
class Context:
    """The compiled phrases of a language; None where it has none."""

    ignored: re.Pattern[str] | None
    part_after: re.Pattern[str] | None
    part_before: re.Pattern[str] | None
    other_garment: re.Pattern[str] | None
    negation: re.Pattern[str] | None

    def is_elsewhere(self, text: str, span: Span, attribute: str) -> bool:
        """Whether a term is denied, or is said of a part or of another garment."""
        before, after = text[: span[0]], text[span[1] :]
        if _ends(self.negation, before):
            return True
        if attribute == GARMENT_TYPE:
            return _ends(self.other_garment, before)
        if attribute not in OF_PARTS:
            return False
        return _ends(self.part_before, before) or bool(
            self.part_after and self.part_after.match(after)
        )


@lru_cache
def context_of(language: str, lexicon: Lexicon = SHIPPED) -> Context:
    """The context of a language, with Chinese beside it."""
    both = [lexicon.load(code) for code in dict.fromkeys((language, _EVERYWHERE))]
    articles = "|".join(_ARTICLES.split())
    return Context(
        ignored=_phrases(t for w in both for t in w.ignored),
        part_after=_group(rf"(?:e?s)? (?:{{}})(?!{LETTER})", both[0].parts_after),
        part_before=_group(
            rf"(?<!{LETTER})(?:{{}})s? (?:(?:{articles}|en|in|of|con|van) )?$", both[0].parts_before
        ),
        other_garment=_group(
            rf"(?<!{LETTER})(?:{{}})(?: (?:{articles}))? $", both[0].other_garments
        ),
        negation=_negation(t for w in both for t in w.negations),
    )


@lru_cache(maxsize=16)
def ignored_spans(text: str, language: str, lexicon: Lexicon = SHIPPED) -> tuple[Span, ...]:
    """The places of phrases that hold a term and do not mean it; every attribute of a text asks for them."""
    ignored = context_of(language, lexicon).ignored
    return tuple(m.span() for m in ignored.finditer(text)) if ignored else ()


def ignored_by(spans: Iterable[Span], term: Span) -> bool:
    """Whether a longer phrase overlaps a term, or one of its length that begins before it."""
    start, end = term
    return any(
        first < end
        and start < last
        and (last - first > end - start or (last - first == end - start and first < start))
        for first, last in spans
    )


def _ends(pattern: re.Pattern[str] | None, text: str) -> bool:
    """Whether a phrase ends a text; phrases are short, so its last letters tell."""
    return pattern is not None and pattern.search(text[-_REACH:]) is not None


def _group(form: str, phrases: Iterable[str]) -> re.Pattern[str] | None:
    found = sorted({re.escape(normalise(p)) for p in phrases}, key=lambda p: (-len(p), p))
    return re.compile(form.format("|".join(found))) if found else None


def _phrases(phrases: Iterable[str]) -> re.Pattern[str] | None:
    terms = sorted({Term.parse(p) for p in phrases}, key=lambda t: (-len(t.stem), t.stem))
    return re.compile("|".join(t.whole for t in terms)) if terms else None


def _negation(phrases: Iterable[str]) -> re.Pattern[str] | None:
    spaced: list[str] = []
    packed: list[str] = []
    for phrase in sorted({normalise(p) for p in phrases}):
        (spaced if is_letter(phrase[0]) else packed).append(re.escape(phrase))
    forms = [rf"(?<!{LETTER})(?:{'|'.join(spaced)}) "] * bool(spaced) + ["|".join(packed)] * bool(
        packed
    )
    return re.compile(f"(?:{'|'.join(forms)})$") if forms else None
