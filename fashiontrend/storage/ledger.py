"""What each run did: one file per finished step, created exclusively, so that a run can be gone on with."""

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from fashiontrend.errors import Conflict
from fashiontrend.loop import Done, Move, Step
from fashiontrend.storage import layout
from fashiontrend.storage.object_store import Store


@dataclass(frozen=True)
class Entry:
    """A finished step: what it was, how long it took, where its output lies, what it found."""

    step: Step
    label_round: int
    train_round: int
    started_at: str
    seconds: float
    output: str
    facts: dict[str, Any]
    verdict: dict[str, Any] | None = None

    @property
    def done(self) -> Done:
        """What the state machine needs to know of it."""
        verdict = self.verdict or {}
        blamed = any(a.get("reason") for a in verdict.get("per_attribute", {}).values())
        return Done(
            Move(self.step, self.label_round, self.train_round),
            verdict.get("passed"),
            "; ".join(verdict.get("reasons", ())),
            verdict.get("remedy", ""),
            self.facts.get("labelling_request", "") if blamed else "",
            verdict.get("futile", False),
        )


@dataclass(frozen=True)
class Run:
    """One execution of the loop for one day: how it was started and what it has finished."""

    run_id: str
    day: date
    started_at: str
    config: dict[str, Any]
    code_version: str
    taxonomy_version: str
    taxonomy_digest: str
    release: str | None  # used as it is; None on a training day
    entries: tuple[Entry, ...] = ()

    def latest(self, step: Step) -> Entry:
        """The newest entry of a step.

        Raises:
            LookupError: the step was not taken yet.
        """
        for entry in reversed(self.entries):
            if entry.step is step:
                return entry
        raise LookupError(f"run {self.run_id}: step {step} was not taken yet")

    def verdicts(self, step: Step) -> tuple[dict[str, Any], ...]:
        """Every verdict of a gated step, in order, with its rounds."""
        return tuple(
            {**(e.verdict or {}), "label_round": e.label_round, "train_round": e.train_round}
            for e in self.entries
            if e.step is step
        )


def start(store: Store, run: Run) -> Run:
    """Begin a run, or return what was begun under the same id, with all it has finished."""
    body = {k: v for k, v in asdict(run).items() if k != "entries"}
    try:
        store.create(layout.run(run.run_id), json.dumps(body, indent=1, default=str).encode())
    except Conflict:
        return load(store, run.run_id)
    return run


def load(store: Store, run_id: str) -> Run:
    """Read a run with its entries.

    Raises:
        StoreError: there is no such run.
    """
    body = store.read_json(layout.run(run_id))
    entries = (store.read_json(key) for key in store.keys(layout.run_steps(run_id)))
    return Run(
        **{**body, "day": date.fromisoformat(body["day"])},
        entries=tuple(Entry(**{**e, "step": Step(e["step"])}) for e in entries),
    )


def record(store: Store, run: Run, entry: Entry) -> Run:
    """Add a finished step.

    Raises:
        Conflict: another process drives the same run and was first.
    """
    key = layout.run_step(run.run_id, len(run.entries) + 1)
    try:
        store.create(key, json.dumps(asdict(entry), indent=1, default=str).encode())
    except Conflict as error:
        raise Conflict(
            f"run {run.run_id}: another process finished {entry.step} first. "
            "Let it go on; the same command continues from its last step."
        ) from error
    return load(store, run.run_id)


def runs(store: Store) -> list[str]:
    """Ids of all runs, oldest day first."""
    return [k.split("/")[1] for k in store.keys(layout.RUNS) if k.endswith("/run.json")]


def now_text(now: datetime) -> str:
    """A time as the ledger writes it."""
    return now.isoformat(timespec="seconds")
