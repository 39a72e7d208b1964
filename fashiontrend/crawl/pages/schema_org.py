"""Product pages with schema.org data, as JSON-LD or microdata, in the forms seen in the wild."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import extruct
import parsel

from fashiontrend.crawl.pages.values import (
    Found,
    as_dicts,
    as_list,
    read_price,
    to_address,
    to_addresses,
    to_text,
    unescape,
)
from fashiontrend.errors import DataError

#: What scripts may hold beside JSON: comments, and marks that hide them from old browsers. Texts
#: are matched too, so that nothing is found inside one. No part looks at a character twice.
BESIDE_JSON = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*+"?)|(?://[ \t]*)?(?:<!\[CDATA\[|\]\]>|<!--|-->)"""
    r"|//[^\n]*|/\*.*?(?:\*/|\Z)",
    re.DOTALL,
)
LAST_COMMA = re.compile(r"""(?P<text>"(?:\\.|[^"\\])*+"?)|,(?=\s*+[\]}])""", re.DOTALL)
#: lxml reads no text that names its encoding; a text has none any more.
XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*>")
KINDS = {"product", "productgroup"}
GROUP_NUMBERS = ("productGroupID", "inProductGroupWithID")
OWN_NUMBERS = ("productID", "sku", "mpn")


def read_schema_org(text: str, url: str) -> list[Found]:
    """Products of an HTML page; the same one stated many times, once a size say, comes once.

    Of a page that states itself beside others (related products, a carousel) only its own
    product counts. The id of a group names a product only where the page states the whole group:
    where every colour has a page of its own, each is a product. `group_id` holds it in any case.

    Raises:
        DataError: the page has microdata that cannot be read, and states no product otherwise.
    """
    stated = [_product(_part_of_page(item, url), url) for item in _items(text, url)]
    own = [p for p in stated if _same_page(p["url"], url)]
    found: dict[tuple[str, ...], list[Found]] = {}
    for product in own or stated:
        found.setdefault(_key(product), []).append(product)
    return [_merge(entries) for entries in found.values()]


def _key(product: Found) -> tuple[str, ...]:
    """What entries of one page have in common that are the same product."""
    if product["group_id"] is None:
        return str(product["url"]), str(product["title"])
    return "group", str(product["group_id"]), *_place(product["url"])


def _merge(entries: list[Found]) -> Found:
    """One listing of entries that may have ids of their own, once a size say."""
    first = next((e for e in entries if e["images"]), entries[0])
    if len({str(e["product_id"]) for e in entries}) > 1:
        colours = {str(e["colour"]) for e in entries if e["colour"]}
        whole = first["group_id"] is not None and len(colours) > 1
        first["product_id"] = first["group_id"] if whole else first["url"]
    return first


def _same_page(address: Any, url: str) -> bool:
    return _place(address) == _place(url)


def _place(address: Any) -> tuple[str, str]:
    """A page's host and path: queries choose among its variants."""
    parts = urlsplit(str(address))
    return parts.netloc, parts.path.rstrip("/")


def _items(text: str, url: str) -> list[Found]:
    """Every Product and ProductGroup on the page, however deep."""
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


def _read_microdata(text: str, url: str) -> Any:
    plain = XML_DECLARATION.sub("", text)
    try:
        return extruct.extract(plain, url, syntaxes=["microdata"], uniform=True)["microdata"]
    except Exception as error:  # whatever a parser makes of a broken page
        raise DataError(f"{url}: its microdata cannot be read ({error!r}).") from error


def _parse_block(script: str) -> Any:
    """The value of a JSON-LD script, also with what browsers and search engines forgive."""
    for text in (script, _without_habits(script)):
        try:
            return json.loads(text, strict=False)
        except (ValueError, RecursionError):
            continue
    return None  # one broken block must not hide the others


def _without_habits(script: str) -> str:
    """A script without comments, hiding marks, commas before a closing bracket, a last semicolon."""
    bare = BESIDE_JSON.sub(lambda match: match["text"] or " ", script)
    return LAST_COMMA.sub(lambda match: match["text"] or "", bare).strip().rstrip(";")


