"""From a recogniser's numbers to answers: which value, how sure, or why none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from fashiontrend import pictures
from fashiontrend.attrnet.predict import Recogniser
from fashiontrend.attrnet.probabilities import calibrate
from fashiontrend.errors import PictureError
from fashiontrend.serve.asked import Box, Options
from fashiontrend.taxonomy import Taxonomy

GARMENT_TYPE = "garment_type"


@dataclass(frozen=True)
class Answer:
    """One garment: its place, how sure that is, and what is seen of every attribute."""

    box: tuple[float, float, float, float]
    score: float | None  # None where the caller gave the box
    attributes: dict[str, dict[str, Any]]
    embedding: list[float] | None = None


class Describer(Protocol):
    """What a replica needs of a model."""

    @property
    def taxonomy(self) -> Taxonomy:
        """Of its classes."""
        ...

    def describe(
        self, images: Sequence[bytes], boxes: Sequence[Box | None], options: Options
    ) -> list[Answer | PictureError]:
        """One answer for each picture, or why there is none."""
        ...


class RecogniserDescriber:
    """Answers of AttrNet."""

    def __init__(self, recogniser: Recogniser) -> None:
        self.recogniser = recogniser
        self.taxonomy = recogniser.taxonomy

    def describe(
        self, images: Sequence[bytes], boxes: Sequence[Box | None], options: Options
    ) -> list[Answer | PictureError]:
        """One forward pass over all that decode; a caller's box takes the place of the found one."""
        decoded = [self._decode(data) for data in images]
        pixels = [d for d in decoded if not isinstance(d, PictureError)]
        known = [b for b, d in zip(boxes, decoded, strict=True) if not isinstance(d, PictureError)]
        told = iter(self._answer(np.stack(pixels), known, options) if pixels else ())
        return [d if isinstance(d, PictureError) else next(told) for d in decoded]

    def _decode(self, data: bytes) -> pictures.Pixels | PictureError:
        try:
            return pictures.decode(data, self.recogniser.input_px)
        except PictureError as error:
            return error

    def _answer(
        self, pixels: pictures.Pixels, boxes: Sequence[Box | None], options: Options
    ) -> list[Answer]:
        """Answers for (N, S, S, 3) pixels."""
        r = self.recogniser
        image = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))).to(r.device)
        given = torch.tensor([b or (torch.nan,) * 4 for b in boxes], device=r.device)
        with torch.inference_mode():
            output = r.model(image, given if any(boxes) else None)
        probs = calibrate(output, self.taxonomy.ids, r.card.temperatures)
        found, scores = output.location.box.cpu().numpy(), output.location.score.cpu().numpy()
        vectors = output.vector.cpu().numpy() if options.return_embedding else None
        return [
            Answer(
                box=boxes[n] or _clip(found[n]),
                score=None if boxes[n] else round(float(scores[n]), 4),
                attributes=tell({a: p[n] for a, p in probs.items()}, self.taxonomy, options),
                embedding=None if vectors is None else [round(float(v), 5) for v in vectors[n]],
            )
            for n in range(len(boxes))
        ]


def tell(
    probs: Mapping[str, Any], taxonomy: Taxonomy, options: Options
) -> dict[str, dict[str, Any]]:
    """Attributes of one garment.

    Args:
        probs: (V + 1,) calibrated probabilities per attribute; the last is "not visible".
        taxonomy: order and names of the values, and which garments have which attribute.
        options: threshold, languages, how many values.
    """
    garment = _surest_garment(probs, taxonomy, options.min_confidence)
    told: dict[str, dict[str, Any]] = {}
    for attribute in taxonomy.attributes:
        name = attribute.id
        if options.attributes is not None and name not in options.attributes:
            continue
        if garment and not taxonomy.applies(name, garment):
            told[name] = {"status": "not_applicable"}
            continue
        row = np.asarray(probs[name], dtype=np.float64)
        best = int(row.argmax())
        if best == attribute.not_visible and row[best] >= options.min_confidence:
            told[name] = {"status": "not_visible", "confidence": round(float(row[best]), 4)}
            continue
        order = np.argsort(-row[:-1], kind="stable")[: options.top_k]
        top = [(attribute.value_ids[i], round(float(row[i]), 4)) for i in order]
        value = attribute.values[int(order[0])]
        sure = float(row[order[0]])
        if sure < options.min_confidence or best == attribute.not_visible:
            told[name] = {"status": "uncertain", "top_k": top}
            continue
        told[name] = {
            "status": "present",
            "value": value.id,
            "label": {lang: getattr(value, lang) for lang in options.lang},
            "confidence": round(sure, 4),
            "top_k": top,
        }
    return told


def _surest_garment(
    probs: Mapping[str, Any], taxonomy: Taxonomy, min_confidence: float
) -> str | None:
    """The garment type, if it is sure enough to rule attributes out."""
    if GARMENT_TYPE not in probs:
        return None
    row = np.asarray(probs[GARMENT_TYPE])
    best, attribute = int(row.argmax()), taxonomy.attribute(GARMENT_TYPE)
    if best == attribute.not_visible or row[best] < min_confidence:
        return None
    return attribute.value_ids[best]


def _clip(box: Any) -> Box:
    x0, y0, x1, y1 = (round(min(max(float(v), 0.0), 1.0), 5) for v in box)
    return x0, y0, x1, y1
