"""The one reader of a run's data: which days there are, what they list, and which pictures they hold.

A picture is packed once, on the day when it was first seen. A picture that is still on sale may
therefore lie in a day before the first one of the run, or, if a day was caught up with, in a later
one. Such days are read too, but only for the pictures that the run lists.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from fashiontrend.config import Config
from fashiontrend.storage import layout, schemas
from fashiontrend.storage.object_store import Store
from fashiontrend.storage.partitions import Partitions, RolledPartitions, RolledTable

#: Columns of PICTURE that say what a picture is, without its bytes.
PICTURE_INDEX = tuple(name for name in schemas.PICTURE.names if name != "image")
_SHOWN_BY = ("platform", "day", "product_id", "first_seen", "garment", "parent_id")
#: One row per picture that a product shows on a day.
SHOWING = pa.schema([*(schemas.LISTING.field(n) for n in _SHOWN_BY), ("picture_id", pa.string())])
_PACKED_TABLES = (RolledTable("listings"), RolledTable("pictures", PICTURE_INDEX))


class PackedDay(NamedTuple):
    """A committed day of a platform in the catalogue."""

    day: date
    platform: str
    partition: str


class Catalogue:
    """What a run reads of the store; made once a run and shared by its steps.

    Each prefix is listed once a step. Manifests and ids of pictures are kept for the run, for a
    committed partition never changes. Tables are read as streams with the columns asked for.

    Attributes:
        store: where everything lies.
        days: that the run reads, in order.
        platforms: that the run reads, in the order of the configuration.
        raw: what the crawler committed.
        packed: what ingest committed.
    """

    def __init__(self, store: Store, days: Sequence[date], platforms: Sequence[str]) -> None:
        self.store = store
        self.days = tuple(days)
        self.platforms = tuple(platforms)
        self.raw = Partitions(store, layout.RAW_DAYS)
        self.packed = RolledPartitions(store, layout.CATALOGUE, _PACKED_TABLES)
        self._predictions: dict[str, RolledPartitions] = {}
        self._picture_ids: dict[str, frozenset[str]] = {}
        self._showings: dict[str, pa.Table] = {}
        self._listed_ids: frozenset[str] | None = None

    @classmethod
    def of_run(cls, store: Store, config: Config, day: date) -> "Catalogue":
        """The catalogue of a run of `loop.history_days` days that ends with a day."""
        history = range(config.loop.history_days)
        days = [day - timedelta(days=n) for n in reversed(history)]
        return cls(store, days, [p.name for p in config.crawl.platforms if p.enabled])

    def refresh(self) -> None:
        """See what other processes have committed since; called when a step begins."""
        for partitions in (self.raw, self.packed, *self._predictions.values()):
            partitions.refresh()
        self._showings.clear()
        self._listed_ids = None

    def predictions(self, recogniser: str) -> RolledPartitions:
        """The days that a version of the recogniser has predicted."""
        if recogniser not in self._predictions:
            self._predictions[recogniser] = RolledPartitions(
                self.store, layout.predictions(recogniser), [RolledTable("")]
            )
        return self._predictions[recogniser]

    def partitions(self) -> list[PackedDay]:
        """The run's committed days, in order of day, then platform."""
        return [
            PackedDay(day, platform, partition)
            for day in self.days
            for platform in self.platforms
            if (partition := layout.catalogue_day(day, platform)) in self.packed
        ]

    def holding(self, also: Collection[str] = ()) -> list[PackedDay]:
        """The run's committed days, and after them all others that hold a picture it lists.

        Args:
            also: ids of further pictures that are wanted.
        """
        own = self.partitions()
        known = {packed.partition for packed in own}
        others = [p for p in self.packed if p not in known]
        if not others:
            return own
        wanted = self.listed_ids() | set(also)
        wanted -= self.picture_ids(known)
        found = [p for p in others if wanted & self.picture_ids([p])] if wanted else []
        return own + [_packed_day(p) for p in found]

    def listings(
        self, columns: Sequence[str], more: Sequence[str] = (), of: Collection[str] = ()
    ) -> Iterator[pa.Table]:
        """LISTING rows of the run's days, one table per partition, with only these columns read.

        Which pictures the rows show is noted on the way, so that `showings` after it reads nothing.

        Args:
            columns: of every table.
            more: further columns of some tables.
            of: the partitions whose tables have them.
        """
        partitions = [packed.partition for packed in self.partitions()]
        noted = all(p in self._showings for p in partitions)
        for wide, group in groupby(partitions, key=lambda partition: partition in of):
            wanted = list(dict.fromkeys([*columns, *(more if wide else ())]))
            read = wanted if noted else list(dict.fromkeys([*wanted, *_SHOWN_BY, "images"]))
            for partition, table in self.packed.tables(list(group), "listings", read):
                if not noted:
                    self._showings[partition] = show(table)
                yield table.select(wanted)

    def showings(self) -> pa.Table:
        """SHOWING rows: which product shows which picture on which of the run's days."""
        partitions = [packed.partition for packed in self.partitions()]
        if any(p not in self._showings for p in partitions):
            deque(self.listings([]), maxlen=0)
        return pa.concat_tables([SHOWING.empty_table(), *(self._showings[p] for p in partitions)])

    def listed_ids(self) -> frozenset[str]:
        """Ids of all pictures that the run's listings show, packed or not."""
        if self._listed_ids is None:
            self._listed_ids = frozenset(pc.unique(self.showings()["picture_id"]).to_pylist())
        return self._listed_ids

    def pictures(
        self, columns: Sequence[str] | None = None, also: Collection[str] = ()
    ) -> Iterator[pa.Table]:
        """PICTURE rows, one table per partition, each picture once.

        Args:
            columns: only these are read, `picture_id` among them; None reads all.
            also: ids of pictures that are wanted beside those of the run's days and listings.
        """
        wanted = pa.array(sorted(self.listed_ids() | set(also)), pa.string())
        own = {packed.partition for packed in self.partitions()}
        held = [packed.partition for packed in self.holding(also)]
        for partition, table in self.packed.tables(held, "pictures", columns):
            yield table if partition in own else table.filter(pc.is_in(table["picture_id"], wanted))

    def picture_index(self) -> pa.Table:
        """All pictures up to the run's day, however old: PICTURE rows without the bytes."""
        until = [p for p in self.packed if _packed_day(p).day <= self.days[-1]]
        tables = [t for _, t in self.packed.tables(until, "pictures", PICTURE_INDEX)]
        empty = schemas.PICTURE.empty_table().select(PICTURE_INDEX)
        return pa.concat_tables(tables) if tables else empty

    def picture_ids(self, partitions: Iterable[str]) -> set[str]:
        """Ids of the pictures that some partitions hold."""
        wanted = list(partitions)
        if any(p not in self._picture_ids for p in wanted):
            self._read_picture_ids()
        return set().union(*(self._picture_ids[p] for p in wanted))

    def _read_picture_ids(self) -> None:
        """Read those of all partitions that were not read before: one pass serves every question."""
        fresh = [p for p in self.packed if p not in self._picture_ids]
        for partition, table in self.packed.tables(fresh, "pictures", ["picture_id"]):
            self._picture_ids[partition] = frozenset(table["picture_id"].to_pylist())


def show(listings: pa.Table) -> pa.Table:
    """SHOWING rows of LISTING rows; pictures that could not be fetched are left out."""
    images = pa.chunked_array(listings["images"].chunks, schemas.LISTING.field("images").type)
    images = images.combine_chunks()
    ids = pc.struct_field(pc.list_flatten(images), "picture_id")
    rows = listings.select(_SHOWN_BY).take(pc.list_parent_indices(images))
    return rows.append_column("picture_id", ids).filter(pc.is_valid(ids))


def concatenate(tables: Iterable[pa.Table], schema: pa.Schema) -> pa.Table:
    """All rows of a stream of tables; an empty table of the schema if there are none."""
    found = list(tables)
    return pa.concat_tables(found) if found else schema.empty_table()


def _packed_day(partition: str) -> PackedDay:
    parts = layout.parts(partition)
    return PackedDay(date.fromisoformat(parts["day"]), parts["platform"], partition)
