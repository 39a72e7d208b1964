"""From the recogniser's predictions to the fields of a response."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fashiontrend.attrnet.inference import prediction
from fashiontrend.attrnet.inference.prediction import Status
from fashiontrend.errors import PictureError
from fashiontrend.serve.schemas.requests import BoxFractions, Options
from fashiontrend.serve.schemas.responses import AttributeResult
from fashiontrend.taxonomy import NOT_VISIBLE, Taxonomy


class RecognitionModel(Protocol):
    """What serving needs of a model; `attrnet.inference.predict.Recogniser` has it."""

    @property
    def taxonomy(self) -> Taxonomy:
        """The attributes and values that the model knows."""
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
        """Predict each encoded picture; boxes and sizes are in pixels of the upright picture."""
        ...


@dataclass(frozen=True)
class GarmentPrediction:
    """What the model predicts for a picture, or for one box of it.

    Attributes:
        width, height: size of the upright picture in pixels.
        box: place of the garment in fractions; None if no garment was found.
        score: probability that the box holds a garment; None if the caller gave the box.
        attributes: results by attribute id.
        embedding: (embedding_dim,) feature vector, if the options ask for it.
    """

    width: int
    height: int
    box: BoxFractions | None
    score: float | None
    attributes: dict[str, AttributeResult]
    embedding: list[float] | None = None


def recognise_items(
    recogniser: RecognitionModel,
    images: Sequence[bytes],
    sizes: Sequence[tuple[int, int]],
    boxes: Sequence[BoxFractions | None],
    options: Options,
) -> list[GarmentPrediction | PictureError]:
    """Predict each picture, or give the reason why it cannot be used.

    Args:
        recogniser: the model.
        images: encoded pictures.
        sizes: upright width and height of each picture in pixels.
        boxes: for each picture the caller's box in fractions; None lets the model find the garment.
        options: threshold, languages, number of listed values.
    """
    pixels = [
        None if b is None else (b[0] * w, b[1] * h, b[2] * w, b[3] * h)
        for b, (w, h) in zip(boxes, sizes, strict=True)
    ]
    found = recogniser.describe(
        images, pixels, options.top_k, options.min_confidence, options.return_embedding, sizes
    )
    return [
        PictureError(p.problem) if p.problem else _convert(p, b, s, recogniser.taxonomy, options)
        for p, b, s in zip(found, boxes, sizes, strict=True)
    ]


def _convert(
    predicted: prediction.Answer,
    given: BoxFractions | None,
    size: tuple[int, int],
    taxonomy: Taxonomy,
    options: Options,
) -> GarmentPrediction:
    chosen = taxonomy.ids if options.attributes is None else options.attributes
    vector = predicted.embedding
    return GarmentPrediction(
        *size,
        box=given or (None if predicted.box is None else _fractions(predicted.box, size)),
        score=None if given else round(predicted.score, 4),
        attributes={
            name: _attribute(predicted.attributes[name], name, taxonomy, options)
            for name in taxonomy.ids
            if name in chosen
        },
        embedding=None if vector is None else [round(float(v), 5) for v in vector],
    )


def _attribute(
    predicted: prediction.AttributeAnswer, attribute: str, taxonomy: Taxonomy, options: Options
) -> AttributeResult:
    confidence = round(predicted.confidence, 4)
    if predicted.status is Status.NOT_APPLICABLE:
        return AttributeResult(status="not_applicable", confidence=confidence)
    if predicted.status is Status.NOT_VISIBLE:
        return AttributeResult(status="not_visible", confidence=confidence)
    top = [(c.value, round(c.confidence, 4)) for c in predicted.top_k if c.value != NOT_VISIBLE]
    if predicted.status is Status.UNCERTAIN or predicted.value is None:
        return AttributeResult(status="uncertain", top_k=top)
    value = taxonomy.attribute(attribute).value(predicted.value)
    return AttributeResult(
        status="present",
        value=value.id,
        label={lang: getattr(value, lang) for lang in options.lang},
        confidence=confidence,
        top_k=top,
    )


def _fractions(box: prediction.Box, size: tuple[int, int]) -> BoxFractions:
    width, height = size
    x0, y0, x1, y1 = (
        round(min(max(v / side, 0.0), 1.0), 5)
        for v, side in zip(box, (width, height, width, height), strict=True)
    )
    return x0, y0, x1, y1
