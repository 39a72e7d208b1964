"""The connection to Ray, and reading Parquet files of the store through Ray Data."""

import logging
import os
from typing import Any

import pyarrow.dataset as pads
import ray
import ray.data

from fashiontrend.config import Config
from fashiontrend.errors import StoreError
from fashiontrend.storage.object_store import Store


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
    """A dataset over Parquet files of the store; only these columns are read.

    Sizes and footers are compared here, and the checksums of the pages where they are read.

    Raises:
        DataError: a file is damaged.
    """
    store.check_footers(keys)
    dataset = ray.data.read_parquet(
        [store.path(k) for k in keys],
        filesystem=store.filesystem,
        partitioning=None,
        num_cpus=1,
        fragment_scan_options=pads.ParquetFragmentScanOptions(page_checksum_verification=True),
    )
    return dataset.select_columns(columns)
