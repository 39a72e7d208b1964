"""What each round of a closed accuracy gate changes (A6), and what the round before gained.

| round | differs from the one before by |
|---|---|
| 1 | - |
| 2 | more epochs, other random weights, rare values of the weakest attribute that has enough pictures seen more often |
| 3 and on | more epochs, other random weights, the same resampling, a larger input |
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fashiontrend.attrnet.training.dataset import repeat_more
from fashiontrend.config import AttrNetConfig
from fashiontrend.labels.resample import repeat_factors
from fashiontrend.loop import Step
from fashiontrend.outcomes import EvalReport, LabelFacts, TrainAttrnetFacts
from fashiontrend.pipeline.context import Context
from fashiontrend.taxonomy import Taxonomy

#: The first rounds in which resampling and input size are changed.
RESAMPLED, ENLARGED = 2, 3
#: A multiple of the stride of every backbone.
MULTIPLE_PX = 16
#: Beta by which rare values of the weakest attribute repeat: the square root helps them and spares the others.
SHARPER = 0.5
#: Growth of the input's side with each enlarged round: half as many pixels more, which the time allows for.
LARGER = 1.25


@dataclass(frozen=True)
class Round:
    """How to train in a round.

    Attributes:
        attrnet: the configuration's branch, perhaps with a larger input.
        epochs: number of epochs to train.
        seed: of weights, order and augmentation.
        pictures: number of pictures that an epoch shows, with repeats.
        priors: proportions that training sees, V + 1 per attribute.
        more: attribute's number and a factor per value by which its pictures repeat more often.
        changed: a text that says what differs.
    """

    attrnet: AttrNetConfig
    epochs: int
    seed: int
    pictures: int
    priors: dict[str, list[float]]
    more: tuple[int, list[float]] | None
    changed: str


def plan(context: Context) -> Round:
    """Plan this round; the same run and round give the same plan again."""
    from fashiontrend.attrnet.training.train import limit_epochs

    data, round_ = context.run.latest(Step.LABEL), context.move.train_round
    labelled = context.run.facts(LabelFacts)
    cfg = _enlarge(context.config.attrnet, LARGER ** max(round_ - ENLARGED + 1, 0))
    pictures, priors = labelled.pictures.drawn, labelled.priors
    weakest = _weakest(context) if round_ >= RESAMPLED else None
    more = None
    if weakest is not None:
        more, pictures, priors = _resample(context, data.output, weakest)
    factor = context.config.accuracy_gate.longer ** (round_ - 1)
    epochs = max(limit_epochs(cfg, pictures, factor), limit_epochs(cfg, pictures) + round_ - 1)
    seed = context.config.seed + 1000 * (round_ - 1) + context.move.label_round - 1
    changes = [f"{epochs} epochs of {pictures} pictures, seed {seed}"]
    if round_ > 1:
        changes = [f"longer and from other weights: {changes[0]}"]
    if weakest is not None:
        changes.append(f"rare values of {weakest} seen more often")
    if cfg.input_px != context.config.attrnet.input_px:
        changes.append(f"input of {cfg.input_px} px")
    return Round(cfg, epochs, seed, pictures, priors, more, ", ".join(changes))


def bought(context: Context, report: EvalReport) -> dict[str, float | None] | None:
    """Gain in mean accuracy and in each attribute's over the round before; None in the first."""
    earlier = _last_report(context)
    if earlier is None or context.move.train_round == 1:
        return None
    before = {name: one.accuracy for name, one in earlier.attributes.items()}
    return {
        "mean_accuracy": _gain(report.mean_accuracy, earlier.mean_accuracy),
        **{
            name: _gain(one.accuracy, before.get(name, math.nan))
            for name, one in report.attributes.items()
        },
    }


def _gain(now: float, before: float) -> float | None:
    return None if math.isnan(now - before) else now - before


def _last_report(context: Context) -> EvalReport | None:
    facts = context.run.find_facts(TrainAttrnetFacts)
    return facts.report if facts else None


def _weakest(context: Context) -> str | None:
    """The attribute with the lowest bound of those that have enough pictures to be known as weak."""
    report = _last_report(context)
    if report is None:
        return None
    least, attributes = context.config.accuracy_gate.min_support, report.attributes
    lows = {a: one.wilson_low for a, one in attributes.items() if one.support >= least}
    return min(lows, key=lambda a: lows[a], default=None)


def _enlarge(cfg: AttrNetConfig, factor: float) -> AttrNetConfig:
    if factor == 1:
        return cfg
    side = round(cfg.input_px * factor / MULTIPLE_PX) * MULTIPLE_PX
    kept = None if cfg.train_px is None else max(cfg.train_px, side)
    return cfg.model_copy(update={"input_px": side, "train_px": kept})


def _resample(
    context: Context, dataset: str, weakest: str
) -> tuple[tuple[int, list[float]], int, dict[str, list[float]]]:
    """Factors per value, and the number of pictures and the priors of the epochs that result."""
    table = context.store.read_partition(
        dataset, "train", columns=["labels", "confidences", "repeat"]
    )
    taxonomy = context.taxonomy
    column = taxonomy.ids.index(weakest)
    labels = np.array(table["labels"].to_pylist(), dtype=np.int16).reshape(-1, len(taxonomy.ids))
    alone = context.config.resample.model_copy(
        update={
            "beta": SHARPER,
            "boost": {a: float(a == weakest) or 1e-9 for a in taxonomy.ids},
        }
    )
    per_row = repeat_factors(labels, taxonomy, alone)
    factors = [1.0] * (taxonomy.num_values[weakest] + 1)
    for value, factor in zip(labels[:, column], per_row, strict=True):
        if value >= 0:
            factors[int(value)] = float(factor)
    repeats = repeat_more(labels, table["repeat"].to_numpy(), (column, factors))
    return (column, factors), int(repeats.sum()), measure_priors(table, repeats, taxonomy)


def measure_priors(
    table: pa.Table, repeats: NDArray[Any], taxonomy: Taxonomy
) -> dict[str, list[float]]:
    """Proportions of the V values and "not visible", (V + 1,) each: repeats times confidence.

    Args:
        table: N rows with `labels` and `confidences`.
        repeats: (N,); ones give the proportions before resampling.
        taxonomy: order of the A axis.
    """
    shape = (-1, len(taxonomy.ids))
    labels = np.array(table["labels"].to_pylist(), dtype=np.int64).reshape(shape)
    trust = np.array(table["confidences"].to_pylist(), dtype=np.float64).reshape(shape)
    priors = {}
    for column, (attribute, values) in enumerate(taxonomy.num_values.items()):
        known = labels[:, column] >= 0
        weights = (repeats * trust[:, column])[known]
        mass = np.bincount(labels[known, column], weights=weights, minlength=values + 1)
        total = float(mass.sum())
        even = [1 / (values + 1)] * (values + 1)
        priors[attribute] = [float(m) / total for m in mass] if total else even
    return priors
