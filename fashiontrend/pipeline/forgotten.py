"""What of a shop is to be forgotten, and which rows of any table are part of it."""

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa

from fashiontrend.storage import layout
from fashiontrend.storage.object_store import Store

_LISTED = ("platform", "product_id", "url", "images")


@dataclass(frozen=True)
class Wish:
    """What a shop asks for: all that comes from a platform, or all pages that fit a pattern.

    Attributes:
        platform: its name, "" for none.
        url: a pattern for whole addresses, in which `*` stands for any text; "" for none.
    """

    platform: str = ""
    url: str = ""

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        return re.compile(fnmatch.translate(self.url)) if self.url else None

    def names(self, platform: object, url: object) -> bool:
        """Whether a listing of this platform and address is meant."""
        meant = bool(self.platform) and platform == self.platform
        return meant or self.fits(url)

    def fits(self, url: object) -> bool:
        """Whether an address fits the pattern."""
        return self._pattern is not None and isinstance(url, str) and bool(self._pattern.match(url))


@dataclass
class Forgotten:
    """The listings that a wish means, and what belongs to them alone.

    Attributes:
        wish: as it was stated.
        products: `platform/product_id` of each.
        platforms: of which they are.
        pictures: ids of pictures that no other listing shows.
        addresses: of their pictures.
    """

    wish: Wish
    products: set[str] = field(default_factory=set)
    platforms: set[str] = field(default_factory=set)
    pictures: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)

    def means(self, row: dict[str, Any], platform: str = "") -> bool:
        """Whether a row of any table is part of what is to be forgotten.

        Args:
            row: the columns of the table that `DECIDING` names.
            platform: of the partition that the row is in, "" if the partition has none.
        """
        if "picture_id" in row and "image" in row.get("_columns", ()):
            return row["picture_id"] in self.pictures  # the bytes may be another shop's picture too
        stated = row.get("platform") or platform
        product = f"{stated}/{row.get('product_id')}"
        return (
            (self.wish.platform != "" and stated == self.wish.platform)
            or (row.get("product_id") is not None and product in self.products)
            or self._means_key(row.get("product_key"))
            or row.get("picture_id") in self.pictures
            or any(
                self.wish.fits(row.get(n)) or row.get(n) in self.addresses for n in ("url", "page")
            )
        )

    def _means_key(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        return key in self.products or bool(
            self.wish.platform and key.startswith(f"{self.wish.platform}/")
        )


#: Columns that decide whether a row is meant.
DECIDING = ("platform", "product_id", "product_key", "picture_id", "url", "page")


def find(store: Store, wish: Wish) -> Forgotten:
    """Read all listings, and return which are meant and what belongs to them alone."""
    found, kept, kept_addresses = Forgotten(wish), set[str](), set[str]()
    for row in _listings(store):
        shown = {image["picture_id"] for image in row["images"] or () if image["picture_id"]}
        addresses = {image["url"] for image in row["images"] or ()}
        if not wish.names(row["platform"], row["url"]):
            kept |= shown
            kept_addresses |= addresses
            continue
        found.products.add(f"{row['platform']}/{row['product_id']}")
        found.platforms.add(row["platform"])
        found.pictures |= shown
        found.addresses |= addresses
    found.pictures -= kept
    found.addresses -= kept_addresses
    return found


def _listings(store: Store) -> Iterator[dict[str, Any]]:
    for prefix in (layout.RAW_DAYS, layout.CATALOGUE):
        for partition in store.committed(prefix):
            for key in store.read_manifest(partition).tables("listings"):
                yield from store.read_table(key, _LISTED).to_pylist()


def rows_to_keep(
    table: pa.Table, columns: list[str], found: Forgotten, platform: str
) -> list[bool]:
    """Return for each row whether it stays.

    Args:
        table: the columns of `DECIDING` that the whole table has.
        columns: names of all columns of the whole table.
        found: what is to be forgotten.
        platform: of the partition, "" if it has none.
    """
    if not table.num_columns:
        return []
    return [not found.means({**row, "_columns": columns}, platform) for row in table.to_pylist()]
