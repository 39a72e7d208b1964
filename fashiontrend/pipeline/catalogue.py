"""What the catalogue holds, as the tables that labelling, recognition and the series read.

A picture is packed once, on the day when it was first seen. What is on sale for longer than the
run reads lies in days before its first one, and on a day that was caught up with in later ones:
such days are read for those pictures alone.
"""

from collections.abc import Collection, Sequence
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from fashiontrend.pipeline.context import Context
from fashiontrend.storage import layout, schemas

#: Day, platform, partition.
Packed = tuple[date, str, str]


def partitions(context: Context) -> list[Packed]:
    """The run's committed days, in order of day, then platform."""
    return [
        (day, platform, partition)
        for day in context.days
        for platform in context.platforms
        if context.store.manifest(partition := layout.catalogue_day(day, platform)) is not None
    ]


def holding(context: Context, also: Collection[str] = ()) -> list[Packed]:
    """The run's committed days, and after them all others that hold a picture it lists.

    Args:
        context: of the run.
        also: ids of further pictures that are wanted.
    """
    own = partitions(context)
    known = {partition for _, _, partition in own}
    others = [p for p in context.store.committed(layout.CATALOGUE) if p not in known]
    if not others:
        return own
    wanted = (listed_ids(context) | set(also)).difference(*(_ids(context, p) for p in known))
    return own + [_packed(p) for p in others if wanted & _ids(context, p)]


def listings(context: Context) -> pa.Table:
    """All listings of the run's days, LISTING rows."""
    tables = [context.store.read_partition(p, "listings") for _, _, p in partitions(context)]
    return pa.concat_tables(tables) if tables else schemas.LISTING.empty_table()


def listed_ids(context: Context) -> set[str]:
    """Ids of all pictures that the run's listings show, packed or not."""
    shown = listings(context)["images"].combine_chunks().flatten()
    return set(pc.struct_field(shown, "picture_id").drop_null().to_pylist())


def pictures(
    context: Context, columns: Sequence[str] | None = None, also: Collection[str] = ()
) -> pa.Table:
    """The pictures of the run's days, those that its listings show and those that `also` names.

    Returns:
        PICTURE rows, each picture once.
    """
    wanted = pa.array(sorted(listed_ids(context) | set(also)), pa.string())
    own = set(partitions(context))
    tables = [
        table if packed in own else table.filter(pc.is_in(table["picture_id"], wanted))
        for packed in holding(context, also)
        for table in [context.store.read_partition(packed[2], "pictures", columns)]
    ]
    return pa.concat_tables(tables) if tables else schemas.PICTURE.empty_table()


def shelf(context: Context) -> pa.Table:
    """All pictures up to the run's day, however old: PICTURE rows without the pictures."""
    columns = [name for name in schemas.PICTURE.names if name != "image"]
    found = map(_packed, context.store.committed(layout.CATALOGUE))
    tables = [
        context.store.read_partition(partition, "pictures", columns)
        for day, _, partition in found
        if day <= context.day
    ]
    return pa.concat_tables(tables) if tables else schemas.PICTURE.empty_table().select(columns)


def _packed(partition: str) -> Packed:
    parts = layout.parts(partition)
    return date.fromisoformat(parts["day"]), parts["platform"], partition


def _ids(context: Context, partition: str) -> set[str]:
    table = context.store.read_partition(partition, "pictures", ["picture_id"])
    return set(table["picture_id"].to_pylist())
