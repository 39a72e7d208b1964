"""What earlier days hold of a platform, so that a crawl requests only what changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property, reduce
from typing import NamedTuple

import pyarrow as pa

from fashiontrend.crawl.listing import Listing
from fashiontrend.storage import layout
from fashiontrend.storage.partitions import Partitions

PAGES_SCHEMA = pa.schema(
    [("page", pa.string()), ("lastmod", pa.string()), ("product_ids", pa.list_(pa.string()))]
)
#: How a shop marked the state of a picture's bytes when they were last fetched (RFC 9110, 8.8).
PICTURES_SCHEMA = pa.schema([(n, pa.string()) for n in ("url", "etag", "last_modified")])
#: A crawl looks this many days back for the last complete day; older knowledge is of no use.
LOOK_BACK_DAYS = 30


class KnownPage(NamedTuple):
    """What a page of the sitemap held when it was last read."""

    lastmod: str | None
    product_ids: tuple[str, ...]


class Validators(NamedTuple):
    """What a shop said with a picture, so that it can be asked whether the picture changed."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class CrawlMemory:
    """The listings of the last committed days, and the sitemap pages that they came from.

    A partial day only updates the days before it, back to the last complete one.
    """

    listings: Mapping[str, Listing] = field(default_factory=dict)  # by product id
    pages: Mapping[str, KnownPage] = field(default_factory=dict)  # by address
    #: Picture ids by address, of listings that a newer day replaced.
    replaced_pictures: Mapping[str, str] = field(default_factory=dict)
    validators: Mapping[str, Validators] = field(default_factory=dict)  # by address of the picture

    def pictures(self) -> dict[str, str]:
        """Return address -> picture id of every picture that was fetched before."""
        images = (image for listing in self.listings.values() for image in listing.images)
        known = {image.url: image.picture_id for image in images if image.picture_id}
        return {**self.replaced_pictures, **known}

    def over(self, older: "CrawlMemory") -> "CrawlMemory":
        """Return this memory merged with an older one; the earliest `first_seen` wins."""
        listings = dict(older.listings)
        for product_id, listing in self.listings.items():
            both = (listing, listings.get(product_id, listing))
            seen = [known.first_seen for known in both if known.first_seen]
            listings[product_id] = replace(listing, first_seen=min(seen, default=None))
        return CrawlMemory(
            listings,
            {**older.pages, **self.pages},
            {**older.pictures(), **self.replaced_pictures},
            {**older.validators, **self.validators},
        )

    def only_listing_at(self, url: str) -> Listing | None:
        """Return the listing of a product's address, None if it has none or several."""
        return self._by_url.get(url)

    @cached_property
    def _by_url(self) -> dict[str, Listing | None]:
        found: dict[str, Listing | None] = {}
        for listing in self.listings.values():
            found[listing.url] = None if listing.url in found else listing
        return found

    def unchanged(self, page: str, lastmod: str | None) -> list[Listing] | None:
        """Return the listings of a page that did not change, None if it has to be fetched.

        A page without a product is always fetched again: it may have been a maintenance page.
        """
        known = self.pages.get(page)
        if known is None or not known.product_ids or lastmod is None or known.lastmod != lastmod:
            return None
        if not all(product_id in self.listings for product_id in known.product_ids):
            return None
        return [self.listings[product_id] for product_id in known.product_ids]


def recall(days: Partitions, platform: str, day: date) -> CrawlMemory:
    """Read the newest committed days before `day`, back to a complete one; empty without any.

    Args:
        days: the committed raw days of all platforms.
        platform: its name.
        day: the day that is about to be crawled.
    """
    found: list[CrawlMemory] = []
    for back in range(1, LOOK_BACK_DAYS + 1):
        partition = layout.raw_day(day - timedelta(days=back), platform)
        manifest = days.manifest(partition)
        if manifest is not None:
            found.append(_read_day(days, partition))
            if not manifest.facts.get("partial"):
                break
    return reduce(lambda older, newer: newer.over(older), reversed(found), CrawlMemory())


def _read_day(days: Partitions, partition: str) -> CrawlMemory:
    rows = days.read(partition, "listings").to_pylist()
    pages = days.read(partition, "pages").to_pylist()
    return remember(
        (Listing.from_row(row) for row in rows),
        {p["page"]: KnownPage(p["lastmod"], tuple(p["product_ids"])) for p in pages},
        _read_validators(days, partition),
    )


def _read_validators(days: Partitions, partition: str) -> dict[str, Validators]:
    """Return what a day holds of its pictures' states; days of earlier versions hold nothing."""
    manifest = days.manifest(partition)
    files = manifest.files if manifest else ()
    if not any(file.startswith(f"{partition}/pictures") for file in files):
        return {}
    rows = days.read(partition, "pictures").to_pylist()
    return {row["url"]: Validators(row["etag"], row["last_modified"]) for row in rows}


def remember(
    listings: Iterable[Listing],
    pages: Mapping[str, KnownPage],
    validators: Mapping[str, Validators] | None = None,
) -> CrawlMemory:
    """Return the memory of one day."""
    known = {listing.product_id: listing for listing in listings}
    return CrawlMemory(known, pages, validators=validators or {})


def pages_table(pages: Mapping[str, KnownPage]) -> pa.Table:
    """Return the pages of a memory as a table of `PAGES_SCHEMA`."""
    rows = [
        {"page": address, "lastmod": page.lastmod, "product_ids": list(page.product_ids)}
        for address, page in pages.items()
    ]
    return pa.Table.from_pylist(rows, PAGES_SCHEMA)


def pictures_table(validators: Mapping[str, Validators]) -> pa.Table:
    """Return the states of pictures as a table of `PICTURES_SCHEMA`."""
    rows = [{"url": url, **stated._asdict()} for url, stated in validators.items()]
    return pa.Table.from_pylist(rows, PICTURES_SCHEMA)
