"""Read product pages with schema.org data, as JSON-LD or microdata, in the forms that shops use."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from urllib.parse import urlsplit

import extruct
import parsel

from fashiontrend.crawl.pages.product import StatedProduct
from fashiontrend.crawl.pages.values import (
    JsonObject,
    as_list,
    as_objects,
    read_price,
    to_address,
    to_addresses,
    to_text,
    unescape,
)
from fashiontrend.errors import DataError

#: Scripts may hold more than JSON: comments, and marks that hide them from old browsers. JSON
#: strings are matched too, so that nothing inside one is taken for a comment. The possessive
#: quantifiers keep the time linear in the length of the script.
NON_JSON_PARTS = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*+"?)|(?://[ \t]*)?(?:<!\[CDATA\[|\]\]>|<!--|-->)"""
    r"|//[^\n]*|/\*.*?(?:\*/|\Z)",
    re.DOTALL,
)
TRAILING_COMMA = re.compile(r"""(?P<text>"(?:\\.|[^"\\])*+"?)|,(?=\s*+[\]}])""", re.DOTALL)
#: lxml refuses a decoded text if its XML declaration names an encoding.
XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*>")
PRODUCT_TYPES = {"product", "productgroup"}
GROUP_ID_FIELDS = ("productGroupID", "inProductGroupWithID")
PRODUCT_ID_FIELDS = ("productID", "sku", "mpn")


def read_schema_org(text: str, url: str) -> list[StatedProduct]:
    """Return the products of an HTML page; one that is stated for each size comes once.

    If the page also states other products (related ones, a carousel), only its own is returned.
    The id of a group names a product only if the page states the whole group: if every colour
    has its own page, each colour is a product. `group_id` holds the group's id in any case.

    Raises:
        DataError: the page's microdata cannot be read, and the page states no product otherwise.
    """
    stated = [_product(_select_variant(item, url), url) for item in _items(text, url)]
    own = [p for p in stated if _same_page(p.url, url)]
    found: dict[tuple[str, ...], list[StatedProduct]] = {}
    for product in own or stated:
        found.setdefault(_key(product), []).append(product)
    return [_merge(entries) for entries in found.values()]


def _key(product: StatedProduct) -> tuple[str, ...]:
    """Return a key that the entries of one product have in common."""
    if product.group_id is None:
        return str(product.url), str(product.title)
    return "group", str(product.group_id), *_host_and_path(product.url)


def _merge(entries: list[StatedProduct]) -> StatedProduct:
    """Merge the entries of one product, which may have an id for each size."""
    first = next((entry for entry in entries if entry.images), entries[0])
    if len({str(entry.product_id) for entry in entries}) == 1:
        return first
    colours = {str(entry.colour) for entry in entries if entry.colour}
    whole_group = first.group_id is not None and len(colours) > 1
    return replace(first, product_id=first.group_id if whole_group else first.url)


def _same_page(address: object, url: str) -> bool:
    return _host_and_path(address) == _host_and_path(url)


def _host_and_path(address: object) -> tuple[str, str]:
    """Return host and path of a page; its query only chooses among variants."""
    parts = urlsplit(str(address))
    return parts.netloc, parts.path.rstrip("/")


def _items(text: str, url: str) -> list[JsonObject]:
    """Return every Product and ProductGroup of the page, at any depth."""
    scripts = parsel.Selector(text).xpath(
        '//script[contains(translate(@type, "LDJSON", "ldjson"), "ld+json")]/text()'
    )
    found = _products([_parse_block(script) for script in scripts.getall()])
    if "itemscope" in text:
        try:
            found += _products(_read_microdata(text, url))
        except DataError:
            if not found:
                raise
    return found


def _read_microdata(text: str, url: str) -> object:
    plain = XML_DECLARATION.sub("", text)
    try:
        data = extruct.extract(plain, url, syntaxes=["microdata"], uniform=True)
    except Exception as error:  # a broken page can raise anything in the parsers below
        raise DataError(f"{url}: its microdata cannot be read ({error!r}).") from error
    microdata: object = data["microdata"]
    return microdata


def _parse_block(script: str) -> object:
    """Return the value of a JSON-LD script, with the faults that search engines forgive."""
    for text in (script, _strip_non_json(script)):
        try:
            value: object = json.loads(text, strict=False)
        except (ValueError, RecursionError):
            continue
        return value
    return None  # one broken block must not hide the others


