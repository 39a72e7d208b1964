"""The objects of a page's structured data, found by their `@id` where another object refers to them."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from fashiontrend.crawl.pages.values import JsonObject, as_list, as_objects, to_address

PRODUCT_TYPES = {"product", "productgroup", "individualproduct", "productmodel", "someproducts"}
LIST_TYPES = {"itemlist", "offercatalog", "collectionpage", "searchresultspage"}
#: Fields that name other products, or the product that is described elsewhere.
OTHER_PRODUCTS = {"isrelatedto", "issimilarto", "isaccessoryorsparepartfor", "itemreviewed"}


@dataclass(frozen=True)
class FoundProduct:
    """A Product or ProductGroup of a page."""

    item: JsonObject
    position: int | None = None  # in the list that it is part of, from 1; None outside of lists


@dataclass(frozen=True)
class Graph:
    """Every object of a page's JSON-LD and microdata."""

    url: str
    by_id: Mapping[str, JsonObject] = field(default_factory=dict)

    @classmethod
    def of(cls, values: object, url: str) -> "Graph":
        """Index the objects of some blocks; what several of them say under one id is put together."""
        by_id: dict[str, dict[str, object]] = {}
        with suppress(RecursionError):  # objects above the limit of depth are kept
            for item in _walk(values):
                key = _absolute(item.get("@id"), url)
                if key is not None:
                    by_id[key] = {**item, **by_id.get(key, {})}
        return cls(url, by_id)

    def resolve(self, item: JsonObject) -> JsonObject:
        """Return an object with all that the page says under its id."""
        key = _absolute(item.get("@id"), self.url)
        return item if key is None else {**self.by_id.get(key, {}), **item}

    def objects(self, value: object) -> list[JsonObject]:
        """Return the objects among a value or a list of values, references resolved."""
        return [self.resolve(item) for item in as_objects(value)]

    def values(self, value: object) -> list[object]:
        """Return a value as a list, with references resolved and texts as they are."""
        return [self.resolve(v) if isinstance(v, dict) else v for v in as_list(value)]


def find_products(value: object, graph: Graph) -> list[FoundProduct]:
    """Return the products that blocks state, at any depth, each `@id` once."""
    found: list[FoundProduct] = []
    with suppress(RecursionError):  # products above the limit of depth are kept
        found.extend(_products_in(value, None))
    once: dict[object, FoundProduct] = {}
    for number, product in enumerate(found):
        key = _absolute(product.item.get("@id"), graph.url) or number
        kept = once.setdefault(key, product)
        if kept.position is not None and product.position is None:
            once[key] = product
    return [FoundProduct(graph.resolve(p.item), p.position) for p in once.values()]


def types_of(item: JsonObject) -> set[str]:
    """Return the types of an object, in lower case and without the address of their vocabulary."""
    return {re.split("[/:#]", str(k))[-1].lower() for k in as_list(item.get("@type"))}


def _walk(value: object) -> Iterator[JsonObject]:
    if isinstance(value, list):
        for one in value:
            yield from _walk(one)
    elif isinstance(value, dict):
        yield value
        for one in value.values():
            if isinstance(one, list | dict):
                yield from _walk(one)


def _products_in(value: object, position: int | None) -> Iterator[FoundProduct]:
    if isinstance(value, list):
        for number, one in enumerate(value, 1):
            yield from _products_in(one, position and number)
    elif isinstance(value, dict):
        kinds = types_of(value)
        if kinds & PRODUCT_TYPES:
            if len(value.keys() - {"@id", "@type", "@context"}):
                yield FoundProduct(value, position)
            return
        if kinds & LIST_TYPES:
            position = 1
        stated = value.get("position")
        if position and isinstance(stated, int | str) and str(stated).isdecimal():
            position = int(str(stated)[:9])
        for name, one in value.items():
            if name.lower() not in OTHER_PRODUCTS:
                inner = position if not isinstance(one, list) or kinds & LIST_TYPES else None
                yield from _products_in(one, inner)


def _absolute(identifier: object, url: str) -> str | None:
    return to_address(identifier, url) if isinstance(identifier, str) else None
