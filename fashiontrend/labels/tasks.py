"""What a labelling tool shows a person: a picture with the values and the box to correct."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath

from fashiontrend.labels.annotations import Annotation, Box
from fashiontrend.labels.split import TRAIN, VAL
from fashiontrend.labels.value_names import NOT_VISIBLE_NAMES
from fashiontrend.taxonomy import NOT_VISIBLE, Attribute, Taxonomy, Value

#: Name of the one class of boxes in every tool.
GARMENT = "garment"
#: Folder of the pictures beside an export.
PICTURES = "pictures"
_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "AVIF": ".avif"}


class Tool(StrEnum):
    """The formats that labels are exchanged in."""

    LABEL_STUDIO = "label-studio"
    CVAT = "cvat"
    COCO = "coco"
    CSV = "csv"


@dataclass(frozen=True)
class LabellingTask:
    """A picture to label.

    Attributes:
        picture_id: of the picture.
        product_key: platform/product_id.
        split: `train` or `val`.
        size: width and height in pixels.
        format: of the picture's bytes, as in PICTURE.
        why: why the picture was chosen, as a short sentence.
        address: where the picture can be fetched; "" if it lies beside the export.
        values: predicted values by attribute, to be corrected; `not_visible` is one of them.
        confidences: probability of each predicted value.
        box: the predicted box as fractions of the picture.
        box_score: its probability.
        given: what people said of the picture already.
    """

    picture_id: str
    product_key: str
    split: str
    size: tuple[int, int]
    format: str = "JPEG"
    why: str = ""
    address: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    confidences: Mapping[str, float] = field(default_factory=dict)
    box: Box | None = None
    box_score: float = 0.0
    given: tuple[Annotation, ...] = ()

    @property
    def platform(self) -> str:
        """Name of the platform, or of the imported set."""
        return self.product_key.partition("/")[0]

    @property
    def product_id(self) -> str:
        """Identifier of the product on its platform."""
        return self.product_key.partition("/")[2]

    @property
    def file(self) -> str:
        """Name of the picture's file; tools that keep nothing else keep split and picture id in it."""
        return f"{PICTURES}/{self.split}/{self.picture_id}{_SUFFIXES.get(self.format, '')}"


def read_file_name(name: str) -> tuple[str, str]:
    """Return the picture id and the split that a picture's file name holds; the split may be ""."""
    path = PurePosixPath(name.replace("\\", "/"))
    return path.stem, path.parent.name if path.parent.name in (TRAIN, VAL) else ""


def shown_values(attribute: Attribute) -> tuple[Value, ...]:
    """The values that a tool offers for an attribute, "not visible" last."""
    english, chinese = NOT_VISIBLE_NAMES
    unseen = Value.model_construct(
        id=NOT_VISIBLE, en=english, zh=chinese, synonyms=(), crosswalk={}
    )
    return (*attribute.values, unseen)


def known_attributes(taxonomy: Taxonomy, labels: Mapping[str, str]) -> dict[str, str]:
    """The labels whose attributes the taxonomy has, in its order."""
    return {a: labels[a] for a in taxonomy.ids if a in labels}
