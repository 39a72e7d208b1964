"""What each run did: one file per finished step, created exclusively, so that a run can be resumed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, TypeVar

from fashiontrend.errors import Conflict, DataError
from fashiontrend.loop import Done, Move, Step
from fashiontrend.outcomes import (
    CrawlFacts,
    Facts,
    IngestFacts,
    LabelFacts,
    PublishFacts,
    RecogniseFacts,
    SharesFacts,
    TrainAttrnetFacts,
    TrainForecasterFacts,
    Verdict,
)
from fashiontrend.storage import layout
from fashiontrend.storage.digests import damaged, seal
from fashiontrend.storage.object_store import Store
from fashiontrend.typed_json import JsonObject, to_plain

#: The facts that each step writes.
FACTS: Mapping[Step, type[Facts]] = {
    Step.CRAWL: CrawlFacts,
    Step.INGEST: IngestFacts,
    Step.LABEL: LabelFacts,
    Step.TRAIN_ATTRNET: TrainAttrnetFacts,
    Step.RECOGNISE: RecogniseFacts,
    Step.SHARES: SharesFacts,
    Step.TRAIN_FORECASTER: TrainForecasterFacts,
    Step.PUBLISH: PublishFacts,
}
F = TypeVar("F", bound=Facts)


@dataclass(frozen=True)
class Entry:
    """A finished step: what it was, how long it took, where its output lies, what it found."""

    step: Step
    label_round: int
    train_round: int
    started_at: str
    seconds: float
    output: str
    facts: Facts
    verdict: Verdict | None = None

    @property
    def done(self) -> Done:
        """The step as the state machine needs it."""
        move = Move(self.step, self.label_round, self.train_round)
        verdict = self.verdict
        if verdict is None:
            return Done(move)
        facts = self.facts
        request = facts.labelling_request if isinstance(facts, TrainForecasterFacts) else ""
        return Done(
            move,
            verdict.passed,
            "; ".join(verdict.reasons),
            verdict.remedy,
            request if verdict.blamed else "",
            verdict.futile,
        )

    @property
    def passed(self) -> bool | None:
        """Whether its gate is open; None if the step has no gate."""
        return self.verdict.passed if self.verdict else None

    def to_json(self) -> JsonObject:
        """Plain JSON, as the ledger keeps it."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: to_plain(value) for name, value in plain.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], source: str = "") -> "Entry":
        """Read a value from what `to_json` returned, in this version or the one before.

        Raises:
            DataError: this version cannot read it.
        """
        with _damage_named(source):
            step, verdict = Step(data["step"]), data.get("verdict")
            return cls(
                step=step,
                label_round=int(data["label_round"]),
                train_round=int(data["train_round"]),
                started_at=str(data["started_at"]),
                seconds=float(data["seconds"]),
                output=str(data["output"]),
                facts=FACTS[step].from_json(data.get("facts") or {}, f"{source}: facts"),
                verdict=None
                if verdict is None
                else Verdict.from_json(verdict, f"{source}: verdict"),
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

    def facts(self, kind: type[F]) -> F:
        """The newest facts of a kind.

        Raises:
            LookupError: the step that writes them was not taken yet.
        """
        found = self.find_facts(kind)
        if found is None:
            raise LookupError(f"run {self.run_id}: no step has written {kind.__name__} yet")
        return found

    def find_facts(self, kind: type[F]) -> F | None:
        """The newest facts of a kind; None if the step that writes them was not taken yet."""
        return next((e.facts for e in reversed(self.entries) if isinstance(e.facts, kind)), None)

    def verdicts(self, step: Step) -> tuple[Verdict, ...]:
        """Every verdict of a gated step, in order."""
        return tuple(e.verdict for e in self.entries if e.step is step and e.verdict)

    def to_json(self) -> JsonObject:
        """Return how the run was started as plain JSON; the entries lie in files of their own."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "entries"}
        return {name: to_plain(value) for name, value in plain.items()}


@contextmanager
def _damage_named(source: str) -> Iterator[None]:
    """Turn what a document without the fields of a record raises into a DataError."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(damaged(source, repr(error))) from error


def start(store: Store, run: Run) -> Run:
    """Begin a run, or return what was begun under the same id, with all it has finished."""
    body = run.to_json()
    try:
        store.create(layout.run(run.run_id), seal(body))
    except Conflict:
        return load(store, run.run_id)
    return run


def load(store: Store, run_id: str) -> Run:
    """Read a run with its entries.

    Raises:
        StoreError: there is no such run.
        DataError: this version cannot read it.
    """
    key = layout.run(run_id)
    body = store.read_json(key)
    entries = tuple(
        Entry.from_json(store.read_json(step), step)
        for step in store.keys(layout.run_steps(run_id))
    )
    known = {f.name for f in fields(Run)} - {"entries", "day"}
    stated: dict[str, Any] = {name: value for name, value in body.items() if name in known}
    with _damage_named(store.uri(key)):
        return Run(**stated, day=date.fromisoformat(str(body["day"])), entries=entries)


def record(store: Store, run: Run, entry: Entry) -> Run:
    """Add a finished step.

    Raises:
        Conflict: another process drives the same run and was first.
    """
    key = layout.run_step(run.run_id, len(run.entries) + 1)
    try:
        store.create(key, seal(entry.to_json()))
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
