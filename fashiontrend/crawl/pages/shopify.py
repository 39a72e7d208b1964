"""Read Shopify's `/products.json` and `/meta.json`."""

import json

from fashiontrend.crawl.pages.currencies import read_currency
from fashiontrend.crawl.pages.gender import read_gender
from fashiontrend.crawl.pages.names import COLOUR_NAMES, SIZE_NAMES
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


def read_shopify(
    text: str, url: str, currency: str | None = None, offset: int = 0
) -> list[StatedProduct]:
    """Return the products of a `/products.json` page.

    Args:
        text: the body of the page.
        url: address of the page.
        currency: ISO 4217 code of the shop; the page itself states none.
        offset: how many products came before this page.

    Raises:
        DataError: the text is no such page.
    """
    page = parse_json(text, url)
    products = _listed(page) if isinstance(page, dict) else None
    if not isinstance(products, list):
        raise DataError(
            f"{url}: expected a list of products. Is this a Shopify shop? "
            "Check the platform's kind."
        )
    code = read_currency(currency, host_of(url))
    return [_product(p, url, code, n) for n, p in enumerate(as_objects(products), offset + 1)]


def _listed(page: JsonObject) -> object:
    """Return the products of a list, of `/products/x.json`, or of `/products/x.js` in cents."""
    if isinstance(page.get("product"), dict):
        return [page["product"]]
    if "products" in page or not isinstance(page.get("variants"), list):
        return page.get("products")
    variants = [_in_major_unit(variant) for variant in as_objects(page["variants"])]
    more = {"product_type": page.get("type"), "body_html": page.get("description")}
    return [{**page, **more, "variants": variants}]


def _in_major_unit(variant: JsonObject) -> JsonObject:
    names = ("price", "compare_at_price")
    return {**variant, **{n: c / 100 for n in names if isinstance(c := variant.get(n), int)}}


def _product(product: JsonObject, url: str, currency: str | None, position: int) -> StatedProduct:
    tags = product.get("tags")
    tags = [t.strip() for t in tags.split(",")] if isinstance(tags, str) else tags
    handle = product.get("handle") or product.get("id")
    variants = _variants(product, url, currency)
    paid = next((v for v in variants if v.available and v.price is not None), None) or next(
        (v for v in variants if v.price is not None), StatedVariant()
    )
    category = first_text(product.get("product_type"))
    colours = list(dict.fromkeys(v.colour for v in variants if v.colour)) or _values(
        product, COLOUR_NAMES
    )
    page = to_address(f"/products/{handle}", url)
    return StatedProduct(
        product_id=product.get("id"),
        url=page,
        title=first_text(product.get("title")),
        description=to_text(product.get("body_html")),
        brand=first_text(product.get("vendor")),
        category=category,
        gender=read_gender([category, *as_list(tags), product.get("title")]),
        colour=colours[0] if len(colours) == 1 else None,
        tags=tags,
        price=paid.price,
        list_price=paid.list_price,
        currency=currency,
        available=any(v.available is True for v in variants) if variants else None,
        images=to_addresses(product.get("images") or product.get("image"), url),
        updated_at=product.get("updated_at"),
        sku=next((v.variant_id for v in variants if v.variant_id), None),
        variants=variants,
        list_position=position,
        identity=page,
    )


def _variants(product: JsonObject, url: str, currency: str | None) -> tuple[StatedVariant, ...]:
    """Return the variants, whose `option1` to `option3` have their meaning from `options`."""
    size, colour = _option(product, SIZE_NAMES), _option(product, COLOUR_NAMES)
    pictures = as_objects(product.get("images"))
    found = []
    for variant in as_objects(product.get("variants")):
        price = to_price(variant.get("price"), currency)
        listed = to_price(variant.get("compare_at_price"), currency)
        available = variant.get("available")
        number = first_text(variant.get("id"))
        own = [p for p in pictures if variant.get("id") in as_list(p.get("variant_ids")) and number]
        found.append(
            StatedVariant(
                first_text(variant.get("sku")) or number,
                first_text(variant.get(size)) if size else None,
                first_text(variant.get(colour)) if colour else None,
                price,
                listed if listed is not None and price is not None and listed > price else None,
                available if isinstance(available, bool) else None,
                None,
                tuple(to_addresses([variant.get("featured_image"), *own], url)),
            )
        )
    return tuple(found)


def _option(product: JsonObject, names: set[str]) -> str | None:
    """Return which field of the variants holds an option."""
    for number, option in enumerate(as_list(product.get("options")), 1):
        if (first_text(option) or "").strip().lower() in names:
            place = option.get("position") if isinstance(option, dict) else None
            return f"option{place if isinstance(place, int) else number}"
    return None


def _values(product: JsonObject, names: set[str]) -> list[str]:
    """Return the values of an option, which a shop may state without any variant."""
    options = [
        o for o in as_objects(product.get("options")) if (first_text(o) or "").lower() in names
    ]
    return [text for o in options for v in as_list(o.get("values")) if (text := first_text(v))]


def read_shopify_currency(text: str) -> str | None:
    """Return the shop's currency from its `/meta.json`, None if the text names none."""
    try:
        value = json.loads(text).get("currency")
    except (ValueError, RecursionError, AttributeError):
        return None
    return value if isinstance(value, str) else None
