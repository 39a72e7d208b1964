"""Decide which products of a page are its own, which statements are one product, and its id.

ADR 0080 holds the rule with its cases.
"""

import re
from collections.abc import Sequence
from dataclasses import fields, replace
from urllib.parse import urlsplit

from fashiontrend.crawl.pages.page_facts import PageFacts, page_of, without_choice
from fashiontrend.crawl.pages.product import NOT_IN_FORMAT, StatedProduct, StatedVariant
from fashiontrend.crawl.pages.values import JsonObject, first_text

#: Where a product's number is stated, the surest first.
ID_FIELDS = ("sku", "productID", "mpn")
NO_ID = re.compile(
    r"(?:n/?a\.?|none|null|nil|undefined|nan|unknown|tbd|todo|test|default|sku|false|true|([-–—_.0x?#*])\1*)",
    re.IGNORECASE,
)


def usable_id(stated: object) -> str | None:
    """Return a stated number that can tell products apart; `N/A`, `0` and blanks cannot."""
    text = first_text(stated)
    return None if text is None or NO_ID.fullmatch(text) else text


def usable_ids(item: JsonObject, group: str | None) -> list[str]:
    """Return the numbers of a product, those that are not merely its group's first."""
    found = [number for name in ID_FIELDS if (number := usable_id(item.get(name)))]
    bare = [number.split(":", 1)[1] if number.startswith("sku:") else number for number in found]
    return [number for number in bare if number != group] + [n for n in bare if n == group]


def choose_own(stated: Sequence[StatedProduct], facts: PageFacts) -> list[StatedProduct]:
    """Return a page's own product, or the products of a page that is a list.

    Args:
        stated: everything that the page states, in its order.
        facts: what the page says of itself.
    """
    pages = {page_of(one) for one in (facts.url, facts.canonical or facts.url)}
    addressed = [p for p in stated if p.identity is not None]
    here = [p for p in addressed if page_of(p.identity) in pages]
    nowhere = [p for p in stated if p.identity is None]
    titled = [p for p in addressed if _is_titled(p, facts) and p.list_position is None]
    if here or nowhere or len(titled) == 1:
        main = _main(
            [p for p in here if p.list_position is None] or here or nowhere or titled, facts
        )
        same = [p for p in [*here, *nowhere] if p is not main and _is_same(main, p)]
        return [_merge([main, *same], facts)]
    found: dict[object, list[StatedProduct]] = {}
    for product in addressed:
        key = (page_of(product.url), product.group_id or product.title)
        found.setdefault(key, []).append(product)
    return [_merge(entries, None) for entries in found.values()]


def _main(candidates: Sequence[StatedProduct], facts: PageFacts) -> StatedProduct:
    """Return the statement that says most of the product that the page is about."""

    def worth(product: StatedProduct) -> tuple[bool, ...]:
        stated = (product.sku, product.price, product.images)
        return (
            product.list_position is None,
            _is_titled(product, facts),
            bool(product.group_id and product.variants),
            *(bool(value) for value in stated),
        )

    if len({str(p.title) for p in candidates}) == 1 or not facts.headline:
        pictured = [p for p in candidates if p.images and p.list_position is None]
        return (pictured or list(candidates))[0]
    return max(candidates, key=worth)


def _is_titled(product: StatedProduct, facts: PageFacts) -> bool:
    names = {_folded(name) for name in (facts.headline, facts.first("og:title")) if name}
    return _folded(product.title) in names - {""}


def _is_same(main: StatedProduct, other: StatedProduct) -> bool:
    """Return whether another statement of the page is of its product, not of a related one."""
    if main.group_id is not None and main.group_id == other.group_id:
        return True
    if main.sku is not None and main.sku == other.sku:
        return True
    if main.identity is not None and other.identity is not None:
        return page_of(main.identity) == page_of(other.identity)
    return _folded(main.title) == _folded(other.title)


def _folded(title: object) -> str:
    return " ".join(str(title or "").lower().split())


def _merge(entries: list[StatedProduct], facts: PageFacts | None) -> StatedProduct:
    """Merge the statements of one product, which may have an id for each size."""
    first = next((entry for entry in entries if entry.images), entries[0])
    merged = first
    for other in entries:
        merged = _fill(merged, other)
    colours = list(dict.fromkeys(str(e.colour) for e in entries if e.colour))
    of_pages = [_as_variant(entry) for entry in entries]
    if len(entries) > 1 and len({v.variant_id for v in of_pages}) > 1 and not first.variants:
        merged = replace(merged, variants=tuple(of_pages))
        merged = replace(merged, images=list(dict.fromkeys(i for e in entries for i in e.images)))
        words = [entry for entry in entries if entry.available] or entries
        merged = replace(merged, available=words[0].available, availability=words[0].availability)
    if len(colours) > 1 or len({v.colour for v in merged.variants if v.colour}) > 1:
        merged = replace(merged, colour=None)
    return replace(
        merged,
        product_id=_product_id(entries, first, len(colours) > 1, facts),
        identity=facts.identity if facts else merged.url if isinstance(merged.url, str) else None,
    )


def _product_id(
    entries: Sequence[StatedProduct],
    first: StatedProduct,
    many_colours: bool,
    facts: PageFacts | None,
) -> object:
    """Return the one id of several statements: their number, their group's, or their address."""
    numbers = {str(e.product_id) for e in entries if e.product_id != e.url}
    if len(numbers) == 1 and not _is_one_size(first):
        return numbers.pop()
    if first.group_id is not None and (many_colours or first.group_id == first.product_id):
        return first.group_id
    return facts.identity if facts else without_choice(str(first.url))


def _is_one_size(product: StatedProduct) -> bool:
    """Return whether a product's address chooses a size, so that its number is only that size's."""
    query = urlsplit(product.url).query.lower() if isinstance(product.url, str) else ""
    return (
        product.group_id is None and re.search(r"(?:^|&)(?:size|variant|sku)=", query) is not None
    )


def _as_variant(product: StatedProduct) -> StatedVariant:
    return StatedVariant(
        variant_id=str(product.product_id),
        colour=product.colour if isinstance(product.colour, str) else None,
        price=product.price if isinstance(product.price, float) else None,
        list_price=product.list_price if isinstance(product.list_price, float) else None,
        available=product.available if isinstance(product.available, bool) else None,
        availability=product.availability if isinstance(product.availability, str) else None,
        images=tuple(product.images),
    )


def _fill(first: StatedProduct, other: StatedProduct) -> StatedProduct:
    """Return a statement with what only another statement of the same product says."""
    names = [f.name for f in fields(first) if f.name not in ("product_id", "list_position", "url")]
    empty = (name for name in names if getattr(first, name) in (None, [], (), NOT_IN_FORMAT))
    return replace(first, **{name: getattr(other, name) for name in empty})
