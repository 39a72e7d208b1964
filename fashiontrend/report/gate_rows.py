"""The gates of a run as rows of the page: every round, and the last verdicts of earlier runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from fashiontrend.loop import Step
from fashiontrend.outcomes import Check, LabelFacts, TrainAttrnetFacts
from fashiontrend.storage.ledger import Entry, Run

#: Gated step -> the gate's name, its Chinese name, and the question that it decides.
GATES = {
    Step.TRAIN_ATTRNET: (
        "Accuracy gate",
        "识别准确率门控",
        "Does the recogniser read garments accurately enough?",
    ),
    Step.TRAIN_FORECASTER: (
        "Perplexity gate",
        "趋势困惑度门控",
        "Does the trend model fit days it never saw, better than naive forecasts?",
    ),
}
#: Checks of one attribute are named `kind:attribute`; they are listed only in the details.
OWN = ":"


@dataclass(frozen=True)
class RoundRow:
    """A gate's decision in one round of training or labelling; `blamed` lists (attribute, reason) pairs."""

    label_round: int
    train_round: int
    passed: bool
    main: tuple[Check, ...]
    own: tuple[Check, ...]
    changed: str
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    remedy: str
    blamed: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class GateRow:
    """One gate; its state is open, closed, release (earlier models are used) or unreached."""

    id: str
    name: str
    zh: str
    question: str
    state: str
    rounds: tuple[RoundRow, ...]


@dataclass(frozen=True)
class LastVerdict:
    """The last verdict of a gate in an earlier run, with its first check; None if not reached."""

    rounds: int
    passed: bool | None
    check: Check | None


@dataclass(frozen=True)
class HistoryRow:
    """An earlier run: its gates in the order of `GATES`, and whether it published."""

    run_id: str
    day: str
    release: str | None
    gates: tuple[LastVerdict, ...]
    published: bool


def list_gates(run: Run) -> list[GateRow]:
    """Both gates with every round: verdict, checks, what the round changed, reasons and remedy."""
    return [
        GateRow(
            id=str(step),
            name=name,
            zh=zh,
            question=question,
            state=_state(run, step),
            rounds=tuple(describe_round(run, e) for e in run.entries if e.step is step),
        )
        for step, (name, zh, question) in GATES.items()
    ]


def _state(run: Run, step: Step) -> str:
    verdicts = run.verdicts(step)
    if verdicts:
        return "open" if verdicts[-1].passed else "closed"
    return "release" if run.release else "unreached"


def describe_round(run: Run, entry: Entry) -> RoundRow:
    """One round of a gate."""
    verdict = entry.verdict
    checks = verdict.checks if verdict else ()
    return RoundRow(
        label_round=entry.label_round,
        train_round=entry.train_round,
        passed=bool(entry.passed),
        main=tuple(c for c in checks if OWN not in c.name),
        own=tuple(c for c in checks if OWN in c.name),
        changed=_changed(run, entry),
        reasons=verdict.reasons if verdict else (),
        warnings=verdict.warnings if verdict else (),
        remedy=verdict.remedy if verdict else "",
        blamed=tuple((a, found.reason) for a, found in verdict.blamed.items()) if verdict else (),
    )


def _changed(run: Run, entry: Entry) -> str:
    """What differs from the round before: labels after a closed perplexity gate, then training."""
    own = entry.facts.changed if isinstance(entry.facts, TrainAttrnetFacts) else ""
    if entry.label_round == 1 or entry.train_round > 1:
        return own or "first round"
    rounds = (e.facts for e in run.entries if e.label_round == entry.label_round)
    labelled = [facts for facts in rounds if isinstance(facts, LabelFacts)]
    facts = labelled[-1] if labelled else LabelFacts()
    named, dropped = ", ".join(facts.named), len(facts.dropped_rules)
    parts = [
        f"labelled again with {named} audited" if named else "labelled and resampled again",
        f"{dropped} title rule{'s' if dropped != 1 else ''} dropped" if dropped else "",
        own,
    ]
    return "; ".join(part for part in parts if part)


def list_history(runs: Sequence[Run]) -> list[HistoryRow]:
    """The gates of earlier runs, newest first: rounds, verdict and the number each gate is about."""
    return [
        HistoryRow(
            run_id=run.run_id,
            day=str(run.day),
            release=run.release,
            gates=tuple(_last_verdict(run, step) for step in GATES),
            published=any(e.step is Step.PUBLISH for e in run.entries),
        )
        for run in runs
    ]


def _last_verdict(run: Run, step: Step) -> LastVerdict:
    verdicts = run.verdicts(step)
    if not verdicts:
        return LastVerdict(0, None, None)
    checks = verdicts[-1].checks
    return LastVerdict(len(verdicts), verdicts[-1].passed, checks[0] if checks else None)
