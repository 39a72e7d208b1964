"""Product pages with schema.org data, as JSON-LD or microdata, in the forms seen in the wild."""

import json
import re
from collections.abc import Iterator
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

WRAPPERS = re.compile(r"/\*\s*<!\[CDATA\[\s*\*/|/\*\s*\]\]>\s*\*/|//\s*<!\[CDATA\[|//\s*\]\]>")
KINDS = {"product", "productgroup"}


def read_schema_org(text: str, url: str) -> list[Found]:
    """Products of an HTML page; the same one stated many times, once a size say, comes once.

    Of a page that states itself beside others (related products, a carousel) only its own
    product counts.
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


def _items(text: str, url: str) -> Iterator[Found]:
    """Every Product and ProductGroup on the page, however deep."""
    page = parsel.Selector(text)
    scripts = page.xpath('//script[contains(@type, "ld+json")]/text()').getall()
    blocks = [_parse_block(script) for script in scripts]
    if "itemscope" in text:
        syntaxes = ["microdata"]
        data = extruct.extract(text, url, syntaxes=syntaxes, uniform=True, errors="ignore")
        blocks += data.get("microdata", [])
    try:
        yield from _products_in(blocks)
    except RecursionError:
        return


def _parse_block(script: str) -> Any:
    try:
        return json.loads(WRAPPERS.sub("", script).strip().rstrip(";"), strict=False)
    except (ValueError, RecursionError):
        return None  # one broken block must not hide the others


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
        "price": read_price(_price(offer), offer.get("priceCurrency")),
        "currency": offer.get("priceCurrency"),
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
