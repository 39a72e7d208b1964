"""Checks of this machine and its configuration, each with what to do about a fault."""

import asyncio
import os
import shutil
import socket
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psutil

from fashiontrend import config as configuration
from fashiontrend.commands.finding import Finding
from fashiontrend.config import Config, PlatformConfig
from fashiontrend.errors import ConfigError, Conflict, FashiontrendError, StoreError
from fashiontrend.storage.object_store import Store, open_store

MIN_MEMORY_GB = 6
MIN_DISK_GB = 2
# Enough to catch a server that looks first and writes later: versitygw 1.7.0 in four tries of four.
RACES = 6
RACERS = 16


def examine(path: str | None, only: tuple[str, ...] = (), offline: bool = False) -> list[Finding]:
    """Run every check, or the named ones; a check that fails does not stop the others.

    Args:
        path: of the configuration.
        only: names of checks; none stands for all.
        offline: no shop is asked.

    Raises:
        ConfigError: there is no check of that name.
    """
    if only:
        return _chosen(path, only)
    findings = [_python(), _memory(), _cores()]
    try:
        config = configuration.load(path)
    except ConfigError as error:
        return [*findings, Finding("configuration", False, str(error), "Correct the file.", 30)]
    findings.append(Finding("configuration", True, path or "defaults and environment"))
    checks = [*_by_name().values(), _disk]
    findings += [check(config) for check in checks]
    findings += [] if offline else examine_shops(config)
    if not all(f.good for f in findings if f.name in ("store", "taxonomy")):
        return findings
    from fashiontrend.commands import road

    return [*findings, road.examine_labels(config), road.examine_days(config)]


def _by_name() -> dict[str, Callable[[Config], Finding]]:
    """Checks that are useful on any machine. Free disk space matters only where runs happen."""
    return {
        "taxonomy": _taxonomy,
        "weights": _weights,
        "platforms": _platforms,
        "store": examine_store,
        "ray": _ray,
    }


def _chosen(path: str | None, only: tuple[str, ...]) -> list[Finding]:
    """Run the named checks of the configuration, on a machine that need not be the one of the runs."""
    checks = {name: _single(check) for name, check in _by_name().items()}
    checks["shops"] = examine_shops
    if unknown := set(only) - set(checks):
        raise ConfigError(f"no check {', '.join(sorted(unknown))}; there are {', '.join(checks)}.")
    config = configuration.load(path)
    return [finding for name in only for finding in checks[name](config)]


def _single(check: Callable[[Config], Finding]) -> Callable[[Config], list[Finding]]:
    return lambda config: [check(config)]


def _python() -> Finding:
    seen = ".".join(map(str, sys.version_info[:3]))
    return Finding(
        "Python",
        sys.version_info >= (3, 11),
        seen,
        "" if sys.version_info >= (3, 11) else "Install Python 3.11 or newer.",
    )


def _memory() -> Finding:
    free_gb = psutil.virtual_memory().available / 1e9
    good = free_gb >= MIN_MEMORY_GB
    return Finding(
        "memory",
        good,
        f"{free_gb:.1f} GB free",
        "" if good else f"Free {MIN_MEMORY_GB} GB, or lower ray.num_cpus and ray.train_workers.",
    )


def _cores() -> Finding:
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return Finding(
        "cores",
        cores >= 2,
        str(cores),
        "" if cores >= 2 else "Use a machine with two cores: one is kept for reading.",
    )


def _taxonomy(config: Config) -> Finding:
    from fashiontrend import taxonomy

    try:
        read = taxonomy.load(config.taxonomy).subset(config.attributes)
    except ConfigError as error:
        return Finding(
            "taxonomy",
            False,
            str(error),
            "Correct it; `fashiontrend taxonomy validate` checks.",
            30,
        )
    return Finding("taxonomy", True, f"{read.version}: {len(read.attributes)} attributes")


