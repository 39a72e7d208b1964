"""What a shop's page says of its products; no network. Each reader returns fields of records.LISTING.

A reader takes text and the page's address and returns plain dicts; `images` is a list of
absolute addresses. What a page does not state is absent or None. Traps seen in the wild are
cases of `tests/crawl/test_pages.py`.
"""

import html
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import extruct
import parsel

from fashiontrend.errors import DataError

Found = dict[str, Any]
CHALLENGES = re.compile(
    r"cf-challenge|challenge-platform|Just a moment\.\.\.|_Incapsula_Resource|px-captcha|ak_bmsc.*sec-cpt|Access Denied</title>",
    re.IGNORECASE,
)


def is_challenge(text: str) -> bool:
    """Whether a page asks for a browser or a person instead of answering; the crawler then stops."""
    return bool(CHALLENGES.search(text[:20_000]))


def read_shopify(text: str, url: str, currency: str | None = None) -> list[Found]:
    """Products of a `/products.json` page.

    Raises:
        DataError: the text is not such a page.
    """
    products = _json_object(text, url).get("products")
    if not isinstance(products, list):
        raise DataError(f"{url}: expected a list of products. Is this a Shopify shop? Check the platform's kind.")
    return [_shopify(p, url, currency) for p in products if isinstance(p, dict)]


def _shopify(product: Found, url: str, currency: str | None) -> Found:
    tags = product.get("tags")
    variants = [v for v in _as_list(product.get("variants")) if isinstance(v, dict)]
    handle = product.get("handle") or product.get("id")
    return {
        "product_id": product.get("id"),
        "url": urljoin(url, f"/products/{handle}"),
        "title": product.get("title"),
        "description": to_text(product.get("body_html")),
        "brand": product.get("vendor"),
        "category": product.get("product_type"),
        "tags": [t.strip() for t in tags.split(",")] if isinstance(tags, str) else tags,
        "price": to_price(variants[0].get("price")) if variants else None,
        "currency": currency,
        "available": any(v.get("available") for v in variants) if variants else None,
        "images": _addresses(product.get("images"), url),
        "updated_at": product.get("updated_at"),
    }


def read_shopify_currency(text: str) -> str | None:
    """The shop's currency, which only `/meta.json` states."""
    try:
        value = json.loads(text).get("currency")
    except (ValueError, AttributeError):
        return None
    return value if isinstance(value, str) else None


def read_woocommerce(text: str, url: str) -> list[Found]:
    """Products of a Store API page: prices are strings in minor units, names hold HTML entities.

    Raises:
        DataError: the text is not such a page.
    """
    try:
        products = json.loads(text)
    except ValueError as error:
        raise DataError(f"{url}: not JSON ({error}). Is this a WooCommerce shop? Check the platform's kind.") from None
    if not isinstance(products, list):
        raise DataError(f"{url}: expected a list of products. Is this a WooCommerce shop? Check the platform's kind.")
    return [_woocommerce(p, url) for p in products if isinstance(p, dict)]


def _woocommerce(product: Found, url: str) -> Found:
    prices = product.get("prices")
    prices = prices if isinstance(prices, dict) else {}
    minor = to_price(prices.get("price"))
    unit = prices.get("currency_minor_unit", 2)
    categories = [c.get("name") for c in _as_list(product.get("categories")) if isinstance(c, dict)]
    return {
        "product_id": product.get("id"),
        "url": urljoin(url, str(product.get("permalink") or "")),
        "title": unescape(product.get("name")),
        "description": to_text(product.get("description") or product.get("short_description")),
        "category": unescape(categories[0]) if categories else None,
        "tags": [unescape(t.get("name")) for t in _as_list(product.get("tags")) if isinstance(t, dict)],
        "price": minor / 10**unit if minor is not None and isinstance(unit, int) else None,
        "currency": prices.get("currency_code"),
        "available": product.get("is_in_stock"),
        "images": _addresses(product.get("images"), url),
        "updated_at": None,
    }


def read_schema_org(text: str, url: str) -> list[Found]:
    """Products of an HTML page with schema.org data; the same product stated many times comes once."""
    found: dict[str, Found] = {}
    for item in _items(text, url):
        product = _schema_org(item, url)
        key = str(product["product_id"] or product["url"])
        found.setdefault(key, product)
    return list(found.values())


def _items(text: str, url: str) -> Iterator[Found]:
    """Every Product and ProductGroup on the page, however deep."""
    clean = re.sub(r"/\*\s*<!\[CDATA\[\s*\*/|/\*\s*\]\]>\s*\*/|//<!\[CDATA\[|//\]\]>", "", text)
    for script in parsel.Selector(clean).css('script[type="application/ld+json"]::text').getall():
        try:
            yield from _products_in(json.loads(script, strict=False))
        except ValueError:
            continue  # one broken block must not hide the others
    data = extruct.extract(text, base_url=url, syntaxes=["microdata"], uniform=True, errors="ignore")
    yield from _products_in(data.get("microdata", []))


