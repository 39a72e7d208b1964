"""What is known of a platform from its last committed day: only what changed is asked for."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from fashiontrend import paths
from fashiontrend.store import Store

PAGES = pa.schema(
    [("page", pa.string()), ("lastmod", pa.string()), ("product_ids", pa.list_(pa.string()))]
)
#: How far back a last committed day is looked for; older knowledge is not worth having.
LOOK_BACK_DAYS = 30


@dataclass(frozen=True)
class Memory:
    """The listings of the last committed day, and which pages of a sitemap they came from."""

    listings: dict[str, dict[str, Any]] = field(default_factory=dict)  # product_id -> LISTING row
    pages: dict[str, tuple[str | None, tuple[str, ...]]] = field(default_factory=dict)

    def pictures(self) -> dict[str, str]:
        """Address -> picture id of every picture fetched before."""
        images = (i for listing in self.listings.values() for i in listing["images"])
        return {i["url"]: i["picture_id"] for i in images if i["picture_id"]}

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


def recall(store: Store, platform: str, day: date) -> Memory:
    """Read the newest committed day before `day`; empty if there is none."""
    for back in range(1, LOOK_BACK_DAYS + 1):
        partition = paths.raw_day(day - timedelta(days=back), platform)
        if store.manifest(partition) is not None:
            listings = store.read_partition(partition, "listings").to_pylist()
            pages = store.read_partition(partition, "pages").to_pylist()
            return remember(
                listings, {p["page"]: (p["lastmod"], tuple(p["product_ids"])) for p in pages}
            )
    return Memory()


def remember(
    listings: Iterable[dict[str, Any]], pages: dict[str, tuple[str | None, tuple[str, ...]]]
) -> Memory:
    """A memory of rows as they are committed."""
    return Memory({row["product_id"]: row for row in listings}, pages)


def pages_table(pages: dict[str, tuple[str | None, tuple[str, ...]]]) -> pa.Table:
    """A memory's pages as they are committed."""
    rows = [{"page": p, "lastmod": m, "product_ids": list(ids)} for p, (m, ids) in pages.items()]
    return pa.Table.from_pylist(rows, PAGES)
