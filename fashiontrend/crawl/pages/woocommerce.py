"""Read WooCommerce's Store API, `/wp-json/wc/store/v1/products`."""

from fashiontrend.crawl.pages.product import StatedProduct
from fashiontrend.crawl.pages.values import (
    JsonObject,
    as_objects,
    parse_json,
    read_price,
    to_address,
    to_addresses,
    to_text,
    unescape,
)
from fashiontrend.errors import DataError

#: No currency has more decimals; a larger `currency_minor_unit` is a mistake of the shop.
MAX_DECIMALS = 6


def read_woocommerce(text: str, url: str) -> list[StatedProduct]:
    """Return the products of a Store API page.

    The API gives prices as strings in minor units, and names with HTML entities.

    Raises:
        DataError: the text is no such page.
    """
    products = parse_json(text, url)
    if not isinstance(products, list):
        raise DataError(
            f"{url}: expected a list of products. Is this a WooCommerce shop? "
            "Check the platform's kind."
        )
    return [_product(p, url) for p in as_objects(products)]


def _product(product: JsonObject, url: str) -> StatedProduct:
    prices = product.get("prices")
    prices = prices if isinstance(prices, dict) else {}
    categories = [unescape(c.get("name")) for c in as_objects(product.get("categories"))]
    return StatedProduct(
        product_id=product.get("id"),
        url=to_address(product.get("permalink"), url),
        title=unescape(product.get("name")),
        description=to_text(product.get("description") or product.get("short_description")),
        category=categories[0] if categories else None,
        tags=[unescape(t.get("name")) for t in as_objects(product.get("tags"))],
        price=_in_major_unit(prices.get("price"), prices.get("currency_minor_unit", 2)),
        currency=prices.get("currency_code"),
        available=product.get("is_in_stock"),
        images=to_addresses(product.get("images"), url),
        updated_at=None,
    )


def _in_major_unit(price: object, minor_unit: object) -> object:
    """Return a price in minor units in the currency's major unit; a wrong type is unchanged."""
    minor = read_price(price)
    if not isinstance(minor, float):
        return minor
    if not isinstance(minor_unit, int) or not 0 <= minor_unit <= MAX_DECIMALS:
        return None
    return minor / float(10**minor_unit)
