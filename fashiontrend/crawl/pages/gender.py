"""Read from a shop's words for whom a product is."""

import re
import unicodedata
from collections.abc import Iterable

#: Value -> words of English, German, French, Spanish, Italian, Portuguese, Dutch and Chinese, without accents.
WORDS = {
    "girls": "girl girls girl's girls' madchen fille filles nina ninas bambina bambine menina meninas meisje"
    " meisjes 女童",
    "boys": "boy boys boy's boys' jungen junge garcon garcons nino ninos bambino bambini menino meninos jongen"
    " jongens 男童",
    "women": "women woman women's womens woman's womenswear ladies lady ladies' female femme femmes damen frauen"
    " dame dames mujer mujeres donna"
    " donne mulher mulheres feminino feminina vrouw vrouwen 女 女装 女士",
    "men": "men man men's mens man's menswear male homme hommes herren manner hombre hombres uomo uomini homem"
    " homens masculino heren mannen"
    " 男 男装 男士",
    "unisex": "unisex genderless gender-neutral",
}  # fmt: skip
_BY_WORD = {word: value for value, words in WORDS.items() for word in words.split()}
_WORD = re.compile(r"[\w'-]+")


def read_gender(texts: Iterable[object]) -> str | None:
    """Return for whom a product is, from the first text that says so.

    A text that names women and men says `unisex`; one of boys and girls says nothing.

    Args:
        texts: what the shop states, the surest first: a field, a category, a tag, a title.

    Returns:
        `women`, `men`, `unisex`, `girls` or `boys`, None if no text tells.
    """
    for text in texts:
        found = {v for w in _words(text) if (v := _BY_WORD.get(w)) is not None}
        if len(found) == 1:
            return found.pop()
        if found >= {"women", "men"} or "unisex" in found:
            return "unisex"
    return None


def _words(text: object) -> list[str]:
    if not isinstance(text, str):
        return []
    plain = unicodedata.normalize("NFKD", text.replace("’", "'").lower())
    return _WORD.findall("".join(c for c in plain if not unicodedata.combining(c)))
