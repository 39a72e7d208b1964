"""Pictures that a recogniser got wrong, each with the prediction and the annotation."""

from collections.abc import Sequence
from dataclasses import dataclass

from fashiontrend.attrnet.evaluation.hard_examples import BoxMistake, Mistake
from fashiontrend.errors import PictureError
from fashiontrend.report import wording
from fashiontrend.report.samples import thumbnail
from fashiontrend.taxonomy import Taxonomy


@dataclass(frozen=True)
class Exhibit:
    """One picture of a gallery; boxes in fractions, None if there is none to draw."""

    picture_id: str
    image: bytes
    box: Sequence[float] | None
    mistake: Mistake | BoxMistake
    true_box: Sequence[float] | None = None


@dataclass(frozen=True)
class ShownMistake:
    """A wrong prediction in the gallery; `left` is the confidence in the label."""

    src: str
    alt: str
    title: str
    attribute: tuple[str, str]
    predicted: tuple[str, str]
    confidence: float
    labelled: tuple[str, str]
    left: float


@dataclass(frozen=True)
class ShownPlace:
    """A wrong box in the gallery; `reported` says whether a box was found at all."""

    src: str
    alt: str
    title: str
    reported: bool
    certainty: float
    iou: float


def show_mistakes(exhibits: Sequence[Exhibit], taxonomy: Taxonomy) -> list[ShownMistake]:
    """What the gallery shows of wrong predictions; those without a usable picture are left out."""
    shown = []
    for exhibit in exhibits:
        mistake, source = exhibit.mistake, _source(exhibit)
        if not isinstance(mistake, Mistake) or source is None:
            continue
        attribute = name_attribute(taxonomy, mistake.attribute)
        predicted = name_class(taxonomy, mistake.attribute, mistake.said)
        labelled = name_class(taxonomy, mistake.attribute, mistake.labelled)
        alt = f"picture {exhibit.picture_id}, predicted {predicted[0]}, labelled {labelled[0]}"
        shown.append(
            ShownMistake(
                src=source,
                alt=alt,
                title=exhibit.picture_id,
                attribute=attribute,
                predicted=predicted,
                confidence=mistake.confidence,
                labelled=labelled,
                left=mistake.labelled_confidence,
            )
        )
    return shown


def show_places(exhibits: Sequence[Exhibit]) -> list[ShownPlace]:
    """What the gallery shows of wrong boxes; those without a usable picture are left out."""
    shown = []
    for exhibit in exhibits:
        mistake, source = exhibit.mistake, _source(exhibit)
        if not isinstance(mistake, BoxMistake) or source is None:
            continue
        found = "box found" if mistake.told else "no box found"
        shown.append(
            ShownPlace(
                src=source,
                alt=f"scene {exhibit.picture_id}, {found}, overlap {mistake.iou:.2f}",
                title=exhibit.picture_id,
                reported=mistake.told,
                certainty=mistake.certainty,
                iou=mistake.iou,
            )
        )
    return shown


def name_attribute(taxonomy: Taxonomy, attribute: str) -> tuple[str, str]:
    """English and Chinese names as a heading has them; the Chinese one empty if it is the same."""
    en, zh = wording.attribute_names(taxonomy, attribute)
    return en[:1].upper() + en[1:], "" if zh == en else zh


def name_class(taxonomy: Taxonomy, attribute: str, index: int) -> tuple[str, str]:
    """English and Chinese names of a class; the Chinese one is empty if it is the same."""
    found = taxonomy.attribute(attribute)
    if index >= len(found.values):
        return "not visible", "看不出"
    value = found.values[index]
    return value.en, "" if value.zh == value.en else value.zh


def _source(exhibit: Exhibit) -> str | None:
    try:
        return thumbnail(exhibit.image, exhibit.box, exhibit.true_box)
    except PictureError:
        return None
