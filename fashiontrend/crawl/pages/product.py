"""A product as a shop's page states it, before any check."""

from dataclasses import dataclass, fields
from enum import Enum

from fashiontrend.crawl.pages.values import JsonObject

#: Fields that are no part of what makes a page differ from yesterday's.
NOT_DIGESTED = {"group_id", "variants", "identity", "list_position", "availability"}


@dataclass(frozen=True)
class StatedVariant:
    """A size or colour of a product, as its shop sells it today."""

    variant_id: str | None = None
    size: str | None = None
    colour: str | None = None
    price: float | None = None
    list_price: float | None = None  # what the shop strikes through, None if it strikes none
    available: bool | None = None
    availability: str | None = None
    images: tuple[str, ...] = ()  # addresses of the pictures of this variant alone


class NotInFormat(Enum):
    """Marks a field that the page's format cannot state, unlike one that the page left empty."""

    MARK = "not in format"


NOT_IN_FORMAT = NotInFormat.MARK


@dataclass(frozen=True)
class StatedProduct:
    """The fields of a listing that a page states, each in whatever type the page gave it.

    Most fields have the type `object` on purpose: a value of a wrong type is kept as it is, so
    that `listing.check_listing` can reject it by name. `None` stands for a field that the page
    does not state.
    """

    product_id: object
    url: object
    title: object
    images: list[str]  # absolute addresses, each once
    description: object = NOT_IN_FORMAT
    brand: object = NOT_IN_FORMAT
    category: object = NOT_IN_FORMAT
    gender: object = NOT_IN_FORMAT
    colour: object = NOT_IN_FORMAT
    tags: object = NOT_IN_FORMAT
    price: object = NOT_IN_FORMAT  # a finite number, unless its type was wrong
    currency: object = NOT_IN_FORMAT
    available: object = NOT_IN_FORMAT
    updated_at: object = NOT_IN_FORMAT
    group_id: object = None  # id of the group of variants; helps to choose product_id
    list_price: object = NOT_IN_FORMAT
    availability: object = (
        NOT_IN_FORMAT  # the shop's own word: in_stock, pre_order, back_order, ...
    )
    sku: object = NOT_IN_FORMAT
    parent_id: object = (
        NOT_IN_FORMAT  # what the colours of one garment with pages of their own share
    )
    variants: tuple[StatedVariant, ...] = ()
    list_position: int | None = None  # on the page that lists products, from 1
    identity: str | None = None  # canonical address of the product in all its languages

    def stated_fields(self) -> JsonObject:
        """Return field name -> value for every field that the page's format can state."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in NOT_DIGESTED}
        return {name: value for name, value in values.items() if value is not NOT_IN_FORMAT}
