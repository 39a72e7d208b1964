"""Bring labelled sets made by others into the store: as annotations, or as a replayed history."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from fashiontrend import console
from fashiontrend.config import Config
from fashiontrend.crawl.memory import PAGES_SCHEMA
from fashiontrend.errors import ConfigError, DataError
from fashiontrend.labelled_sets import importing, replay
from fashiontrend.pipeline.context import load_taxonomy
from fashiontrend.storage import layout, schemas
from fashiontrend.storage.manifest import Manifest
from fashiontrend.storage.object_store import Store, open_store
from fashiontrend.storage.partitions import Partitions

#: Fact of an imported set: the digest of what its rows say.
CONTENT = "content"


def import_labelled(
    config: Config, sources: Sequence[Path], name: str, columns: Sequence[str]
) -> tuple[str, dict[str, Any]]:
    """Read a labelled set and commit it under its name, with the taxonomy of its columns.

    Returns:
        Where the set lies, and its facts; those of the first import if it was imported before.

    Raises:
        DataError: another set has that name already.
    """
    store, partition = open_store(config.store), layout.annotation_set(name)
    found = importing.import_set(sources, name, columns, config.ingest)
    taxonomy = found.taxonomy.model_dump(mode="json")
    content = importing.digest_content(found.annotations)
    facts = {**found.facts.to_json(), "taxonomy": taxonomy, CONTENT: content}
    standing = store.manifest(partition) or store.commit_tables(
        partition, {"annotations": found.annotations}, facts
    )
    if (standing.facts["taxonomy"], _content(store, partition, standing)) != (taxonomy, content):
        raise DataError(
            f"{store.uri(partition)}: another set has the name {name!r}: that of {_describe(standing.facts)}, "
            f"seen now {_describe(facts)}, with other labels, pictures or columns. A set stays as it was imported: "
            "choose another --name, and name that in labels.imported_sets."
        )
    return store.uri(partition), {n: v for n, v in standing.facts.items() if n != "taxonomy"}


def _content(store: Store, partition: str, standing: Manifest) -> str:
    """The digest of a stored set's rows; computed from the rows if its import did not note it."""
    columns = [n for n in schemas.ANNOTATION.names if n != "image"]
    return standing.facts.get(CONTENT) or importing.digest_content(
        store.read_partition(partition, "annotations", columns)
    )


def _describe(facts: dict[str, Any]) -> str:
    return f"{facts['rows']} rows ({', '.join(f'{n} {k}' for k, n in facts['splits'].items())})"


def replay_set(
    config: Config, sources: Sequence[Path], truth: Path, last_day: date, num_days: int
) -> dict[str, Any]:
    """Write a simulated history of listings and pictures, as if it had been crawled, and its truth.

    A call that was stopped resumes when it is made again.

    Raises:
        ConfigError: no platform is of kind `replay`.
        DataError: the set cannot be replayed, or the store holds days of another history.
    """
    store = open_store(config.store)
    platforms = [p.name for p in config.crawl.platforms if p.kind == "replay" and p.enabled]
    if not platforms:
        raise ConfigError(
            "crawl.platforms names no platform of kind `replay`: add one for each shop to play."
        )
    rows = importing.read_rows(sources)
    days = [last_day - timedelta(days=n) for n in reversed(range(num_days))]
    drawn = replay.draw_replay(rows, load_taxonomy(config, store), days, platforms, config.seed)
    _refuse_others(store, drawn, rows)
    truth.mkdir(parents=True, exist_ok=True)
    drawn.truth().to_pandas().to_parquet(truth / "truth.parquet", index=False)
    (truth / "plan.json").write_text(json.dumps(drawn.plan.to_json(), indent=1), "utf-8")
    raw = Partitions(store, layout.RAW_DAYS)
    with console.bar("replay", len(days) * len(platforms)) as advance:
        for day in days:
            for platform in platforms:
                _write_day(raw, drawn, rows, platform, day)
                advance(1, f"{day} {platform}")
    return {
        "days": len(days),
        "platforms": platforms,
        "products": len(drawn.products),
        **drawn.plan.to_json(),
    }


def _refuse_others(store: Store, drawn: replay.Replay, rows: pa.Table) -> None:
    """Refuse a store with days that differ from the simulated history, and hence from its truth.

    The curves run over all days of a history, so a longer history has other listings on every day.
    """
    ours = {layout.raw_day(day, p): (day, p) for day in drawn.days for p in drawn.platforms}
    endings = tuple(f"/platform={p}" for p in drawn.platforms)
    for partition in store.committed(layout.RAW_DAYS):
        if partition.endswith(endings) and not _is_drawn(store, drawn, rows, partition, ours):
            raise DataError(
                f"{store.uri(partition)}: committed with other listings than {len(drawn.days)} days up to "
                f"{drawn.days[-1]} of this set, configuration and seed have there; nothing was written. A history is "
                "drawn as a whole and cannot be extended: repeat it with the --day, --days, set and seed that "
                "it was made with, or name an empty store in store.url."
            )


def _is_drawn(
    store: Store,
    drawn: replay.Replay,
    rows: pa.Table,
    partition: str,
    ours: Mapping[str, tuple[date, str]],
) -> bool:
    if partition not in ours:
        return False
    day, platform = ours[partition]
    listed = replay.listings(drawn, rows, platform, day)
    return bool(store.read_partition(partition, "listings").to_pylist() == listed.to_pylist())


def _write_day(
    raw: Partitions, drawn: replay.Replay, rows: pa.Table, platform: str, day: date
) -> None:
    store, partition = raw.store, layout.raw_day(day, platform)
    if partition in raw:
        return
    stored = 0
    for picture_id, data in replay.new_pictures(drawn, rows, platform, day).items():
        if not store.exists(layout.raw_image(picture_id)):
            store.write(layout.raw_image(picture_id), data, durable=False)
            stored += len(data)
    listed = replay.listings(drawn, rows, platform, day)
    tables = {"listings": listed, "pages": PAGES_SCHEMA.empty_table()}
    facts = {"products": listed.num_rows, "stated": listed.num_rows, "image_bytes": stored}
    raw.commit_tables(partition, tables, facts)