def _products(value: Any) -> list[Found]:
    found: list[Found] = []
    with suppress(RecursionError):  # what was found before stays
        found.extend(_products_in(value))
    return found


def _products_in(value: Any) -> Iterator[Found]:
    if isinstance(value, list):
        for item in value:
            yield from _products_in(item)
    elif isinstance(value, dict):
        if _kinds(value) & KINDS:
            yield value
        else:
            for item in value.values():
                yield from _products_in(item)


def _kinds(item: Found) -> set[str]:
    return {re.split("[/:]", str(k))[-1].lower() for k in as_list(item.get("@type"))}


def _part_of_page(item: Found, url: str) -> Found:
    """Of a group whose other variants have pages of their own, the variant of this page."""
    variants = as_dicts(item.get("hasVariant"))
    here = [v for v in variants if _same_page(_address(v, _offer(v.get("offers")), url), url)]
    if not here or len(here) == len(variants):
        return item
    shared = {k: v for k, v in item.items() if k not in ("@type", "hasVariant", *OWN_NUMBERS)}
    own = {**shared, **here[0], "url": url}
    if len({str(_number(v)) for v in here}) > 1:  # sizes with ids of their own: named by the page
        return {k: v for k, v in own.items() if k not in OWN_NUMBERS}
    return own


def _address(item: Found, offer: Found, url: str) -> str:
    return to_address(item.get("url") or offer.get("url"), url) or url


def _product(item: Found, url: str) -> Found:
    variants = as_dicts(item.get("hasVariant"))
    offer = _offer(item.get("offers") or (variants[0].get("offers") if variants else None))
    page = _address(item, offer, url)
    currency = next(iter(as_list(offer.get("priceCurrency"))), None)
    images = item.get("image") or (variants[0].get("image") if variants else None)
    return {
        "product_id": _number(item) or page,
        "group_id": _group(item),
        "url": page,
        "title": unescape(item.get("name")),
        "description": to_text(item.get("description")),
        "brand": unescape(_named(item.get("brand"))),
        "category": unescape(_named(item.get("category"))),
        "colour": unescape(_named(item.get("color"))),
        "tags": [],
        "price": read_price(_price(offer), currency),
        "currency": currency,
        "available": _available(offer.get("availability")),
        "images": to_addresses(images, url),
        "updated_at": None,
    }


def _group(item: Found) -> Any:
    return next((item[name] for name in GROUP_NUMBERS if item.get(name)), None)


def _number(item: Found) -> Any:
    """A group's own id; of one of its variants that which the others do not have, if possible."""
    group = _group(item)
    if group is not None and (item.get("hasVariant") or "productgroup" in _kinds(item)):
        return group
    numbers = [item[name] for name in OWN_NUMBERS if item.get(name)]
    apart = [item[name] for name in ("productID", "sku") if item.get(name) not in (None, "", group)]
    return next(iter([*apart, *numbers]), None)


def _offer(value: Any) -> Found:
    """The first offer of a dict, a list or an AggregateOffer, with its price specification."""
    offer = next(iter(as_dicts(value)), {})
    inner = [*as_dicts(offer.get("offers")), *as_dicts(offer.get("priceSpecification"))]
    for part in inner:
        offer = {**part, **offer}
    return offer


def _price(offer: Found) -> Any:
    names = ("price", "lowPrice")
    return next((offer[name] for name in names if offer.get(name) not in (None, "")), None)


def _available(stated: Any) -> bool | None:
    if not isinstance(stated, str) or not stated:
        return None
    word = stated.rsplit("/", 1)[-1].lower()
    return word in ("instock", "limitedavailability", "onlineonly", "in_stock", "in stock")


def _named(value: Any) -> str | None:
    """A name that is a string, or an object with a name, or a list of either."""
    first = next(iter(as_list(value)), None)
    if isinstance(first, dict):
        first = first.get("name")
    return first if isinstance(first, str) else None
