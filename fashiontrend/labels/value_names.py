"""The names by which people and labelling tools call the values of a taxonomy."""

from collections.abc import Mapping

from fashiontrend.taxonomy import NOT_VISIBLE, Taxonomy, Value

#: English and Chinese name of "not visible" in labelling tools.
NOT_VISIBLE_NAMES = ("Not visible", "看不出")


def fold(name: str) -> str:
    """Return a name as it is compared: without case, and with single spaces."""
    return " ".join(name.casefold().split())


def bilingual(english: str, chinese: str) -> str:
    """The name that a labelling tool shows: both languages, or one if they are the same."""
    return english if english == chinese else f"{english} · {chinese}"


class ValueNames:
    """Finds the value of an attribute by its id, its English or Chinese name, or both."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._ids: Mapping[str, Mapping[str, str]] = {
            a.id: _names(a.values) for a in taxonomy.attributes
        }

    def find(self, attribute: str, name: str) -> str | None:
        """Return the value's id, `not_visible`, or None if the attribute has no such value."""
        known = self._ids[attribute]
        return known.get(name) or known.get(fold(name)) or known.get(fold(name).replace(" ", "_"))


def _names(values: tuple[Value, ...]) -> dict[str, str]:
    found = {
        fold(n): NOT_VISIBLE
        for n in (NOT_VISIBLE, *NOT_VISIBLE_NAMES, bilingual(*NOT_VISIBLE_NAMES))
    }
    for name_of in (
        lambda v: bilingual(v.en, v.zh),
        lambda v: v.zh,
        lambda v: v.en,
        lambda v: v.id,
    ):
        found |= {fold(name_of(v)): v.id for v in values}  # ids come last, for they win
    return found
