"""Listings: a product on sale on a platform on a day, checked and in the right types."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from fashiontrend.crawl.pages.product import NOT_IN_FORMAT, StatedProduct, StatedVariant
from fashiontrend.crawl.pages.values import first_text, to_price
from fashiontrend.errors import DataError
from fashiontrend.storage import schemas

TEXT_FIELDS = (
    "title", "description", "brand", "category", "gender", "colour", "currency", "updated_at", "availability",
    "sku", "parent_id",
)  # fmt: skip

#: More variants than this are a mistake of the page; their number must not fill the memory.
MAX_VARIANTS = 500


@dataclass(frozen=True)
class ListingImage:
    """A picture of a listing, a `schemas.LISTING_IMAGE`."""

    url: str
    picture_id: str | None  # SHA-256 of its bytes; None if it was not fetched
    position: int


@dataclass(frozen=True)
class ListingVariant:
    """A size or colour of a listing, a `schemas.LISTING_VARIANT`."""

    variant_id: str | None
    size: str | None
    colour: str | None
    price: float | None
    list_price: float | None
    available: bool | None
    availability: str | None
    images: tuple[str, ...]  # addresses of the pictures that show this variant


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
    list_price: float | None = None
    availability: str | None = None
    sku: str | None = None
    parent_id: str | None = None
    list_position: int | None = None
    variants: tuple[ListingVariant, ...] = ()
    garment: bool | None = None  # known once ingest has read the texts of the day

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Listing":
        """Make a listing from a row that Arrow returned."""
        values: Mapping[str, Any] = {
            **{name: row.get(name) for name in schemas.LISTING.names},
            "tags": tuple(row.get("tags") or ()),
            "images": tuple(ListingImage(**image) for image in row.get("images") or ()),
            "variants": tuple(
                ListingVariant(**{**variant, "images": tuple(variant["images"] or ())})
                for variant in row.get("variants") or ()
            ),
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

    A field of another type than expected is read as the first text or number in it, and is not
    stated if it has none: one odd field costs that field, never the product.

    Raises:
        DataError: the product cannot be used; the message starts with a countable reason:
            `no_id`, `no_title`, `no_url` or `no_image`.
    """
    stated = product.stated_fields()
    url = product.url
    texts = {name: _text(stated.get(name)) for name in TEXT_FIELDS}
    texts["availability"] = _text(_given(product.availability))
    title = texts.pop("title")
    if title is None:
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
        product_id=_text(product.product_id) or replace_surrogates(url),
        url=replace_surrogates(url),
        tags=_tags(stated.get("tags")),
        price=to_price(stated.get("price"), texts["currency"]),
        list_price=to_price(stated.get("list_price"), texts["currency"]),
        available=available if isinstance(available, bool) else None,
        images=tuple(
            ListingImage(replace_surrogates(address), None, position)
            for position, address in enumerate(product.images)
        ),
        first_seen=day,
        source=source,
        raw_digest=digest(product),
        list_position=product.list_position,
        variants=tuple(_variant(variant) for variant in product.variants[:MAX_VARIANTS]),
        garment=None,
    )


def _variant(stated: StatedVariant) -> ListingVariant:
    texts = (stated.variant_id, stated.size, stated.colour, stated.availability)
    number, size, colour, word = (_text(text) for text in texts)
    images = tuple(replace_surrogates(address) for address in stated.images)
    return ListingVariant(
        number, size, colour, stated.price, stated.list_price, stated.available, word, images
    )


def _given(value: object) -> object:
    return None if value is NOT_IN_FORMAT else value


def _text(stated: object) -> str | None:
    text = first_text(stated)
    return None if text is None else replace_surrogates(text)


def _tags(stated: object) -> tuple[str, ...]:
    found = stated if isinstance(stated, list) else []
    return tuple(replace_surrogates(tag) for tag in found if isinstance(tag, str) and tag.strip())


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
