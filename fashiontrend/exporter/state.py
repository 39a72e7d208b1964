"""What the store holds now: crawled days, catalogued days, runs, shares, the scorecard.

Committed partitions never change, so each is read once; a run is read again when it has
another step.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

import pyarrow as pa

from fashiontrend.keywords.published import KeywordRecord, KeywordsFile
from fashiontrend.loop import Step
from fashiontrend.outcomes import Facts, HealthFacts, ScoreSummary, Verdict
from fashiontrend.storage import layout, ledger, releases
from fashiontrend.storage.object_store import Store
from fashiontrend.storage.releases import Release

F = TypeVar("F", bound=Facts)
KEYWORDS_FILE = "keywords.json"
SHARE_COLUMNS = ("platform", "attribute", "value", "day", "share", "low", "high", "withheld")


@dataclass(frozen=True)
class PlatformDay:
    """A platform's day as a stage left it: `facts` of its manifest or of its failure record."""

    platform: str
    day: date
    facts: Mapping[str, Any]

    def count(self, name: str) -> int:
        """A number of its facts; 0 if the version that wrote them did not count it."""
        return int(self.facts.get(name) or 0)

    @property
    def health(self) -> HealthFacts | None:
        """The numbers of the data-health gate; None if the day is not catalogued."""
        found = self.facts.get("health")
        return None if found is None else HealthFacts.from_json(found, self.name)

    @property
    def verdict(self) -> Verdict | None:
        """The verdict of the data-health gate; None if the day is not catalogued."""
        found = self.facts.get("verdict")
        return None if found is None else Verdict.from_json(found, self.name)

    @property
    def name(self) -> str:
        """The platform and the day, for messages."""
        return f"{self.platform} of {self.day}"


@dataclass(frozen=True)
class StoreState:
    """Everything that the metrics are computed from."""

    crawled: tuple[PlatformDay, ...] = ()  # committed crawls
    failed: tuple[PlatformDay, ...] = ()  # crawls that committed nothing
    catalogued: tuple[PlatformDay, ...] = ()
    runs: tuple[ledger.Run, ...] = ()  # oldest first
    release: Release | None = None
    shares: pa.Table | None = None  # columns SHARE_COLUMNS of the newest series
    scorecard: ScoreSummary | None = None
    keywords: tuple[KeywordRecord, ...] = ()  # of the newest day

    def newest(self, step: Step) -> tuple[ledger.Run, ledger.Entry] | None:
        """The newest finished entry of a step, over all runs."""
        return next(reversed(self.all(step)), None)

    def facts(self, kind: type[F]) -> list[F]:
        """Every finding of a kind, oldest first."""
        return [e.facts for run in self.runs for e in run.entries if isinstance(e.facts, kind)]

    def all(self, step: Step) -> list[tuple[ledger.Run, ledger.Entry]]:
        """Every finished entry of a step, oldest first."""
        return [(run, entry) for run in self.runs for entry in run.entries if entry.step is step]


class Reader:
    """Reads a store again and again, each immutable thing once.

    Args:
        store: what is read; nothing is ever written.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._facts: dict[str, Mapping[str, Any]] = {}
        self._runs: dict[str, ledger.Run] = {}
        self._shares: tuple[str, pa.Table] | None = None
        self._keywords: tuple[str, tuple[KeywordRecord, ...]] = ("", ())

    def read(self) -> StoreState:
        """The state of the store.

        Raises:
            StoreError: it cannot be reached.
        """
        runs = self._read_runs()
        state = StoreState(runs=runs)
        return StoreState(
            crawled=self._read_partitions(layout.RAW_DAYS),
            failed=self._read_failures(),
            catalogued=self._read_partitions(layout.CATALOGUE),
            runs=runs,
            release=releases.current(self.store),
            shares=self._read_shares(state),
            scorecard=self._read_scorecard(),
            keywords=self._read_keywords(state),
        )

    def _read_partitions(self, prefix: str) -> tuple[PlatformDay, ...]:
        return tuple(_platform_day(p, self._manifest(p)) for p in self.store.committed(prefix))

    def _read_failures(self) -> tuple[PlatformDay, ...]:
        keys = self.store.keys(layout.CRAWL_FAILURES)
        return tuple(_platform_day(k, self._json(k)) for k in keys)

    def _manifest(self, partition: str) -> Mapping[str, Any]:
        if partition not in self._facts:
            manifest = self.store.manifest(partition)
            self._facts[partition] = manifest.facts if manifest else {}
        return self._facts[partition]

    def _json(self, key: str) -> Mapping[str, Any]:
        if key not in self._facts:
            self._facts[key] = self.store.read_json(key)
        return self._facts[key]

    def _read_runs(self) -> tuple[ledger.Run, ...]:
        """Every run, in the order of day and start; one that has no new step is not read again."""
        keys = self.store.keys(layout.RUNS)
        for run_id in (k.split("/")[1] for k in keys if k.endswith("/run.json")):
            steps = sum(k.startswith(layout.run_steps(run_id)) for k in keys)
            known = self._runs.get(run_id)
            if known is None or len(known.entries) < steps:
                self._runs[run_id] = ledger.load(self.store, run_id)
        return tuple(sorted(self._runs.values(), key=lambda r: (r.day, r.started_at)))

    def _read_shares(self, state: StoreState) -> pa.Table | None:
        found = state.newest(Step.SHARES)
        if found is None:
            return None
        output = found[1].output
        if self._shares is None or self._shares[0] != output:
            table = self.store.read_partition(output, "shares", SHARE_COLUMNS)
            self._shares = (output, table)
        return self._shares[1]

    def _read_keywords(self, state: StoreState) -> tuple[KeywordRecord, ...]:
        """The keywords that the newest run published, of the whole catalogue; none before the first."""
        found = state.newest(Step.PUBLISH)
        if found is None:
            return ()
        output = found[1].output
        if self._keywords[0] != output:
            key, manifest = f"{output}/{KEYWORDS_FILE}", self.store.manifest(output)
            held: list[KeywordRecord] = []
            if manifest is not None and key in manifest.files:
                file: KeywordsFile = self.store.read_json(key)
                held = file["keywords"]
            self._keywords = (output, tuple(held))
        return self._keywords[1]

    def _read_scorecard(self) -> ScoreSummary | None:
        """The running rates that the newest day's scorecard holds; None before the first."""
        days = self.store.committed(layout.SCORECARDS)
        found = self._manifest(days[-1]).get("summary") if days else None
        return ScoreSummary.from_json(found, days[-1]) if found else None


def _platform_day(key: str, facts: Mapping[str, Any]) -> PlatformDay:
    named = layout.parts(key)
    return PlatformDay(named["platform"], date.fromisoformat(named["day"]), facts)
