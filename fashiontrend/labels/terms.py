"""Terms in texts: the normal form in which they are compared, and the patterns that find them.

Normal form is lower case, Latin letters without accents, full-width letters as plain ones, hyphens and
slashes as spaces, apostrophes left out. Latin terms need a word boundary at both ends and may be in
the plural; Chinese terms are found anywhere in a text.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

#: A letter or digit of a script with spaces between words.
LETTER = r"[^\W_㐀-䶿一-鿿぀-ヿ가-힯]"
_SEPARATORS = re.compile(r"[\s\-_/‐-―−]+")
_APOSTROPHES = re.compile(r"['’ʼ]")
#: Endings of a plural, and those that `*` stands for.
_PLURAL, _ENDING = r"(?:e?s)?", r"[^\W\d_]{0,2}"


def normalise(text: str) -> str:
    """Return the normal form, in which terms and texts are compared."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    bare = plain if plain.isascii() else "".join(map(_without_accent, plain))
    return _SEPARATORS.sub(" ", _APOSTROPHES.sub("", bare)).strip()


def _without_accent(letter: str) -> str:
    first = unicodedata.normalize("NFD", letter)[0]
    return first if first.isascii() else letter


@dataclass(frozen=True)
class Term:
    """A term as a word file writes it.

    Attributes:
        stem: in normal form, which stands in the text itself.
        begins_open: letters may stand before it (`~pullover`).
        ends_open: letters may stand after it (`rollkragen~`).
        inflected: it may end with two further letters (`rot*`).
    """

    stem: str
    begins_open: bool = False
    ends_open: bool = False
    inflected: bool = False

    @classmethod
    def parse(cls, text: str) -> "Term":
        """Read a term with its marks."""
        stem = normalise(text.strip("~*"))
        return cls(stem, text.startswith("~"), text.endswith("~"), text.endswith("*"))

    @property
    def needs_boundary(self) -> bool:
        """Whether no letter may stand before it."""
        return is_letter(self.stem[0]) and not self.begins_open

    @property
    def tail(self) -> str:
        """A regular expression of the term without what has to stand before it."""
        ending = _ENDING if self.inflected else _PLURAL
        closed = is_letter(self.stem[-1]) and not self.ends_open
        return re.escape(self.stem) + (rf"(?={ending}(?!{LETTER}))" if closed else "")

    @property
    def pattern(self) -> str:
        """A regular expression of the term."""
        return (rf"(?<!{LETTER})" if self.needs_boundary else "") + self.tail

    @property
    def whole(self) -> str:
        """A regular expression of the whole word or words that hold the term."""
        before = rf"(?<!{LETTER}){LETTER}*" if self.begins_open else ""
        after = rf"{LETTER}*" if self.ends_open else ""
        return f"{before}{self.pattern}{after}" if before or after else self.pattern


def compile_terms(terms: Iterable[Term]) -> re.Pattern[str]:
    """Compile one pattern of all terms, which finds the longest one at each place of a text.

    The boundary is looked for once, not for every term: most places of a text have none.
    """
    ordered = sorted(set(terms), key=lambda t: (-len(t.stem), t.stem))
    anywhere = [t.tail for t in ordered if not t.needs_boundary]
    choices = [rf"(?<!{LETTER})(?:{'|'.join(t.tail for t in ordered)})"]
    choices += ["|".join(anywhere)] if anywhere else []
    return re.compile(rf"(?=({'|'.join(choices)}))")


def is_letter(character: str) -> bool:
    """Whether a character is a letter or digit of a script with spaces between words."""
    return re.match(LETTER, character) is not None
