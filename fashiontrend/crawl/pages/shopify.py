"""Read Shopify's `/products.json` and `/meta.json`."""

import json

from fashiontrend.crawl.pages.product import StatedProduct
from fashiontrend.crawl.pages.values import (
    JsonObject,
    as_objects,
    parse_json,
    read_price,
    to_address,
    to_addresses,
    to_text,
)
from fashiontrend.errors import DataError


def read_shopify(text: str, url: str, currency: str | None = None) -> list[StatedProduct]:
    """Return the products of a `/products.json` page.

    Args:
        text: the body of the page.
        url: address of the page.
        currency: ISO 4217 code of the shop; the page itself states none.

    Raises:
        DataError: the text is no such page.
    """
    page = parse_json(text, url)
    products = page.get("products") if isinstance(page, dict) else None
    if not isinstance(products, list):
        raise DataError(
            f"{url}: expected a list of products. Is this a Shopify shop? "
            "Check the platform's kind."
        )
    return [_product(p, url, currency) for p in as_objects(products)]


def _product(product: JsonObject, url: str, currency: str | None) -> StatedProduct:
    tags = product.get("tags")
    variants = as_objects(product.get("variants"))
    handle = product.get("handle") or product.get("id")
    return StatedProduct(
        product_id=product.get("id"),
        url=to_address(f"/products/{handle}", url),
        title=product.get("title"),
        description=to_text(product.get("body_html")),
        brand=product.get("vendor"),
        category=product.get("product_type"),
        tags=[t.strip() for t in tags.split(",")] if isinstance(tags, str) else tags,
        price=read_price(variants[0].get("price"), currency) if variants else None,
        currency=currency,
        available=any(v.get("available") is True for v in variants) if variants else None,
        images=to_addresses(product.get("images"), url),
        updated_at=product.get("updated_at"),
    )


def read_shopify_currency(text: str) -> str | None:
    """Return the shop's currency from its `/meta.json`, None if the text names none."""
    try:
        value = json.loads(text).get("currency")
    except (ValueError, RecursionError, AttributeError):
        return None
    return value if isinstance(value, str) else None
