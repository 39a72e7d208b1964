"""WooCommerce's Store API, `/wp-json/wc/store/v1/products`."""

from typing import Any

from fashiontrend.crawl.pages.values import (
    Found,
    as_dicts,
    parse_json,
    read_price,
    to_address,
    to_addresses,
    to_text,
    unescape,
)
from fashiontrend.errors import DataError

#: Most decimals that a currency has; a larger `currency_minor_unit` is a mistake.
MOST_DECIMALS = 6


def read_woocommerce(text: str, url: str) -> list[Found]:
    """Products of a Store API page: prices are strings in minor units, names hold HTML entities.

    Raises:
        DataError: the text is not such a page.
    """
    products = parse_json(text, url)
    if not isinstance(products, list):
        raise DataError(
            f"{url}: expected a list of products. Is this a WooCommerce shop? "
            "Check the platform's kind."
        )
    return [_product(p, url) for p in as_dicts(products)]


def _product(product: Found, url: str) -> Found:
    prices = product.get("prices")
    prices = prices if isinstance(prices, dict) else {}
    categories = [unescape(c.get("name")) for c in as_dicts(product.get("categories"))]
    return {
        "product_id": product.get("id"),
        "url": to_address(product.get("permalink"), url),
        "title": unescape(product.get("name")),
        "description": to_text(product.get("description") or product.get("short_description")),
        "category": categories[0] if categories else None,
        "tags": [unescape(t.get("name")) for t in as_dicts(product.get("tags"))],
        "price": _major(prices.get("price"), prices.get("currency_minor_unit", 2)),
        "currency": prices.get("currency_code"),
        "available": product.get("is_in_stock"),
        "images": to_addresses(product.get("images"), url),
        "updated_at": None,
    }


def _major(price: Any, minor_unit: Any) -> Any:
    """A price in minor units as a number in the currency itself; a wrong type as it is."""
    minor = read_price(price)
    if not isinstance(minor, float):
        return minor
    good = isinstance(minor_unit, int) and 0 <= minor_unit <= MOST_DECIMALS
    return minor / float(10**minor_unit) if good else None
