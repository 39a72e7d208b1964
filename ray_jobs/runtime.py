"""What every job shares: its context, the connection to Ray, and the edge that turns errors into exit codes."""

import argparse
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import ray
import ray.data

from fashiontrend import config as configuration
from fashiontrend.storage import ledger, layout
from fashiontrend import taxonomy, console
from fashiontrend.config import Config
from fashiontrend.errors import ConfigError, StoreError
from fashiontrend.loop import Move
from fashiontrend.storage.object_store import Store
from fashiontrend.taxonomy import Taxonomy

log = logging.getLogger(__name__)


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
    facts: dict[str, Any]
    verdict: dict[str, Any] | None = None


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


def connect(config: Config) -> None:
    """Start a local Ray or join the cluster, once per process.

    Raises:
        StoreError: no cluster answers at the address.
    """
    if ray.is_initialized():
        return
    local = config.ray.address == "local"
    options: dict[str, Any] = (
        {
            "num_cpus": config.ray.num_cpus,
            "object_store_memory": config.ray.object_store_bytes,
            "include_dashboard": False,
        }
        if local
        else {}
    )
    # Ray's own warnings about a machine are for its operator, not for each run's reader.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_TRAIN_WORKER_HEALTH_CHECK_TIMEOUT_S", "120")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal" if local else "warning")
    try:
        ray.init(address=config.ray.address, log_to_driver=False, logging_level="ERROR", **options)
    except (ConnectionError, RuntimeError) as error:
        raise StoreError(
            f"ray.address {config.ray.address!r}: {error}. "
            "Start a cluster there, or set ray.address to `local`."
        ) from error
    if local:  # Ray Data narrates every dataset; a run has its own lines
        logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # Version 2 of the Parquet reader starts a fresh worker process every few files (28 for 268
    # files here, 33 s instead of 14 s) and hangs without a whole free CPU: docs/results.md.
    context.use_datasource_v2 = False
    # Small blocks keep several in flight inside a small object store: nothing is spilled.
    context.target_max_block_size = min(16 << 20, config.ray.object_store_bytes // 20)


def disconnect() -> None:
    """Stop the local Ray that `connect` started."""
    if ray.is_initialized():
        ray.shutdown()


def read_parquet(store: Store, keys: list[str], columns: list[str]) -> "ray.data.Dataset":
    """A dataset over Parquet files of the store; only these columns are read."""
    dataset = ray.data.read_parquet(
        [store.path(k) for k in keys], filesystem=store.filesystem, partitioning=None, num_cpus=1
    )
    return dataset.select_columns(columns)


def now() -> datetime:
    """The time of the machine, in UTC; the only clock that jobs read."""
    return datetime.now(tz=UTC)


def main(job: Callable[[Config, date], Any], description: str) -> None:
    """Parse `--config` and `--day`, run a job, and end with the exit code of what happened."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--config", help="YAML file; FASHIONTREND_CONFIG if not given")
    parser.add_argument("--day", type=date.fromisoformat, help="UTC day; today if not given")
    arguments = parser.parse_args()
    sys.exit(
        console.guard(
            lambda: job(configuration.load(arguments.config), arguments.day or now().date())
        )
    )
