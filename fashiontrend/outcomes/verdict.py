"""The verdict of a gate: its checks, the reasons why it is closed, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from fashiontrend.typed_json import JsonObject, JsonRecord

ACCURACY, PERPLEXITY, DATA_HEALTH = "accuracy", "perplexity", "data_health"


@dataclass(frozen=True)
class Check(JsonRecord):
    """One condition of a gate: what was measured, the limit as text, and whether it holds."""

    name: str
    seen: float | None  # None if the number is missing or not finite
    limit: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True)
class AccuracyFinding(JsonRecord):
    """What the accuracy gate found for an attribute.

    Attributes:
        reason: "" if the attribute passes, `support` if too few pictures show it, else `recogniser`.
    """

    accuracy: float | None = None
    wilson_low: float | None = None
    support: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class TrendFinding(JsonRecord):
    """What the perplexity gate found for an attribute; the numbers are means over its pairs.

    Attributes:
        contribution: its part of the whole divergence; None if that is infinite or unknown.
        fits: whether the attribute fits by itself; None if no pair of it is tested yet.
        reason: "" if it fits or is not tested, else `recogniser`, `products`, `regime` or `model`.
        remedy: what to do about the reason.
    """

    perplexity: float | None = None
    perplexity_floor: float | None = None
    perplexity_uniform: float | None = None
    normalised_perplexity: float | None = None
    noise_floor: float | None = None
    skill: float | None = None
    coverage80: float | None = None
    support: float | None = None
    interval_width: float | None = None
    accuracy: float | None = None
    contribution: float | None = None
    fits: bool | None = True
    reason: str = ""
    remedy: str = ""


Finding = AccuracyFinding | TrendFinding


@dataclass(frozen=True)
class Verdict(JsonRecord):
    """The decision of a gate."""

    gate: str = ""
    passed: bool = False
    checks: tuple[Check, ...] = ()
    reasons: tuple[str, ...] = ()  # why it is closed; empty if it is open
    remedy: str = ""  # what to do; empty if it is open
    warnings: tuple[str, ...] = ()
    per_attribute: Mapping[str, AccuracyFinding | TrendFinding] = field(default_factory=dict)
    numbers: Mapping[str, float | None] = field(default_factory=dict)  # reported in any case
    futile: bool = False  # closed, and another round of the same cannot open it

    @property
    def blamed(self) -> dict[str, Finding]:
        """The attributes that have a reason for not passing."""
        return {name: found for name, found in self.per_attribute.items() if found.reason}

    @classmethod
    def from_json(cls, data: object, source: str = "") -> Self:
        """Read a verdict; the gate's name says which findings it holds.

        Raises:
            DataError: see `JsonRecord.from_json`.
        """
        if not isinstance(data, Mapping):
            return super().from_json(data, source)
        parts: JsonObject = dict(data.get("per_attribute") or {})
        whole = super().from_json({**data, "per_attribute": {}}, source)
        kind = AccuracyFinding if whole.gate == ACCURACY else TrendFinding
        found = {name: kind.from_json(part, f"{source}: {name}") for name, part in parts.items()}
        return replace(whole, per_attribute=found)
