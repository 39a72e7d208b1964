"""Decide which step comes next: the two gates and the two ways back, as one pure function.

crawl ─ ingest ─ label ─ train_attrnet ─ recognise ─ shares ─ train_forecaster ─ publish
                   ▲      ▲    │ closed                              │ closed
                   │      └────┘ (A6)                                │ (A9)
                   └─────────────────────────────────────────────────┘
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from fashiontrend.errors import AccuracyGateClosed, PerplexityGateClosed


class Step(StrEnum):
    """A step of a run; its value is the name of the command and of the job."""

    CRAWL = "crawl"
    INGEST = "ingest"
    LABEL = "label"
    TRAIN_ATTRNET = "train-attrnet"
    RECOGNISE = "recognise"
    SHARES = "shares"
    TRAIN_FORECASTER = "train-forecaster"
    PUBLISH = "publish"


#: Steps that end in a verdict.
GATED = (Step.TRAIN_ATTRNET, Step.TRAIN_FORECASTER)
#: All steps in order, and the steps of a day that uses a release without training.
TRAINING_DAY = tuple(Step)
RELEASE_DAY = (Step.CRAWL, Step.INGEST, Step.RECOGNISE, Step.SHARES, Step.PUBLISH)


@dataclass(frozen=True)
class Move:
    """A step to take, in a round of labelling and a round of training AttrNet."""

    step: Step
    label_round: int = 1
    train_round: int = 1


@dataclass(frozen=True)
class Done:
    """A step that was taken, with the verdict of its gate if it has one."""

    move: Move
    passed: bool | None = None
    reason: str = ""
    remedy: str = ""
    request: str = ""  # name of the labelling request, if there is one
    futile: bool = False  # another round of the same step cannot open the gate


@dataclass(frozen=True)
class Limits:
    """How often each gate may send the run back."""

    train_rounds: int
    label_rounds: int
    out_of_time: bool = False  # no further round of labelling may begin


def next_move(
    done: Sequence[Done], limits: Limits, steps: Sequence[Step] = TRAINING_DAY
) -> Move | None:
    """Return the step after `done`, or None if the run is finished.

    Raises:
        AccuracyGateClosed: AttrNet's last allowed round was not accurate enough, or there are too
            few annotated pictures to evaluate it.
        PerplexityGateClosed: the forecasts do not fit after the last allowed round of labelling.
    """
    if not done:
        return Move(steps[0])
    last = done[-1]
    move = last.move
    if (last.passed is None) == (move.step in GATED):
        raise ValueError(f"{move.step}: a verdict is needed exactly for the gated steps")
    if last.passed is False:
        return _way_back(last, limits)
    rest = steps[steps.index(move.step) + 1 :]
    return Move(rest[0], move.label_round, move.train_round) if rest else None


def _way_back(last: Done, limits: Limits) -> Move:
    move = last.move
    if move.step is Step.TRAIN_ATTRNET:
        if last.futile or move.train_round >= limits.train_rounds:
            more = (
                "Label more pictures of the weakest attribute, or raise accuracy_gate.max_rounds."
            )
            raise AccuracyGateClosed(
                f"accuracy gate closed after round {move.train_round} of {limits.train_rounds}: {last.reason}. "
                f"Nothing was published. {last.remedy if last.futile else more}"
            )
        return Move(Step.TRAIN_ATTRNET, move.label_round, move.train_round + 1)
    if move.label_round >= limits.label_rounds or limits.out_of_time:
        request = (
            f"The labelling request {last.request} in the store ranks the attributes."
            if last.request
            else "No attribute is to be labelled."
        )
        spent = ", perplexity_gate.max_hours are spent" if limits.out_of_time else ""
        raise PerplexityGateClosed(
            f"perplexity gate closed after round {move.label_round} of {limits.label_rounds}{spent}: {last.reason}. "
            f"Nothing was published; the last release stays. What to do: {last.remedy} {request}"
        )
    return Move(Step.LABEL, move.label_round + 1, 1)
