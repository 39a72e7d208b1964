"""Read WooCommerce's Store API, `/wp-json/wc/store/v1/products`."""

from fashiontrend.crawl.pages.currencies import read_currency
from fashiontrend.crawl.pages.gender import read_gender
from fashiontrend.crawl.pages.identity import usable_id
from fashiontrend.crawl.pages.names import BRAND_NAMES, COLOUR_NAMES, GENDER_NAMES, SIZE_NAMES
from fashiontrend.crawl.pages.page_facts import host_of
from fashiontrend.crawl.pages.product import StatedProduct, StatedVariant
from fashiontrend.crawl.pages.values import (
    JsonObject,
    as_list,
    as_objects,
    first_text,
    parse_json,
    to_address,
    to_addresses,
    to_price,
    to_text,
)
from fashiontrend.errors import DataError

#: No currency has more decimals; a larger `currency_minor_unit` is a mistake of the shop.
MAX_DECIMALS = 6


def read_woocommerce(text: str, url: str, offset: int = 0) -> list[StatedProduct]:
    """Return the products of a Store API page.

    The API gives prices as strings in minor units, and names with HTML entities.

    Args:
        text: the body of the page.
        url: address of the page.
        offset: how many products came before this page.

    Raises:
        DataError: the text is no such page.
    """
    products = parse_json(text, url)
    if not isinstance(products, list):
        raise DataError(
            f"{url}: expected a list of products. Is this a WooCommerce shop? "
            "Check the platform's kind."
        )
    return [_product(p, url, n) for n, p in enumerate(as_objects(products), offset + 1)]


def _product(product: JsonObject, url: str, position: int) -> StatedProduct:
    prices = product.get("prices")
    prices = prices if isinstance(prices, dict) else {}
    digits = prices.get("currency_minor_unit", 2)
    categories = " | ".join(_names(product.get("categories"))) or None
    tags = _names(product.get("tags"))
    price = _in_major_unit(prices.get("price"), digits)
    regular = _in_major_unit(prices.get("regular_price"), digits)
    colours = _attribute(product, COLOUR_NAMES)
    brands = _names(product.get("brands")) or _attribute(product, BRAND_NAMES)
    stock, orderable = product.get("is_in_stock"), product.get("is_on_backorder") is True
    page = to_address(product.get("permalink"), url)
    return StatedProduct(
        product_id=product.get("id"),
        url=page,
        title=first_text(product.get("name")),
        description=to_text(product.get("description") or product.get("short_description")),
        brand=brands[0] if brands else None,
        category=categories,
        gender=read_gender(
            [*_attribute(product, GENDER_NAMES), categories, *tags, product.get("name")]
        ),
        colour=colours[0] if len(colours) == 1 else None,
        tags=tags,
        price=price,
        list_price=regular if price is not None and (regular or 0) > price else None,
        currency=read_currency(prices.get("currency_code"), host_of(url)),
        available=stock,
        availability="back_order" if orderable else None,
        images=to_addresses(product.get("images"), url),
        updated_at=None,
        sku=usable_id(product.get("sku")),
        variants=_variants(product, colours, _attribute(product, SIZE_NAMES)),
        list_position=position,
        identity=page,
    )


def _names(value: object) -> list[str]:
    return [name for one in as_list(value) if (name := first_text(one)) is not None]


def _attribute(product: JsonObject, names: set[str]) -> list[str]:
    """Return the values of an attribute, in the spelling of its terms."""
    found: list[str] = []
    for one in as_objects(product.get("attributes")):
        labels = {(first_text(one.get(n)) or "").lower() for n in ("name", "taxonomy")}
        if labels & names:
            found += _names(one.get("terms") or one.get("options"))
    return list(dict.fromkeys(found))


def _variants(
    product: JsonObject, colours: list[str], sizes: list[str]
) -> tuple[StatedVariant, ...]:
    """Return the variations; the list of products states their attributes and no price."""
    found = []
    spelt = {name.lower(): name for name in [*colours, *sizes]}
    for one in as_objects(product.get("variations")):
        size = colour = None
        for attribute in as_objects(one.get("attributes")):
            label = (first_text(attribute.get("name")) or "").lower()
            value = first_text(attribute.get("value"))
            value = spelt.get((value or "").lower(), value)
            size, colour = (
                (value if label in SIZE_NAMES else size),
                (value if label in COLOUR_NAMES else colour),
            )
        found.append(StatedVariant(first_text(one.get("id")), size, colour))
    return tuple(found)


def _in_major_unit(price: object, minor_unit: object) -> float | None:
    """Return a price in minor units in the currency's major unit."""
    minor = to_price(price)
    if minor is None or not isinstance(minor_unit, int) or not 0 <= minor_unit <= MAX_DECIMALS:
        return None
    return minor / float(10**minor_unit)
