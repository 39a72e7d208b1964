"""What every step of a run receives (its context) and returns (its outcome), and the clock that steps read."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from fashiontrend import taxonomy
from fashiontrend.config import Config
from fashiontrend.errors import ConfigError
from fashiontrend.loop import Move
from fashiontrend.outcomes import Facts, Verdict
from fashiontrend.storage import layout, ledger
from fashiontrend.storage.object_store import Store
from fashiontrend.taxonomy import Taxonomy


@dataclass(frozen=True)
class Context:
    """Everything a step needs: settings, store, taxonomy, the run so far and the step to take."""

    config: Config
    store: Store
    taxonomy: Taxonomy
    run: ledger.Run
    move: Move

    @property
    def day(self) -> date:
        """The last day that the run may read."""
        return self.run.day

    @property
    def first_day(self) -> date:
        """The first day that the run reads."""
        return self.day - timedelta(days=self.config.loop.history_days - 1)

    @property
    def platforms(self) -> tuple[str, ...]:
        """Names of all platforms that are not switched off."""
        return tuple(p.name for p in self.config.crawl.platforms if p.enabled)

    @property
    def days(self) -> tuple[date, ...]:
        """All days that the run reads, in order."""
        return tuple(
            self.first_day + timedelta(days=n) for n in range(self.config.loop.history_days)
        )


@dataclass(frozen=True)
class Outcome:
    """What a step made: where it lies, facts for the ledger, and the gate's verdict if it has one."""

    output: str
    facts: Facts
    verdict: Verdict | None = None


def load_taxonomy(config: Config, store: Store) -> Taxonomy:
    """The taxonomy of the configuration: a file, an imported set's own, or the shipped one."""
    if config.taxonomy is None and config.labels.imported_sets:
        manifest = store.manifest(layout.annotation_set(config.labels.imported_sets[0]))
        if manifest is None:
            raise ConfigError(
                f"labels.imported_sets names {config.labels.imported_sets[0]!r}, which is not in the store. "
                "Run `fashiontrend import` first."
            )
        whole = Taxonomy.model_validate(manifest.facts["taxonomy"])
    else:
        whole = taxonomy.load(config.taxonomy)
    return whole.subset(config.attributes)


def now() -> datetime:
    """The time of the machine, in UTC; the only clock that jobs read."""
    return datetime.now(tz=UTC)
