"""Settle which listings of a crawl are one product; ADR 0080 holds the rule with its cases."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from fashiontrend.crawl.listing import Listing
from fashiontrend.crawl.memory import KnownPage
from fashiontrend.crawl.pages.page_facts import page_of

LANGUAGE = re.compile(r"/[a-z]{2}(?:[-_][a-z]{2})?(?=/|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Settled:
    """The listings of a crawl, each product once, and the pages that they came from."""

    listings: list[Listing]
    pages: dict[str, KnownPage]


def is_same_product(first: Listing, again: Listing) -> bool:
    """Return whether two listings with one id are one product, stated on several pages.

    They are if they have a page in common but for its language, or their title, or their picture.
    Otherwise the shop gave one number to several products.
    """
    pages = {_page(listing) for listing in (first, again)}
    return (
        len(pages) == 1 or first.title == again.title or first.images[0].url == again.images[0].url
    )


def is_replaced_by(first: Listing, again: Listing) -> bool:
    """Return whether a product's own page was read after a list that names it."""
    return first.list_position is not None and again.list_position is None


def settle(
    listings: Iterable[Listing],
    pages: Mapping[str, KnownPage],
    shared_ids: Collection[str],
    known: Mapping[str, Listing],
) -> Settled:
    """Return the listings of a crawl with ids that tell them apart, each product once.

    Args:
        listings: as they were found.
        pages: address of a page -> what it holds.
        shared_ids: ids that the shop gave to several products; these get their address as id.
        known: product id -> the listing of earlier days, for the day on which it was first seen.
    """
    found: dict[str, Listing] = {}
    renamed: dict[str, list[Listing]] = {}
    for listing in listings:
        own = listing
        if listing.product_id in shared_ids:
            own = _with_address_as_id(listing, known)
            renamed.setdefault(listing.product_id, []).append(own)
        before = found.setdefault(own.product_id, own)
        if is_replaced_by(before, own):
            found[own.product_id] = replace(own, list_position=before.list_position)
    return Settled(list(found.values()), {a: _rename(a, p, renamed) for a, p in pages.items()})


def _with_address_as_id(listing: Listing, known: Mapping[str, Listing]) -> Listing:
    before = known.get(listing.url)
    first_seen = before.first_seen if before is not None else listing.first_seen
    return replace(listing, product_id=listing.url, first_seen=first_seen)


def _rename(address: str, page: KnownPage, renamed: Mapping[str, list[Listing]]) -> KnownPage:
    """Return a page with the ids that its products have now."""
    ids = (
        next((own.product_id for own in renamed[i] if page_of(own.url) == page_of(address)), i)
        if i in renamed
        else i
        for i in page.product_ids
    )
    return page._replace(product_ids=tuple(ids))


def _page(listing: Listing) -> tuple[str, str]:
    host, path = page_of(listing.url)
    return host, LANGUAGE.sub("", path, count=1)
