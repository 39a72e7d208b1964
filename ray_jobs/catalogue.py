"""What the catalogue holds, as the tables that labelling, recognition and the series read."""

from collections.abc import Sequence
from datetime import date

import pyarrow as pa

from fashiontrend import paths, records
from ray_jobs.runtime import Context


def partitions(context: Context) -> list[tuple[date, str, str]]:
    """The run's committed days: (day, platform, partition), in order of day, then platform."""
    return [
        (day, platform, partition)
        for day in context.days
        for platform in context.platforms
        if context.store.manifest(partition := paths.catalogue_day(day, platform)) is not None
    ]


def listings(context: Context) -> pa.Table:
    """All listings of the run's days, LISTING rows."""
    tables = [context.store.read_partition(p, "listings") for _, _, p in partitions(context)]
    return pa.concat_tables(tables) if tables else records.LISTING.empty_table()


def pictures(context: Context, columns: Sequence[str] | None = None) -> pa.Table:
    """All pictures of the run's days (PICTURE rows), each once."""
    tables = [
        context.store.read_partition(p, "pictures", columns) for _, _, p in partitions(context)
    ]
    return pa.concat_tables(tables) if tables else records.PICTURE.empty_table()
