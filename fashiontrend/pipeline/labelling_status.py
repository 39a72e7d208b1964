"""How far the labelling has come: per attribute what is there and what the accuracy gate still needs."""

import math
from dataclasses import dataclass

from fashiontrend.config import Config
from fashiontrend.labels.split import TRAIN, VAL
from fashiontrend.pipeline.labelling import KnownLabels, label_counts
from fashiontrend.taxonomy import NOT_VISIBLE

#: A value with fewer labelled training pictures is named.
FEW = 20
#: Values that are named at most.
NAMED = 4
#: Seconds that a person takes to correct one attribute, and the box: an assumption, not a measurement.
SECONDS_ATTRIBUTE, SECONDS_BOX = 3, 5


@dataclass(frozen=True)
class AttributeStatus:
    """The labels of an attribute.

    Attributes:
        attribute: its id.
        validation: labelled validation pictures that show it.
        missing: how many more the gate asks for.
        training: labelled training pictures that show it.
        accuracy: of the newest recogniser; None if it is unknown.
        visible: part of the labelled pictures that show it; 1 if none is labelled.
        few: value -> labelled training pictures, of values with fewer than `FEW`, the rarest first.
    """

    attribute: str
    validation: int
    missing: int
    training: int
    accuracy: float | None
    visible: float
    few: dict[str, int]

    def cells(self) -> list[str]:
        """The row of a table."""
        named = ", ".join(f"{v} {n}" for v, n in list(self.few.items())[:NAMED])
        more = f" and {len(self.few) - NAMED} more" if len(self.few) > NAMED else ""
        accuracy = "" if self.accuracy is None else f"{self.accuracy:.2f}"
        numbers = [str(n) for n in (self.validation, self.missing, self.training)]
        return [self.attribute, *numbers, accuracy, named + more]


@dataclass(frozen=True)
class LabellingStatus:
    """The labels of all attributes, and how much work is left."""

    rows: tuple[AttributeStatus, ...]

    @property
    def pictures(self) -> int:
        """Pictures drawn at random that give every attribute what it lacks."""
        return max((math.ceil(r.missing / max(r.visible, 0.05)) for r in self.rows), default=0)

    @property
    def minutes(self) -> int:
        """Minutes of one person's work for them."""
        each = SECONDS_ATTRIBUTE * len(self.rows) + SECONDS_BOX
        return math.ceil(self.pictures * each / 60)

    def lines(self) -> list[str]:
        """What is left to do, as sentences."""
        short = [r.attribute for r in self.rows if r.missing]
        if not short:
            return ["Every attribute has the validation pictures that the accuracy gate asks for."]
        return [
            f"{len(short)} attributes lack validation pictures: {', '.join(short)}.",
            f"About {self.pictures} pictures drawn at random give them, which is {self.minutes} minutes of work at "
            f"{SECONDS_ATTRIBUTE} seconds an attribute. `fashiontrend labels export --n "
            f"{math.ceil(1.5 * self.pictures)}` chooses them.",
        ]


def measure(known: KnownLabels, config: Config) -> LabellingStatus:
    """Count the labels that people gave, against what the accuracy gate asks for."""
    counts, needed = label_counts(known.people, known.taxonomy), config.accuracy_gate.min_support
    rows = []
    for attribute in known.taxonomy.attributes:
        train, val = counts[TRAIN][attribute.id], counts[VAL][attribute.id]
        shown = {s: c.total() - c[NOT_VISIBLE] for s, c in ((TRAIN, train), (VAL, val))}
        seen = known.report.attributes.get(attribute.id) if known.report else None
        accuracy = None if seen is None or math.isnan(seen.accuracy) else float(seen.accuracy)
        total = train.total() + val.total()
        few = {v: train[v] for v in attribute.value_ids if train[v] < FEW}
        rows.append(
            AttributeStatus(
                attribute.id, shown[VAL], max(0, needed - shown[VAL]), shown[TRAIN], accuracy,
                (shown[TRAIN] + shown[VAL]) / total if total else 1.0,
                dict(sorted(few.items(), key=lambda item: item[1])),
            )
        )  # fmt: skip
    return LabellingStatus(tuple(rows))
