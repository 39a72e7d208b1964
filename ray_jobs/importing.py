"""Bring labelled sets made by others into the store: as annotations, or as a replayed history."""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from fashiontrend import importers, paths, replay, telemetry
from fashiontrend.config import Config
from fashiontrend.crawl.memory import PAGES
from fashiontrend.errors import ConfigError, DataError
from fashiontrend.store import Store, open_store
from ray_jobs.runtime import load_taxonomy


def import_labelled(
    config: Config, sources: Sequence[Path], name: str, columns: Sequence[str]
) -> tuple[str, dict[str, Any]]:
    """Read a labelled set and commit it under its name, with the taxonomy of its columns.

    Raises:
        DataError: another set has that name already.
    """
    store, partition = open_store(config.store), paths.annotation_set(name)
    found = importers.import_set(sources, name, columns, config.ingest)
    facts = {**found.facts, "taxonomy": found.taxonomy.model_dump(mode="json")}
    standing = store.commit_tables(partition, {"annotations": found.annotations}, facts)
    if standing.facts["taxonomy"] != facts["taxonomy"]:
        raise DataError(
            f"{store.uri(partition)}: another set has the name {name!r}. Choose another --name."
        )
    return store.uri(partition), found.facts


def replay_set(
    config: Config, sources: Sequence[Path], truth: Path, last_day: date, num_days: int
) -> dict[str, Any]:
    """Write a drawn history of listings and pictures, as if it had been crawled, and its truth."""
    store = open_store(config.store)
    platforms = [p.name for p in config.crawl.platforms if p.kind == "replay" and p.enabled]
    if not platforms:
        raise ConfigError(
            "crawl.platforms names no platform of kind `replay`: add one for each shop to play."
        )
    rows = importers.read_rows(sources)
    days = [last_day - timedelta(days=n) for n in reversed(range(num_days))]
    drawn = replay.plan(rows, load_taxonomy(config, store), days, platforms, config.seed)
    truth.mkdir(parents=True, exist_ok=True)
    drawn.truth().to_pandas().to_parquet(truth / "truth.parquet", index=False)
    (truth / "plan.json").write_text(json.dumps(drawn.plan, indent=1), "utf-8")
    with telemetry.bar("replay", len(days) * len(platforms)) as advance:
        for day in days:
            for platform in platforms:
                _write_day(store, drawn, rows, platform, day)
                advance(1, f"{day} {platform}")
    return {
        "days": len(days),
        "platforms": platforms,
        "products": len(drawn.products),
        **drawn.plan,
    }


def _write_day(
    store: Store, drawn: replay.Replay, rows: pa.Table, platform: str, day: date
) -> None:
    partition = paths.raw_day(day, platform)
    if store.manifest(partition) is not None:
        return
    stored = 0
    for picture_id, data in replay.new_pictures(drawn, rows, platform, day).items():
        if not store.exists(paths.raw_image(picture_id)):
            store.write(paths.raw_image(picture_id), data, durable=False)
            stored += len(data)
    listed = replay.listings(drawn, rows, platform, day)
    tables = {"listings": listed, "pages": PAGES.empty_table()}
    facts = {"products": listed.num_rows, "stated": listed.num_rows, "image_bytes": stored}
    store.commit_tables(partition, tables, facts)
