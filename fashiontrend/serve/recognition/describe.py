"""From a recogniser's answers to what the API says of a garment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fashiontrend.attrnet.inference import prediction
from fashiontrend.attrnet.inference.prediction import AttributeAnswer, Status
from fashiontrend.errors import PictureError
from fashiontrend.serve.schemas.requests import BoxFractions, Options
from fashiontrend.taxonomy import NOT_VISIBLE, Taxonomy


class RecognitionModel(Protocol):
    """What a replica needs of a model; see `attrnet.inference.predict.Recogniser`."""

    @property
    def taxonomy(self) -> Taxonomy:
        """Of its classes."""
        ...

    def describe(
        self,
        images: Sequence[bytes],
        boxes: Sequence[prediction.Box | None] | None = None,
        top_k: int = 0,
        min_confidence: float = 0.0,
        embedding: bool = False,
        sizes: Sequence[tuple[int, int]] | None = None,
    ) -> list[prediction.Answer]:
        """One answer for each encoded picture; boxes and sizes in pixels of the upright picture."""
        ...


@dataclass(frozen=True)
class GarmentPrediction:
    """One garment: the picture's upright size, its place, how sure that is, every attribute."""

    width: int
    height: int
    box: BoxFractions | None  # fractions; None where no garment was found
    score: float | None  # None where the caller gave the box
    attributes: dict[str, dict[str, Any]]
    embedding: list[float] | None = None


def describe(
    recogniser: RecognitionModel,
    images: Sequence[bytes],
    sizes: Sequence[tuple[int, int]],
    boxes: Sequence[BoxFractions | None],
    options: Options,
) -> list[GarmentPrediction | PictureError]:
    """One answer for each picture, or why there is none.

    Args:
        recogniser: the model.
        images: encoded pictures.
        sizes: their upright width and height in pixels.
        boxes: fractions, where the caller knows the garment.
        options: threshold, languages, how many values.
    """
    pixels = [
        None if b is None else (b[0] * w, b[1] * h, b[2] * w, b[3] * h)
        for b, (w, h) in zip(boxes, sizes, strict=True)
    ]
    found = recogniser.describe(
        images, pixels, options.top_k, options.min_confidence, options.return_embedding, sizes
    )
    return [
        PictureError(a.problem) if a.problem else _see(a, b, s, recogniser.taxonomy, options)
        for a, b, s in zip(found, boxes, sizes, strict=True)
    ]


def _see(
    answer: prediction.Answer,
    given: BoxFractions | None,
    size: tuple[int, int],
    taxonomy: Taxonomy,
    options: Options,
) -> GarmentPrediction:
    chosen = taxonomy.ids if options.attributes is None else options.attributes
    return GarmentPrediction(
        *size,
        box=given or (None if answer.box is None else _fractions(answer.box, size)),
        score=None if given else round(answer.score, 4),
        attributes={
            name: _tell(answer.attributes[name], name, taxonomy, options)
            for name in taxonomy.ids
            if name in chosen
        },
        embedding=None
        if answer.embedding is None
        else [round(float(v), 5) for v in answer.embedding],
    )


def _tell(
    answer: AttributeAnswer, attribute: str, taxonomy: Taxonomy, options: Options
) -> dict[str, Any]:
    status = str(answer.status)
    if answer.status in (Status.NOT_APPLICABLE, Status.NOT_VISIBLE):
        return {"status": status, "confidence": round(answer.confidence, 4)}
    top = [(c.value, round(c.confidence, 4)) for c in answer.top_k if c.value != NOT_VISIBLE]
    if answer.status is Status.UNCERTAIN or answer.value is None:
        return {"status": str(Status.UNCERTAIN), "top_k": top}
    value = taxonomy.attribute(attribute).value(answer.value)
    return {
        "status": status,
        "value": value.id,
        "label": {lang: getattr(value, lang) for lang in options.lang},
        "confidence": round(answer.confidence, 4),
        "top_k": top,
    }


def _fractions(box: prediction.Box, size: tuple[int, int]) -> BoxFractions:
    width, height = size
    x0, y0, x1, y1 = (
        round(min(max(v / side, 0.0), 1.0), 5)
        for v, side in zip(box, (width, height, width, height), strict=True)
    )
    return x0, y0, x1, y1
