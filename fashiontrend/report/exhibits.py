"""Pictures that a recogniser got wrong, each with what it said and what people had written down."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fashiontrend.attrnet.evaluation.hard_examples import HardBox, HardExample
from fashiontrend.errors import PictureError
from fashiontrend.report import wording
from fashiontrend.report.samples import thumbnail
from fashiontrend.taxonomy import Taxonomy


@dataclass(frozen=True)
class Exhibit:
    """One picture of a gallery; boxes in fractions, None where there is none to draw."""

    picture_id: str
    image: bytes
    box: Sequence[float] | None
    mistake: HardExample | HardBox
    true_box: Sequence[float] | None = None


def show_mistakes(exhibits: Sequence[Exhibit], taxonomy: Taxonomy) -> list[dict[str, Any]]:
    """What the gallery shows of wrong answers; those without a usable picture are left out."""
    shown = []
    for exhibit in exhibits:
        mistake = exhibit.mistake
        if not isinstance(mistake, HardExample):
            continue
        attribute = name_attribute(taxonomy, mistake.attribute)
        said = name_class(taxonomy, mistake.attribute, mistake.predicted)
        labelled = name_class(taxonomy, mistake.attribute, mistake.labelled)
        alt = f"picture {exhibit.picture_id}, said {said[0]}, labelled {labelled[0]}"
        shown.append(
            {
                "src": _source(exhibit),
                "alt": alt,
                "title": exhibit.picture_id,
                "attribute": attribute,
                "said": said,
                "confidence": mistake.confidence,
                "labelled": labelled,
                "left": mistake.labelled_confidence,
            }
        )
    return [s for s in shown if s["src"]]


def show_places(exhibits: Sequence[Exhibit]) -> list[dict[str, Any]]:
    """What the gallery shows of wrong boxes; those without a usable picture are left out."""
    shown = []
    for exhibit in exhibits:
        mistake = exhibit.mistake
        if not isinstance(mistake, HardBox):
            continue
        found = "box found" if mistake.found else "no box found"
        shown.append(
            {
                "src": _source(exhibit),
                "alt": f"scene {exhibit.picture_id}, {found}, overlap {mistake.iou:.2f}",
                "title": exhibit.picture_id,
                "told": mistake.found,
                "certainty": mistake.certainty,
                "iou": mistake.iou,
            }
        )
    return [s for s in shown if s["src"]]


def name_attribute(taxonomy: Taxonomy, attribute: str) -> tuple[str, str]:
    """English and Chinese names as a heading has them; the Chinese one empty if it is the same."""
    en, zh = wording.attribute_names(taxonomy, attribute)
    return en[:1].upper() + en[1:], "" if zh == en else zh


def name_class(taxonomy: Taxonomy, attribute: str, index: int) -> tuple[str, str]:
    """English and Chinese names of a class; the Chinese one is empty where it is the same."""
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
