"""What every step of a run receives (its context) and returns (its outcome), and the clock that steps read."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from fashiontrend import taxonomy
from fashiontrend.config import Config
from fashiontrend.errors import ConfigError
from fashiontrend.loop import Move
from fashiontrend.outcomes import Facts, Verdict
from fashiontrend.pipeline.catalogue import Catalogue
from fashiontrend.storage import layout, ledger
from fashiontrend.storage.object_store import Store
from fashiontrend.taxonomy import Taxonomy


@dataclass(frozen=True)
class Context:
    """Everything a step needs.

    Attributes:
        config: all settings.
        catalogue: the reader of the run's data, shared by all its steps.
        taxonomy: attributes and values.
        run: what was done so far.
        move: the step to take.
    """

    config: Config
    catalogue: Catalogue
    taxonomy: Taxonomy
    run: ledger.Run
    move: Move

    @property
    def store(self) -> Store:
        """The layout of the store: it gives the key of everything that the run reads and writes."""
        return self.catalogue.store

    @property
    def day(self) -> date:
        """The last day that the run may read."""
        return self.run.day

    @property
    def platforms(self) -> tuple[str, ...]:
        """Names of all platforms that are not switched off."""
        return self.catalogue.platforms

    @property
    def days(self) -> tuple[date, ...]:
        """All days that the run reads, in order."""
        return self.catalogue.days


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
