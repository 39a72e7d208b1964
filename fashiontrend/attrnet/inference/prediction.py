"""The prediction for one picture, in a form that servers and files can write, and how it is decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from fashiontrend.taxonomy import GARMENT_TYPE, NOT_VISIBLE, Attribute, Taxonomy

if TYPE_CHECKING:  # the API's client reads predictions in an environment without numpy
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.floating[Any]]

#: x0, y0, x1, y1 in pixels of the original picture, held upright.
Box: TypeAlias = tuple[float, float, float, float]


class Status(StrEnum):
    """Whether an attribute has a value in a picture, and if not, why."""

    PRESENT = "present"
    NOT_VISIBLE = "not_visible"
    UNCERTAIN = "uncertain"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True)
class Choice:
    """A class of an attribute: its id, its name in the taxonomy's English, its probability."""

    value: str
    name: str
    confidence: float


@dataclass(frozen=True)
class AttributePrediction:
    """One attribute of one picture.

    Attributes:
        status: `uncertain` if the best class is less likely than the caller's minimum.
        value: id of the likeliest value; None if it is not visible or not applicable.
        name: its English name.
        confidence: calibrated probability of the likeliest class, "not visible" included.
        top_k: the likeliest classes, best first; `not_visible` may be among them.
    """

    status: Status
    value: str | None
    name: str | None
    confidence: float
    top_k: tuple[Choice, ...] = ()


@dataclass(frozen=True)
class GarmentPrediction:
    """The garment in one picture.

    Attributes:
        attributes: by id, in the taxonomy's order; empty if there is a problem.
        box: place of the garment; None if none was found.
        score: probability that the picture shows a garment.
        size: width and height of the upright picture in pixels.
        embedding: (embedding_dim,) the vector that the classifiers read; None unless requested.
        problem: why the picture could not be read; None if it could.
    """

    attributes: Mapping[str, AttributePrediction] = field(default_factory=dict)
    box: Box | None = None
    score: float = 0.0
    size: tuple[int, int] = (0, 0)
    embedding: tuple[float, ...] | None = None
    problem: str | None = None


def decide(
    probs: "Mapping[str, Floats]", taxonomy: Taxonomy, top_k: int = 0, min_confidence: float = 0.0
) -> dict[str, AttributePrediction]:
    """Decide every attribute of one picture.

    Args:
        probs: (V + 1,) calibrated, per attribute, under the prior that decisions are made for.
        taxonomy: gives values, names, and which attributes a garment type can have.
        top_k: number of classes to list.
        min_confidence: a best class below it is `uncertain`; its value is returned all the same.
    """
    decided = {
        a.id: _decide_one(probs[a.id], a, top_k, min_confidence) for a in taxonomy.attributes
    }
    garment = decided.get(GARMENT_TYPE)
    if garment is None or garment.value is None:
        return decided
    return {
        a: attribute
        if a == GARMENT_TYPE or taxonomy.applies(a, garment.value)
        else AttributePrediction(
            Status.NOT_APPLICABLE, None, None, attribute.confidence, attribute.top_k
        )
        for a, attribute in decided.items()
    }


def _decide_one(
    probs: "Floats", attribute: Attribute, top_k: int, min_confidence: float
) -> AttributePrediction:
    order = (-probs).argsort(kind="stable")
    choices = [_choice(attribute, int(n), float(probs[n])) for n in order[: max(top_k, 1)]]
    best = choices[0]
    listed = tuple(choices[:top_k])
    hidden = best.value == NOT_VISIBLE
    status = Status.NOT_VISIBLE if hidden else Status.PRESENT
    if best.confidence < min_confidence:
        status = Status.UNCERTAIN
    value, name = (None, None) if hidden else (best.value, best.name)
    return AttributePrediction(status, value, name, best.confidence, listed)


def _choice(attribute: Attribute, index: int, confidence: float) -> Choice:
    if index == attribute.not_visible:
        return Choice(NOT_VISIBLE, NOT_VISIBLE, confidence)
    value = attribute.values[index]
    return Choice(value.id, value.en, confidence)
