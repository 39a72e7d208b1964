"""Listings: a product on sale on a platform on a day, checked and in the right types."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from fashiontrend.crawl.pages.product import StatedProduct
from fashiontrend.errors import DataError
from fashiontrend.storage import schemas

TEXT_FIELDS = (
    "title", "description", "brand", "category", "gender", "colour", "currency", "updated_at",
)  # fmt: skip


@dataclass(frozen=True)
class ListingImage:
    """A picture of a listing, a `schemas.LISTING_IMAGE`."""

    url: str
    picture_id: str | None  # SHA-256 of its bytes; None if it was not fetched
    position: int


@dataclass(frozen=True)
class Listing:
    """One row of `schemas.LISTING`."""

    platform: str
    day: date
    product_id: str
    url: str
    title: str
    description: str | None
    brand: str | None
    category: str | None
    gender: str | None
    colour: str | None
    tags: tuple[str, ...]
    price: float | None
    currency: str | None
    available: bool | None
    images: tuple[ListingImage, ...]
    updated_at: str | None
    first_seen: date | None
    source: str
    raw_digest: str

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Listing":
        """Make a listing from a row that Arrow returned."""
        values: Mapping[str, Any] = {
            **{name: row.get(name) for name in schemas.LISTING.names},
            "tags": tuple(row.get("tags") or ()),
            "images": tuple(ListingImage(**image) for image in row.get("images") or ()),
        }
        return cls(**values)


def listings_table(listings: Iterable[Listing]) -> pa.Table:
    """Return listings as a table of `schemas.LISTING`."""
    return pa.Table.from_pylist([asdict(listing) for listing in listings], schemas.LISTING)


def check_listing(product: StatedProduct, platform: str, source: str, day: date) -> Listing:
    """Turn what a page states into a listing that is first seen on `day`.

    Args:
        product: what the page states.
        platform: name of the platform.
        source: kind of the platform, the listing's `source`.
        day: day of the crawl.

    Raises:
        DataError: the product cannot be used; the message starts with a countable reason:
            `no_id`, `no_title`, `no_url`, `no_image` or `wrong_type`.
    """
    stated = product.stated_fields()
    number, url = product.product_id, product.url
    if isinstance(number, bool) or not isinstance(number, str | int) or not str(number).strip():
        raise DataError(f"no_id: product_id is {number!r}, expected a text or a number")
    texts = {name: _text(stated, name) for name in TEXT_FIELDS}
    price = _require(stated, "price", float, "a number or a text that holds one")
    title = texts.pop("title") or ""
    if not title.strip():
        raise DataError("no_title: the product states no name")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise DataError(f"no_url: url is {url!r}, expected an address")
    if not product.images:
        raise DataError("no_image: the product states no picture")
    available = stated.get("available")
    return Listing(
        **texts,
        title=title,
        platform=platform,
        day=day,
        product_id=to_id(number),
        url=replace_surrogates(url),
        tags=_tags(stated.get("tags")),
        price=price,
        available=available if isinstance(available, bool) else None,
        images=tuple(
            ListingImage(replace_surrogates(address), None, position)
            for position, address in enumerate(product.images)
        ),
        first_seen=day,
        source=source,
        raw_digest=digest(product),
    )


def _require(stated: Mapping[str, object], name: str, kind: type, expected: str) -> Any:
    """Return a field's value, None if it is not stated; refuse a value of another type."""
    value = stated.get(name)
    if value is not None and not isinstance(value, kind):
        raise DataError(f"wrong_type: {name} is {type(value).__name__}, expected {expected}")
    return value


def _text(stated: Mapping[str, object], name: str) -> str | None:
    text = _require(stated, name, str, "text")
    return None if text is None else replace_surrogates(text)


def _tags(stated: object) -> tuple[str, ...]:
    if not isinstance(stated, list):
        return ()
    return tuple(replace_surrogates(tag) for tag in stated if isinstance(tag, str))


def to_id(stated: object) -> str:
    """Return a stated product id as listings, pages and rejects hold it."""
    return replace_surrogates(str(stated).strip())


def replace_surrogates(text: str) -> str:
    r"""Return the text with `?` for lone surrogates, which `\ud83d` in JSON can make."""
    return text.encode("utf-8", "replace").decode()


def digest(product: StatedProduct) -> str:
    """Return the SHA-256 of what the page states."""
    text = json.dumps(product.stated_fields(), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
