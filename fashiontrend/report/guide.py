"""The annotators' guide: what each value is called, how it looks, and with what it is confused."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader

from fashiontrend.taxonomy import Attribute, Taxonomy

#: Pairs of values that an attribute's section names, the most often confused first.
PAIRS = 5


@dataclass(frozen=True)
class ConfusedPair:
    """Two values that the recogniser takes for one another, in either direction."""

    first: str
    second: str
    pictures: int


@dataclass(frozen=True)
class GuideExample:
    """A picture that shows a value, and who says so: `people` or `titles`."""

    image: bytes
    source: str

    @property
    def address(self) -> str:
        """The picture as an address that holds it whole."""
        kind = "png" if self.image.startswith(b"\x89PNG") else "jpeg"
        return f"data:image/{kind};base64,{base64.b64encode(self.image).decode()}"


@dataclass(frozen=True)
class GuideInput:
    """What the guide shows.

    Attributes:
        taxonomy: attributes and values.
        examples: (attribute, value) -> pictures that show it.
        confusions: attribute -> pairs that are often confused.
    """

    taxonomy: Taxonomy
    examples: Mapping[tuple[str, str], Sequence[GuideExample]]
    confusions: Mapping[str, Sequence[ConfusedPair]]


def find_confused(
    attribute: Attribute, confusion: Sequence[Sequence[int]]
) -> tuple[ConfusedPair, ...]:
    """The pairs of values that are most often taken for one another.

    Args:
        attribute: of the V values.
        confusion: (V + 1) rows of truth by V + 1 columns of predictions; the last one is "not visible".
    """
    names = [*(v.en for v in attribute.values), "Not visible"]
    if len(confusion) != len(names):
        return ()
    found = [
        ConfusedPair(names[i], names[j], confusion[i][j] + confusion[j][i])
        for i in range(len(names))
        for j in range(i)
    ]
    often = sorted((p for p in found if p.pictures), key=lambda p: -p.pictures)
    return tuple(often[:PAIRS])


def build_guide(data: GuideInput) -> str:
    """Write the guide as one HTML page that needs no other file."""
    environment = Environment(loader=PackageLoader("fashiontrend.report"), autoescape=True)
    return environment.get_template("guide.html.j2").render(
        taxonomy=data.taxonomy, examples=data.examples, confusions=data.confusions
    )
