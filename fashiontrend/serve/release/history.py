"""Runs, gates and releases, read from the ledger; what never changes is read once."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from fashiontrend.loop import Step
from fashiontrend.outcomes import Check, IngestFacts, ScoreSummary, Verdict
from fashiontrend.serve.schemas.problems import Problem
from fashiontrend.serve.schemas.responses import (
    GateHistoryResponse,
    GatesResponse,
    GateVerdict,
    PastGateVerdict,
    ReleaseRow,
    ReleasesResponse,
    RunResponse,
    RunsResponse,
    RunStep,
)
from fashiontrend.serve.schemas.scorecard import ScorecardResponse
from fashiontrend.storage import layout, ledger
from fashiontrend.storage import releases as registry
from fashiontrend.storage.object_store import Store

GATES = {"accuracy": Step.TRAIN_ATTRNET, "perplexity": Step.TRAIN_FORECASTER, "health": Step.INGEST}
#: Runs that are listed, and kept in memory.
MAX_RUNS = 100


@dataclass(frozen=True)
class _RunVerdict:
    """A verdict of a gate, with the run and the step that it belongs to."""

    run: ledger.Run
    entry: ledger.Entry
    verdict: Verdict

    @property
    def value(self) -> int | float | None:
        return self._first_check.seen if self._first_check else None

    @property
    def limit(self) -> str:
        return self._first_check.limit if self._first_check else ""

    @property
    def _first_check(self) -> Check | None:
        return self.verdict.checks[0] if self.verdict.checks else None


class RunHistory:
    """The runs of a store; the newest are kept in memory."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._read: dict[str, tuple[int, ledger.Run]] = {}
        self._lock = threading.Lock()

    def runs(self) -> list[ledger.Run]:
        """Return the newest runs, oldest first; a run is read again once it has another step."""
        return self._newest(self._count())

    def _count(self) -> Counter[str]:
        """The number of files of every stored run."""
        keys = self.store.keys(layout.RUNS)
        return Counter(k.split("/")[1] for k in keys if k.endswith(".json"))

    def _newest(self, counted: Counter[str]) -> list[ledger.Run]:
        newest = sorted(counted)[-MAX_RUNS:]
        with self._lock:
            for run_id in newest:
                known = self._read.get(run_id)
                if known is None or known[0] != counted[run_id]:
                    self._read[run_id] = counted[run_id], ledger.load(self.store, run_id)
            self._read = {r: self._read[r] for r in newest}
            return [run for _, run in self._read.values()]

    def list_runs(self) -> RunsResponse:
        """Return the newest runs, newest first, without what their steps recorded."""
        return RunsResponse(runs=[_show(run, whole=False) for run in reversed(self.runs())])

    def run(self, run_id: str) -> RunResponse:
        """Return one run with what its steps recorded; runs that are no longer listed are found too.

        Raises:
            Problem: 404 if there is no such run.
        """
        counted = self._count()
        if run_id not in counted:
            detail = f"There is no run with this id. GET /v1/runs lists the newest {MAX_RUNS}."
            raise Problem(404, "not_found", detail)
        known = {run.run_id: run for run in self._newest(counted)}
        return _show(known.get(run_id) or ledger.load(self.store, run_id), whole=True)

    def gates(self) -> GatesResponse:
        """Return the newest verdict of every gate."""
        newest = {name: found for name in GATES for found in self._verdicts(name)}
        return GatesResponse(
            gates=[
                GateVerdict(
                    name=name,
                    run_id=found.run.run_id,
                    day=found.run.day.isoformat(),
                    at=found.entry.started_at,
                    passed=found.verdict.passed,
                    value=found.value,
                    limit=found.limit,
                    verdict=found.verdict.to_json(),
                )
                for name, found in newest.items()
            ]
        )

    def gate(self, name: str) -> GateHistoryResponse:
        """Return all verdicts of a gate, oldest first."""
        history = [
            PastGateVerdict(
                run_id=found.run.run_id,
                day=found.run.day.isoformat(),
                at=found.entry.started_at,
                label_round=found.entry.label_round,
                train_round=found.entry.train_round,
                passed=found.verdict.passed,
                value=found.value,
                limit=found.limit,
                reasons=list(found.verdict.reasons),
            )
            for found in self._verdicts(name)
        ]
        return GateHistoryResponse(name=name, history=history)

    def _verdicts(self, name: str) -> Iterator[_RunVerdict]:
        for run in self.runs():
            for entry in run.entries:
                verdict = _verdict(name, run, entry) if entry.step is GATES[name] else None
                if verdict is not None:
                    yield _RunVerdict(run, entry, verdict)

    def scorecard(self) -> ScorecardResponse:
        """Return how published keywords turned out, up to the newest day that scored some."""
        newest = max(self.store.committed(layout.SCORECARDS), default=None)
        manifest = self.store.manifest(newest) if newest else None
        if newest is None or manifest is None:
            return _show_scores(ScoreSummary(), None)
        summary = ScoreSummary.from_json(manifest.facts["summary"], f"{newest}: summary")
        return _show_scores(summary, layout.parts(newest)["as_of"])

    def releases(self) -> ReleasesResponse:
        """Return all releases, newest first, without their gates' verdicts."""
        current = registry.current(self.store)
        current_id = current.release_id if current else ""
        newest_first = reversed(registry.releases(self.store))
        rows = [_release_row(registry.load(self.store, r), current_id) for r in newest_first]
        return ReleasesResponse(current=current_id, releases=rows)


def _show_scores(summary: ScoreSummary, as_of: str | None) -> ScorecardResponse:
    return ScorecardResponse.model_validate({**summary.to_json(), "as_of": as_of})


def _release_row(release: registry.Release, current_id: str) -> ReleaseRow:
    facts = {k: v for k, v in vars(release).items() if k not in ("accuracy", "perplexity")}
    return ReleaseRow(**facts, current=release.release_id == current_id)


def _verdict(name: str, run: ledger.Run, entry: ledger.Entry) -> Verdict | None:
    """The verdict of an entry; that of data health says which platforms' day is withheld."""
    if name != "health":
        return entry.verdict
    facts = entry.facts
    withheld = facts.withheld if isinstance(facts, IngestFacts) else ()
    today = [w for w in withheld if w.day == run.day]
    check = Check("withheld_platforms", len(today), "== 0", not today, f"on {run.day}")
    reasons = tuple(f"{w.platform}: {w.reason}" for w in today)
    return Verdict("health", not today, (check,), reasons)


def _show(run: ledger.Run, whole: bool) -> RunResponse:
    return RunResponse(
        run_id=run.run_id,
        day=run.day.isoformat(),
        started_at=run.started_at,
        release=run.release,
        code_version=run.code_version,
        taxonomy_version=run.taxonomy_version,
        seconds=round(sum(e.seconds for e in run.entries), 2),
        steps=[_show_step(e, whole) for e in run.entries],
    )


def _show_step(entry: ledger.Entry, whole: bool) -> RunStep:
    step = RunStep(
        step=str(entry.step),
        label_round=entry.label_round,
        train_round=entry.train_round,
        started_at=entry.started_at,
        seconds=entry.seconds,
        passed=entry.passed,
    )
    if whole:
        step.output, step.facts = entry.output, entry.facts.to_json()
    return step