def _products_in(value: Any) -> Iterator[Found]:
    if isinstance(value, list):
        for item in value:
            yield from _products_in(item)
    elif isinstance(value, dict):
        kinds = {str(k).rsplit("/", 1)[-1].lower() for k in _as_list(value.get("@type"))}
        if kinds & {"product", "productgroup"}:
            yield value
        else:
            for item in value.values():
                yield from _products_in(item)


def _schema_org(item: Found, url: str) -> Found:
    variants = [v for v in _as_list(item.get("hasVariant")) if isinstance(v, dict)]
    offer = _offer(item.get("offers") or (variants[0].get("offers") if variants else None))
    page = urljoin(url, str(item.get("url") or url))
    number = item.get("productID") or item.get("productGroupID") or item.get("sku") or item.get("mpn")
    images = item.get("image") or (variants[0].get("image") if variants else None)
    available = offer.get("availability")
    return {
        "product_id": number or page,
        "url": page,
        "title": unescape(item.get("name")),
        "description": to_text(item.get("description")),
        "brand": unescape(_named(item.get("brand"))),
        "category": _named(item.get("category")),
        "colour": _named(item.get("color")),
        "tags": [],
        "price": to_price(offer.get("price") or offer.get("lowPrice")),
        "currency": offer.get("priceCurrency"),
        "available": "instock" in str(available).lower() if available else None,
        "images": _addresses(images, url),
        "updated_at": None,
    }


def _offer(value: Any) -> Found:
    """The first offer of a dict, a list or an AggregateOffer."""
    offers = [o for o in _as_list(value) if isinstance(o, dict)]
    return offers[0] if offers else {}


def _named(value: Any) -> str | None:
    """A name that is a string, or an object with a name, or a list of either."""
    first = next(iter(_as_list(value)), None)
    if isinstance(first, dict):
        first = first.get("name")
    return first if isinstance(first, str) else None


def _addresses(value: Any, url: str) -> list[str]:
    """Absolute addresses of a string, a list, or objects with src, url or contentUrl; each once."""
    found: dict[str, None] = {}
    for item in _as_list(value):
        if isinstance(item, dict):
            item = item.get("src") or item.get("url") or item.get("contentUrl")
        if isinstance(item, str) and item.strip():
            found.setdefault(urljoin(url, item.strip()))
    return list(found)


def read_sitemap(text: str) -> tuple[list[tuple[str, str | None]], list[str]]:
    """Pages with their lastmod, and further sitemaps, of a sitemap or a sitemap index."""
    selector = parsel.Selector(text, type="xml")
    selector.remove_namespaces()
    pages = [
        (loc.strip(), u.xpath("normalize-space(lastmod)").get() or None)
        for u in selector.xpath("//url")
        if (loc := u.xpath("loc/text()").get())
    ]
    return pages, [s.strip() for s in selector.xpath("//sitemap/loc/text()").getall()]


def to_price(value: Any) -> float | None:
    """A price as a number: `38.15`, `38,15`, `1.299,00`, `2.449` (thousands), 20 or "1,299.00"."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if not isinstance(value, str):
        return float(value)
    digits = re.sub(r"[^\d.,]", "", value)
    if "," in digits and "." in digits:
        decimal = max(digits.rfind(","), digits.rfind("."))
        digits = re.sub(r"[.,]", "", digits[:decimal]) + "." + digits[decimal + 1 :]
    elif digits.count(",") == 1 and len(digits) - digits.index(",") - 1 != 3:
        digits = digits.replace(",", ".")
    elif re.fullmatch(r"\d{1,3}([.,]\d{3})+", digits):
        digits = re.sub(r"[.,]", "", digits)
    try:
        return float(digits)
    except ValueError:
        return None


def to_text(value: Any) -> str | None:
    """The readable text of an HTML fragment."""
    if not isinstance(value, str):
        return None
    if "<" in value:
        value = " ".join(parsel.Selector(value).xpath("//text()").getall())
    return re.sub(r"\s+", " ", html.unescape(value)).strip()


def unescape(value: Any) -> Any:
    """A string without HTML entities; anything else as it is, for the checks to judge."""
    return html.unescape(value).strip() if isinstance(value, str) else value


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _json_object(text: str, url: str) -> Found:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise DataError(f"{url}: not JSON ({error}). Check the platform's kind.") from None
    return value if isinstance(value, dict) else {}
