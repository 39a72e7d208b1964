"""Read what the head of a page says in OpenGraph and its siblings."""

from dataclasses import replace

from fashiontrend.crawl.pages.currencies import read_currency
from fashiontrend.crawl.pages.offers import ORDERABLE, read_availability
from fashiontrend.crawl.pages.page_facts import PageFacts, host_of
from fashiontrend.crawl.pages.product import StatedProduct
from fashiontrend.crawl.pages.values import first_text, price_sign, to_addresses, to_price, to_text

PRODUCT_TYPES = {"product", "og:product", "product.item"}
PRICES = ("product:sale_price:amount", "product:price:amount", "og:price:amount", "product:price")
LIST_PRICES = ("product:original_price:amount", "og:price:standard_amount", "product:price:amount")
CURRENCIES = (
    "product:sale_price:currency",
    "product:price:currency",
    "og:price:currency",
)
PICTURES = ("og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src")


def read_open_graph(facts: PageFacts) -> list[StatedProduct]:
    """Return the product of a page that has no structured data but calls itself a product."""
    kind = (facts.first("og:type") or "").strip().lower()
    priced = to_price(facts.first(*PRICES)) is not None
    if kind not in PRODUCT_TYPES or not (priced or facts.first("product:availability")):
        return []
    sku = first_text(facts.first("product:retailer_item_id", "product:sku"))
    bare = StatedProduct(
        product_id=sku or facts.identity,
        url=facts.canonical or facts.url,
        title=None,
        images=[],
        description=None,
        brand=None,
        category=first_text(facts.first("product:category")),
        gender=first_text(facts.first("product:target_gender")),
        colour=first_text(facts.first("product:color", "product:colour")),
        tags=[],
        price=None,
        currency=None,
        available=None,
        updated_at=None,
        list_price=None,
        availability=None,
        sku=sku,
        parent_id=None,
        identity=facts.identity,
    )
    return [fill_from_head(bare, facts)]


def fill_from_head(product: StatedProduct, facts: PageFacts) -> StatedProduct:
    """Return a page's only product with what its structured data left out and the head states."""
    currency = product.currency or read_currency(facts.first(*CURRENCIES), host_of(facts.url))
    price = product.price
    if price is None:
        stated = facts.first(*PRICES)
        price = to_price(stated, currency)
        currency = currency or read_currency(price_sign(stated), host_of(facts.url))
    listed = to_price(facts.first(*LIST_PRICES), currency)
    is_lower = isinstance(price, float) and listed is not None and listed > price
    word = product.availability or read_availability(
        facts.first("product:availability", "og:availability")
    )
    pictures = [value for name in PICTURES for value in facts.meta.get(name, ())[:8]]
    return replace(
        product,
        title=product.title or first_text(facts.first("og:title")) or facts.headline,
        description=product.description or to_text(facts.first("og:description", "description")),
        brand=product.brand or first_text(facts.first("product:brand", "og:brand")),
        colour=product.colour or first_text(facts.first("product:color", "product:colour")),
        gender=product.gender or first_text(facts.first("product:target_gender")),
        images=product.images or to_addresses(pictures, facts.base)[:1],
        price=price,
        list_price=product.list_price or (listed if is_lower else None),
        currency=currency,
        availability=word,
        available=product.available if word is None else word in ORDERABLE,
    )
