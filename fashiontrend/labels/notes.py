"""What a reader of labels understood otherwise than written, or left out: each kind counted, with its first place."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Note:
    """A kind of thing that a reader left out or understood otherwise."""

    what: str
    number: int
    first: str  # where it was seen first

    def __str__(self) -> str:
        return f"{self.what}: {self.number} ({self.first} is the first)"


@dataclass
class Notes:
    """Counts kinds of things in the order in which they are first seen."""

    _numbers: dict[str, int] = field(default_factory=dict)
    _first: dict[str, str] = field(default_factory=dict)

    def add(self, what: str, place: str) -> None:
        """Count one more of a kind, seen at a place."""
        self._numbers[what] = self._numbers.get(what, 0) + 1
        self._first.setdefault(what, place)

    def all(self) -> tuple[Note, ...]:
        """All kinds with their numbers."""
        return tuple(Note(what, n, self._first[what]) for what, n in self._numbers.items())
