"""Runs, gates and releases, from the ledger. What is written once is read once."""

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

from fashiontrend.loop import Step
from fashiontrend.outcomes import Check, IngestFacts, Verdict
from fashiontrend.serve.http.problems import Problem
from fashiontrend.storage import layout, ledger
from fashiontrend.storage import releases as registry
from fashiontrend.storage.object_store import Store

GATES = {"accuracy": Step.TRAIN_ATTRNET, "perplexity": Step.TRAIN_FORECASTER, "health": Step.INGEST}
MOST_RUNS = 100


class History:
    """The runs of a store; the newest are kept in memory."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._read: dict[str, tuple[int, ledger.Run]] = {}
        self._lock = threading.Lock()

    def runs(self) -> list[ledger.Run]:
        """The newest, oldest of them first; a run is read again when it has taken another step."""
        return self._newest(self._count())

    def _count(self) -> Counter[str]:
        """Files of every run that is stored."""
        keys = self.store.keys(layout.RUNS)
        return Counter(k.split("/")[1] for k in keys if k.endswith(".json"))

    def _newest(self, counted: Counter[str]) -> list[ledger.Run]:
        newest = sorted(counted)[-MOST_RUNS:]
        with self._lock:
            for run_id in newest:
                known = self._read.get(run_id)
                if known is None or known[0] != counted[run_id]:
                    self._read[run_id] = counted[run_id], ledger.load(self.store, run_id)
            self._read = {r: self._read[r] for r in newest}
            return [run for _, run in self._read.values()]

    def show_runs(self) -> dict[str, Any]:
        """Newest first, in short."""
        return {"runs": [_show(run, whole=False) for run in reversed(self.runs())]}

    def show_run(self, run_id: str) -> dict[str, Any]:
        """One run with what its steps found; one that is too old to be listed is read anew.

        Raises:
            Problem: 404.
        """
        counted = self._count()
        if run_id not in counted:
            raise Problem(
                404,
                "not_found",
                f"There is no such run; GET /v1/runs lists the newest {MOST_RUNS}.",
            )
        known = {run.run_id: run for run in self._newest(counted)}
        return _show(known.get(run_id) or ledger.load(self.store, run_id), whole=True)

    def gates(self) -> dict[str, Any]:
        """The newest verdict of every gate."""
        newest = {}
        for name in GATES:
            for verdict in self._verdicts(name):
                newest[name] = verdict
        told = ("name", "run_id", "day", "at", "passed", "value", "limit", "verdict")
        return {"gates": [{k: v[k] for k in told} for v in newest.values()]}

    def gate(self, name: str) -> dict[str, Any]:
        """All verdicts of a gate."""
        left_out = ("name", "verdict")
        history = [
            {k: v for k, v in verdict.items() if k not in left_out}
            | {"reasons": list(verdict["verdict"]["reasons"])}
            for verdict in self._verdicts(name)
        ]
        return {"name": name, "history": history}

    def _verdicts(self, name: str) -> Iterator[dict[str, Any]]:
        for run in self.runs():
            for entry in run.entries:
                verdict = _verdict(name, run, entry) if entry.step is GATES[name] else None
                if verdict is None:
                    continue
                first = verdict.checks[0] if verdict.checks else None
                yield {
                    "name": name,
                    "run_id": run.run_id,
                    "day": run.day.isoformat(),
                    "at": entry.started_at,
                    "label_round": entry.label_round,
                    "train_round": entry.train_round,
                    "passed": verdict.passed,
                    "value": first.seen if first else None,
                    "limit": first.limit if first else "",
                    "verdict": verdict.to_json(),
                }

    def releases(self) -> dict[str, Any]:
        """Newest first; the current one is marked."""
        current = registry.current(self.store)
        here = current.release_id if current else ""
        told = []
        for release_id in reversed(registry.releases(self.store)):
            release = registry.load(self.store, release_id)
            facts = {
                k: v for k, v in release.to_json().items() if k not in ("accuracy", "perplexity")
            }
            told.append({**facts, "current": release_id == here})
        return {"current": here, "releases": told}


def _verdict(name: str, run: ledger.Run, entry: ledger.Entry) -> Verdict | None:
    """The verdict of an entry; that of data health says which platforms' day is withheld."""
    if name != "health":
        return entry.verdict
    facts = entry.facts
    withheld = facts.withheld if isinstance(facts, IngestFacts) else ()
    today = [w for w in withheld if w.day == run.day]
    seen = Check("withheld_platforms", len(today), "== 0", not today, f"on {run.day}")
    reasons = tuple(f"{w.platform}: {w.reason}" for w in today)
    return Verdict("health", not today, (seen,), reasons)


def _show(run: ledger.Run, whole: bool) -> dict[str, Any]:
    steps = [
        {
            "step": str(e.step),
            "label_round": e.label_round,
            "train_round": e.train_round,
            "started_at": e.started_at,
            "seconds": e.seconds,
            "passed": e.passed,
            **({"output": e.output, "facts": e.facts.to_json()} if whole else {}),
        }
        for e in run.entries
    ]
    return {
        "run_id": run.run_id,
        "day": run.day.isoformat(),
        "started_at": run.started_at,
        "release": run.release,
        "code_version": run.code_version,
        "taxonomy_version": run.taxonomy_version,
        "seconds": round(sum(e.seconds for e in run.entries), 2),
        "steps": steps,
    }
