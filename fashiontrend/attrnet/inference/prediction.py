"""What the recogniser says of one picture, in a form that servers and files can write down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fashiontrend.taxonomy import GARMENT_TYPE, NOT_VISIBLE, Attribute, Taxonomy

#: x0, y0, x1, y1 in pixels of the original picture, held upright.
Box: TypeAlias = tuple[float, float, float, float]
Floats: TypeAlias = NDArray[np.floating[Any]]


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
class AttributeAnswer:
    """One attribute of one picture.

    Attributes:
        status: `uncertain` where the best class is less likely than the caller's minimum.
        value: id of the likeliest value; None where it is not visible or not applicable.
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
class Answer:
    """One picture.

    Attributes:
        attributes: by id, in the taxonomy's order; empty where there is a problem.
        box: where the garment is; None where none was found.
        score: probability that the picture shows a garment.
        size: width and height of the upright picture in pixels.
        embedding: (embedding_dim,) the vector that the classifiers read, if asked for.
        problem: why the picture could not be read; None if it could.
    """

    attributes: Mapping[str, AttributeAnswer] = field(default_factory=dict)
    box: Box | None = None
    score: float = 0.0
    size: tuple[int, int] = (0, 0)
    embedding: tuple[float, ...] | None = None
    problem: str | None = None


def decide(
    probs: Mapping[str, Floats], taxonomy: Taxonomy, top_k: int = 0, min_confidence: float = 0.0
) -> dict[str, AttributeAnswer]:
    """Decide every attribute of one picture.

    Args:
        probs: (V + 1,) calibrated, per attribute, under the prior that decisions are made for.
        taxonomy: gives values, names, and which attributes a garment type can have.
        top_k: how many classes to list.
        min_confidence: a best class below it is `uncertain`; its value is told all the same.
    """
    answers = {
        a.id: _decide_one(probs[a.id], a, top_k, min_confidence) for a in taxonomy.attributes
    }
    garment = answers.get(GARMENT_TYPE)
    if garment is None or garment.value is None:
        return answers
    return {
        a: answer
        if a == GARMENT_TYPE or taxonomy.applies(a, garment.value)
        else AttributeAnswer(Status.NOT_APPLICABLE, None, None, answer.confidence, answer.top_k)
        for a, answer in answers.items()
    }


def _decide_one(
    probs: Floats, attribute: Attribute, top_k: int, min_confidence: float
) -> AttributeAnswer:
    order = np.argsort(-np.asarray(probs), kind="stable")
    choices = [_choice(attribute, int(n), float(probs[n])) for n in order[: max(top_k, 1)]]
    best = choices[0]
    listed = tuple(choices[:top_k])
    hidden = best.value == NOT_VISIBLE
    status = Status.NOT_VISIBLE if hidden else Status.PRESENT
    if best.confidence < min_confidence:
        status = Status.UNCERTAIN
    value, name = (None, None) if hidden else (best.value, best.name)
    return AttributeAnswer(status, value, name, best.confidence, listed)


def _choice(attribute: Attribute, index: int, confidence: float) -> Choice:
    if index == attribute.not_visible:
        return Choice(NOT_VISIBLE, NOT_VISIBLE, confidence)
    value = attribute.values[index]
    return Choice(value.id, value.en, confidence)