def _weights(config: Config) -> Finding:
    """Check the initial weights now, because a training reads them only hours later."""
    cfg = config.attrnet
    if cfg.weights is None:
        return Finding("weights", True, "none: training begins at random")
    advice = "Put the file into the image or a volume of the pods, or leave attrnet.weights out."
    # Checked before torch is imported, which takes seconds.
    if not Path(cfg.weights).is_file():
        seen = f"attrnet.weights {cfg.weights}: there is no such file"
        return Finding("weights", False, seen, advice, 30)
    from fashiontrend.attrnet.network import backbones

    try:
        backbones.build(cfg.backbone, cfg.input_px, cfg.weights)
    except ConfigError as error:
        return Finding("weights", False, str(error), advice, 30)
    return Finding("weights", True, f"{cfg.weights}: fits {cfg.backbone}")


def _platforms(config: Config) -> Finding:
    enabled = [p for p in config.crawl.platforms if p.enabled]
    if not enabled:
        advice = "Name at least one shop under crawl.platforms."
        return Finding("platforms", False, "none is enabled", advice, 30)
    if not config.crawl.contact_url and any(p.kind != "replay" for p in enabled):
        return Finding(
            "platforms",
            False,
            "crawl.contact_url is empty",
            "Give shops an address to reach you at.",
            30,
        )
    return Finding("platforms", True, ", ".join(p.name for p in enabled))


def examine_shops(config: Config) -> list[Finding]:
    """Ask each configured shop once, beside its robots.txt, all of them at the same time."""
    try:
        from fashiontrend.crawl.shop_check import check_shop
        from fashiontrend.crawl.visit import Visit
    except ModuleNotFoundError as error:
        told = f"not asked: {error.name} is not installed"
        return [Finding("shops", True, told, "pip install 'fashiontrend[crawl]'", due=True)]

    async def ask(platform: PlatformConfig) -> Finding:
        name, today = f"shop {platform.name}", datetime.now(tz=UTC).date()
        visit = Visit(config.crawl, platform.base_url.replace("{day}", str(today)))
        try:
            return Finding(name, True, await check_shop(visit, platform))
        except FashiontrendError as error:
            advice = (
                f"Try `fashiontrend shop {platform.base_url}`, or leave shops out by --offline."
            )
            return Finding(name, False, str(error), advice, error.exit_code)

    async def ask_all() -> list[Finding]:
        return list(await asyncio.gather(*map(ask, config.crawl.crawled)))

    return asyncio.run(ask_all())


def examine_store(config: Config) -> Finding:
    """Whether the store can be read and written, and lets exactly one of several writers create a key."""
    try:
        store = open_store(config.store)
        folder = f"doctor/{uuid.uuid4().hex}"
        store.create(f"{folder}/key", datetime.now(tz=UTC).isoformat().encode())
        store.read(f"{folder}/key")
        store.keys(f"{folder}/")
        winners = [_race(store, f"{folder}/race-{n}") for n in range(RACES)]
        store.delete_folder(folder)
    except StoreError as error:
        return Finding("store", False, str(error), "Read, write, list and delete are needed.", 40)
    if set(winners) != {1}:
        seen = (
            f"{config.store.url}: of {RACERS} writers who create one key, {max(winners)} succeeded"
        )
        advice = (
            "Two runs would spoil each other's work. Use a server whose If-None-Match is atomic."
        )
        return Finding("store", False, seen, advice, 40)
    return Finding("store", True, f"{config.store.url}: read, write, list, delete, create once")


def _race(store: Store, key: str) -> int:
    """Count the writers that succeed in creating one key; more than one would break the ledger."""

    def attempt(n: int) -> bool:
        try:
            store.create(key, str(n).encode())
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(RACERS) as pool:
        return sum(pool.map(attempt, range(RACERS)))


def _disk(config: Config) -> Finding:
    free_gb = shutil.disk_usage("/tmp").free / 1e9  # noqa: S108 - where Ray keeps its sessions
    good = free_gb >= MIN_DISK_GB
    return Finding(
        "disk", good, f"{free_gb:.1f} GB free for Ray", "" if good else f"Free {MIN_DISK_GB} GB."
    )


def _ray(config: Config) -> Finding:
    address = config.ray.address
    if address in ("local", "auto"):
        return Finding("Ray", True, f"{address}: started or joined at run time")
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=5):
            return Finding("Ray", True, f"{address} accepts connections")
    except (OSError, ValueError, FashiontrendError) as error:
        return Finding(
            "Ray",
            False,
            f"{address}: {error}",
            "Start the cluster, or set ray.address to `local`.",
            40,
        )
