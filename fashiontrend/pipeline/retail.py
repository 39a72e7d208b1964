"""The retail table: what shops do with the products of each value, a day after another."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from fashiontrend import retail
from fashiontrend.config import digest
from fashiontrend.pipeline.catalogue import PackedDay
from fashiontrend.pipeline.context import Context
from fashiontrend.pipeline.shares import withheld
from fashiontrend.storage import layout, schemas
from fashiontrend.typed_json import to_plain

#: The first table of a recogniser goes back so many days, to the first of a month; later ones add to it.
FIRST_DAYS = 90


@dataclass(frozen=True)
class Plan:
    """What a run's retail table is made of.

    Attributes:
        partition: where it lies.
        earlier: rows of the days that are measured already.
        due: days that are not; none if the table stands.
    """

    partition: str
    earlier: pa.Table
    due: tuple[PackedDay, ...]


def plan(context: Context, version: str) -> Plan:
    """Find the days that no retail table of a recogniser holds yet, so that a day costs a day's listings."""
    packed = context.catalogue.partitions()
    settings = [context.config.series.window_days, to_plain(withheld(context))]
    of = digest([[p.partition for p in packed], *settings])
    partition = layout.retail(version, context.day, of[:8])
    if context.store.manifest(partition) is not None:
        return Plan(partition, schemas.RETAIL.empty_table(), ())
    earlier = _earlier(context, version)
    held = set(zip(earlier["platform"].to_pylist(), earlier["day"].to_pylist(), strict=True))
    # Whole months: a roll-up holds one, and is read once.
    first = (context.day - timedelta(days=FIRST_DAYS)).replace(day=1)
    due = tuple(p for p in packed if p.day >= first and (p.platform, p.day) not in held)
    return Plan(partition, earlier, due)


def write(context: Context, made: Plan, products: pd.DataFrame, offered: Iterable[pa.Table]) -> str:
    """Commit the retail table up to the run's day, unless it is there; return where it lies.

    Args:
        context: of the run.
        made: as `plan` returns it.
        products: one row per product: platform, product_id, first_seen, and the value of each attribute.
        offered: LISTING rows of the due days, with `retail.offers.COLUMNS`.
    """
    if context.store.manifest(made.partition) is None:
        bad = {(w.platform, w.day) for w in withheld(context)}
        parts = [_measured(context, rows, products, bad) for rows in offered if rows.num_rows]
        table = pa.concat_tables([_flagged(made.earlier, bad), *parts])
        facts = {"rows": table.num_rows}
        context.store.commit_tables(made.partition, {"retail": table}, facts)
    return made.partition


def _measured(
    context: Context, listings: pa.Table, products: pd.DataFrame, bad: set[tuple[str, date]]
) -> pa.Table:
    """RETAIL rows of one day of one platform."""
    platform, day = listings["platform"][0].as_py(), listings["day"][0].as_py()
    own = products[products["platform"] == platform]
    return retail.measure_day(
        retail.read_offers(listings),
        own[["platform", "product_id", *context.taxonomy.ids]],
        context.taxonomy.ids,
        context.config.series.window_days,
        own["first_seen"].min() if len(own) else day,
        (platform, day) in bad,
    )


def _earlier(context: Context, version: str) -> pa.Table:
    """The rows of the newest table of the recogniser before the day, of the run's days and platforms."""
    before = [
        p for p in context.store.committed(layout.retails(version))
        if layout.parts(p)["as_of"] < str(context.day)
    ]  # fmt: skip
    if not before:
        return schemas.RETAIL.empty_table()
    table = context.store.read_partition(max(before), "retail")
    days = pa.array(context.days, pa.date32())
    kept = pc.and_(
        pc.is_in(table["day"], days), pc.is_in(table["platform"], pa.array(context.platforms))
    )
    return table.filter(kept)


def _flagged(table: pa.Table, bad: set[tuple[str, date]]) -> pa.Table:
    """The rows with today's verdicts: a day may have been withheld, or let in, since."""
    keys = zip(table["platform"].to_pylist(), table["day"].to_pylist(), strict=True)
    place = table.schema.get_field_index("withheld")
    return table.set_column(
        place, schemas.RETAIL.field("withheld"), pa.array([k in bad for k in keys], pa.bool_())
    )