def _strip_non_json(script: str) -> str:
    """Remove comments, hiding marks, trailing commas and a last semicolon from a script."""
    bare = NON_JSON_PARTS.sub(lambda match: match["text"] or " ", script)
    return TRAILING_COMMA.sub(lambda match: match["text"] or "", bare).strip().rstrip(";")


def _products(value: object) -> list[JsonObject]:
    found: list[JsonObject] = []
    with suppress(RecursionError):  # products above the limit of depth are kept
        found.extend(_products_in(value))
    return found


def _products_in(value: object) -> Iterator[JsonObject]:
    if isinstance(value, list):
        for item in value:
            yield from _products_in(item)
    elif isinstance(value, dict):
        if _types(value) & PRODUCT_TYPES:
            yield value
        else:
            for item in value.values():
                yield from _products_in(item)


def _types(item: JsonObject) -> set[str]:
    return {re.split("[/:]", str(k))[-1].lower() for k in as_list(item.get("@type"))}


def _select_variant(item: JsonObject, url: str) -> JsonObject:
    """Return the variant of this page if a group's other variants have their own pages."""
    variants = as_objects(item.get("hasVariant"))
    here = [v for v in variants if _same_page(_address(v, _offer(v.get("offers")), url), url)]
    if not here or len(here) == len(variants):
        return item
    shared = {k: v for k, v in item.items() if k not in ("@type", "hasVariant", *PRODUCT_ID_FIELDS)}
    own = {**shared, **here[0], "url": url}
    if (
        len({str(_product_id(v)) for v in here}) > 1
    ):  # each size has its own id: the page names the product
        return {k: v for k, v in own.items() if k not in PRODUCT_ID_FIELDS}
    return own


def _address(item: JsonObject, offer: JsonObject, url: str) -> str:
    return to_address(item.get("url") or offer.get("url"), url) or url


def _product(item: JsonObject, url: str) -> StatedProduct:
    variants = as_objects(item.get("hasVariant"))
    offer = _offer(item.get("offers") or (variants[0].get("offers") if variants else None))
    page = _address(item, offer, url)
    currency = next(iter(as_list(offer.get("priceCurrency"))), None)
    images = item.get("image") or (variants[0].get("image") if variants else None)
    return StatedProduct(
        product_id=_product_id(item) or page,
        group_id=_group_id(item),
        url=page,
        title=unescape(item.get("name")),
        description=to_text(item.get("description")),
        brand=unescape(_name(item.get("brand"))),
        category=unescape(_name(item.get("category"))),
        colour=unescape(_name(item.get("color"))),
        tags=[],
        price=read_price(_price(offer), currency),
        currency=currency,
        available=_available(offer.get("availability")),
        images=to_addresses(images, url),
        updated_at=None,
    )


def _group_id(item: JsonObject) -> object:
    return next((item[name] for name in GROUP_ID_FIELDS if item.get(name)), None)


def _product_id(item: JsonObject) -> object:
    """Return a group's own id, or the id that tells a variant from the others, if it has one."""
    group = _group_id(item)
    if group is not None and (item.get("hasVariant") or "productgroup" in _types(item)):
        return group
    ids = [item[name] for name in PRODUCT_ID_FIELDS if item.get(name)]
    distinct = [
        item[name] for name in ("productID", "sku") if item.get(name) not in (None, "", group)
    ]
    return next(iter([*distinct, *ids]), None)


def _offer(value: object) -> JsonObject:
    """Return the first offer of an object, a list or an AggregateOffer, with its price."""
    offer = next(iter(as_objects(value)), {})
    parts = [*as_objects(offer.get("offers")), *as_objects(offer.get("priceSpecification"))]
    for part in parts:
        offer = {**part, **offer}
    return offer


def _price(offer: JsonObject) -> object:
    names = ("price", "lowPrice")
    return next((offer[name] for name in names if offer.get(name) not in (None, "")), None)


def _available(stated: object) -> bool | None:
    if not isinstance(stated, str) or not stated:
        return None
    availability = stated.rsplit("/", 1)[-1].lower()
    return availability in ("instock", "limitedavailability", "onlineonly", "in_stock", "in stock")


def _name(value: object) -> str | None:
    """Return a name that is a string, an object with a name, or a list of either."""
    first = next(iter(as_list(value)), None)
    if isinstance(first, dict):
        first = first.get("name")
    return first if isinstance(first, str) else None
