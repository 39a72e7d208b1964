"""What is known of a platform from its last committed days, so that only changed pages are fetched."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import reduce
from typing import Any

import pyarrow as pa

from fashiontrend.storage import layout
from fashiontrend.storage.partitions import Partitions

PAGES = pa.schema(
    [("page", pa.string()), ("lastmod", pa.string()), ("product_ids", pa.list_(pa.string()))]
)
#: How far back a last whole day is looked for; older knowledge is not worth having.
LOOK_BACK_DAYS = 30


@dataclass(frozen=True)
class Memory:
    """The listings of a committed day, and which pages of a sitemap they came from.

    A partial day lies over the days before it, down to the last whole one.
    """

    listings: dict[str, dict[str, Any]] = field(default_factory=dict)  # product_id -> LISTING row
    pages: dict[str, tuple[str | None, tuple[str, ...]]] = field(default_factory=dict)
    covered: dict[str, str] = field(default_factory=dict)  # pictures of rows that newer ones cover

    def pictures(self) -> dict[str, str]:
        """Address -> picture id of every picture fetched before."""
        images = (i for listing in self.listings.values() for i in listing["images"])
        return self.covered | {i["url"]: i["picture_id"] for i in images if i["picture_id"]}

    def over(self, older: "Memory") -> "Memory":
        """This memory where it knows something, the older one elsewhere; first seen is earliest."""
        listings = dict(older.listings)
        for number, row in self.listings.items():
            seen = [r["first_seen"] for r in (row, listings.get(number, row)) if r["first_seen"]]
            listings[number] = {**row, "first_seen": min(seen, default=None)}
        return Memory(listings, older.pages | self.pages, older.pictures() | self.covered)

    def unchanged(self, page: str, lastmod: str | None) -> list[dict[str, Any]] | None:
        """The listings of a page that did not change since, None if it has to be fetched.

        A page without a product has to: it may have been one of maintenance.
        """
        known = self.pages.get(page)
        if known is None or not known[1] or lastmod is None or known[0] != lastmod:
            return None
        if not all(number in self.listings for number in known[1]):
            return None
        return [self.listings[number] for number in known[1]]


def recall(days: Partitions, platform: str, day: date) -> Memory:
    """Read the newest committed days before `day`, down to a whole one; empty if there is none.

    Args:
        days: the committed raw days of all platforms.
        platform: its name.
        day: that is about to be crawled.
    """
    found: list[Memory] = []
    for back in range(1, LOOK_BACK_DAYS + 1):
        partition = layout.raw_day(day - timedelta(days=back), platform)
        manifest = days.manifest(partition)
        if manifest is not None:
            found.append(_read(days, partition))
            if not manifest.facts.get("partial"):
                break
    return reduce(lambda older, newer: newer.over(older), reversed(found), Memory())


def _read(days: Partitions, partition: str) -> Memory:
    listings = days.read(partition, "listings").to_pylist()
    pages = days.read(partition, "pages").to_pylist()
    return remember(listings, {p["page"]: (p["lastmod"], tuple(p["product_ids"])) for p in pages})


def remember(
    listings: Iterable[dict[str, Any]], pages: dict[str, tuple[str | None, tuple[str, ...]]]
) -> Memory:
    """A memory of rows as they are committed."""
    return Memory({row["product_id"]: row for row in listings}, pages)


def pages_table(pages: dict[str, tuple[str | None, tuple[str, ...]]]) -> pa.Table:
    """A memory's pages as they are committed."""
    rows = [{"page": p, "lastmod": m, "product_ids": list(ids)} for p, (m, ids) in pages.items()]
    return pa.Table.from_pylist(rows, PAGES)
