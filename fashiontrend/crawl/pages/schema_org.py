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


def read_schema_org(text: str, url: str) -> list[Found]:
    """Products of an HTML page; the same one stated many times, once a size say, comes once.

    Of a page that states itself beside others (related products, a carousel) only its own
    product counts.

    Raises:
        DataError: the page has microdata that cannot be read, and states no product otherwise.
    """
    stated = [_product(item, url) for item in _items(text, url)]
    own = [p for p in stated if _same_page(p["url"], url)]
    found: dict[tuple[str, str], Found] = {}
    for product in own or stated:
        key = (str(product["url"]), str(product["title"]))
        first = found.setdefault(key, product)
        if str(first["product_id"]) != str(product["product_id"]):
            first["product_id"] = first["url"]  # sizes with ids of their own: one listing
    return list(found.values())


def _same_page(address: Any, url: str) -> bool:
    one, other = urlsplit(str(address)), urlsplit(url)
    return (one.netloc, one.path.rstrip("/")) == (other.netloc, other.path.rstrip("/"))


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
        kinds = {re.split("[/:]", str(k))[-1].lower() for k in as_list(value.get("@type"))}
        if kinds & KINDS:
            yield value
        else:
            for item in value.values():
                yield from _products_in(item)


def _product(item: Found, url: str) -> Found:
    variants = as_dicts(item.get("hasVariant"))
    offer = _offer(item.get("offers") or (variants[0].get("offers") if variants else None))
    page = to_address(item.get("url") or offer.get("url"), url) or url
    currency = next(iter(as_list(offer.get("priceCurrency"))), None)
    images = item.get("image") or (variants[0].get("image") if variants else None)
    return {
        "product_id": _number(item) or page,
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


def _number(item: Found) -> Any:
    names = ("productGroupID", "inProductGroupWithID", "productID", "sku", "mpn")
    return next((item[name] for name in names if item.get(name)), None)


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
