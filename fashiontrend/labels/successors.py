"""What became of the values of an older taxonomy, so that labels outlive its changes.

A value that was merged, renamed or moved is written into the crosswalk of the value that now holds its
meaning, as `attribute.value` under the name `was`:

    - {id: red, en: Red, zh: 红, crosswalk: {was: [colour.scarlet, colour.crimson]}}

Labels of the old value are then read as labels of the new one. A value that is only added needs nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fashiontrend.errors import ConfigError
from fashiontrend.taxonomy import NOT_VISIBLE, Taxonomy

#: Name of the crosswalk that lists what a value was.
WAS = "was"


class Successors:
    """Finds the value that holds the meaning of an older one."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        """Read the crosswalks.

        Raises:
            ConfigError: an older value is named twice, or is still a value.
        """
        self._known = {(a.id, v) for a in taxonomy.attributes for v in (*a.value_ids, NOT_VISIBLE)}
        self._now: dict[tuple[str, str], tuple[str, str]] = {}
        for attribute in taxonomy.attributes:
            for value in attribute.values:
                for name in value.crosswalk.get(WAS, ()):
                    self._add(name, (attribute.id, value.id))

    def _add(self, name: str, now: tuple[str, str]) -> None:
        attribute, dot, value = name.partition(".")
        old = (attribute, value)
        if not dot or old in self._known or self._now.get(old, now) != now:
            raise ConfigError(
                f"taxonomy: {'.'.join(now)} has the crosswalk `{WAS}: {name}`; expected attribute.value of an older "
                "taxonomy that is no value now and that no other value names. Correct the crosswalk."
            )
        self._now[old] = now

    def of(self, attribute: str, value: str) -> tuple[str, str] | None:
        """Return attribute and value that hold the meaning now; None if there is nothing to change."""
        return self._now.get((attribute, value))

    def carry(self, labels: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Return a picture's labels in today's terms; what it says of today's attribute itself wins."""
        stated = list(labels)
        kept = {a: v for a, v in stated if self.of(a, v) is None}
        moved = dict(now for a, v in stated if (now := self.of(a, v)) is not None)
        return {**moved, **kept}

    @property
    def any(self) -> bool:
        """Whether the taxonomy names any older value."""
        return bool(self._now)


@dataclass(frozen=True)
class TaxonomyChanges:
    """How a taxonomy differs from an older one; values are written as attribute.value.

    Attributes:
        added: values that the older one lacks.
        became: older value -> the value that holds its meaning now.
        removed: older values that nothing holds; their labels end a run with an error.
        names: values whose names or synonyms differ.
    """

    added: tuple[str, ...]
    became: Mapping[str, str]
    removed: tuple[str, ...]
    names: tuple[str, ...]

    def lines(self) -> list[str]:
        """What differs, what survives and what must run again, as sentences."""
        found = [f"{v} is new; no older label says whether a picture shows it." for v in self.added]
        found += [f"{old} is {new} now; its labels survive." for old, new in self.became.items()]
        found += [
            f"{v} is gone, and nothing says what became of it. Name it in the crosswalk `{WAS}` of a value, or take its "
            "labels out."
            for v in self.removed
        ]
        found += [
            f"{v} has other names; its labels survive, and titles are read anew."
            for v in self.names
        ]
        if not found:
            return ["Nothing that a model depends on differs."]
        return [
            *found,
            "The next run labels, trains the recogniser, recognises all pictures and trains the forecaster again. "
            "Earlier releases and their series stay as they are.",
        ]


def compare(old: Taxonomy, new: Taxonomy) -> TaxonomyChanges:
    """Compare a taxonomy with an older one."""
    before = {f"{a.id}.{v.id}": v for a in old.attributes for v in a.values}
    after = {f"{a.id}.{v.id}": v for a in new.attributes for v in a.values}
    successors = Successors(new)
    became = {
        name: ".".join(now)
        for name in before
        if name not in after and (now := successors.of(*name.split(".", 1)))
    }
    return TaxonomyChanges(
        tuple(n for n in after if n not in before),
        became,
        tuple(n for n in before if n not in after and n not in became),
        tuple(
            n
            for n, v in after.items()
            if n in before
            and (v.en, v.zh, v.synonyms) != (before[n].en, before[n].zh, before[n].synonyms)
        ),
    )
