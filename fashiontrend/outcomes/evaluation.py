"""How accurate the recogniser is on annotated pictures (A6): what the accuracy gate reads.

V values of an attribute; index V means "not visible". A number without data is NaN, and a gate
stays closed on NaN.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from fashiontrend.typed_json import JsonRecord, Measure


@dataclass(frozen=True)
class AttributeReport(JsonRecord):
    """The recogniser's accuracy on one attribute.

    Attributes:
        accuracy: top-1 accuracy over all V + 1 classes, of pictures whose true status is present.
        wilson_low: one-sided 95 % lower bound of the accuracy (Wilson score interval).
        macro_f1: mean F1 of the values that occur in the truth.
        visibility_f1: mean F1 of "visible" and "not visible", of those that occur in the truth.
        support: number of pictures whose true status is present.
        not_visible: number of pictures annotated as not visible.
        ece: expected calibration error over 15 equal bins of the top probability.
        majority_accuracy: accuracy of always predicting the most frequent present value.
        confusion: counts, (V + 1) rows of truth by V + 1 columns of predictions.
    """

    accuracy: Measure = math.nan
    wilson_low: Measure = math.nan
    macro_f1: Measure = math.nan
    visibility_f1: Measure = math.nan
    support: int = 0
    not_visible: int = 0
    ece: Measure = math.nan
    majority_accuracy: Measure = math.nan
    confusion: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class BoxReport(JsonRecord):
    """The location: mean IoU and average precision at IoU 0.5, over `support` drawn boxes."""

    mean_iou: Measure = math.nan
    ap50: Measure = math.nan
    support: int = 0


@dataclass(frozen=True)
class EvalReport(JsonRecord):
    """The evaluation of a recogniser.

    Attributes:
        mean_accuracy: mean over all attributes; NaN if one has no support.
        worst_attribute: the attribute with the lowest `wilson_low`, or one without support.
        worst_wilson_low: the bound of that attribute.
        majority_accuracy: mean over attributes of the majority baseline.
        attributes: the report on each attribute.
        box: the report on the location.
        pictures: number of annotated pictures.
        undecided: number of pictures without a prediction; they count as wrong.
    """

    mean_accuracy: Measure = math.nan
    worst_attribute: str = ""
    worst_wilson_low: Measure = math.nan
    majority_accuracy: Measure = math.nan
    attributes: Mapping[str, AttributeReport] = field(default_factory=dict)
    box: BoxReport = BoxReport()
    pictures: int = 0
    undecided: int = 0
