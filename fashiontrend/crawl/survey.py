"""Survey a shop in a short visit: its kind, how much it sells, and three listings as they would be stored."""

import hashlib
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import TypeAlias
from urllib.parse import urlsplit

from fashiontrend.config import IngestConfig
from fashiontrend.crawl import pages
from fashiontrend.crawl.finding import ABSENT, search_for
from fashiontrend.crawl.listing import Listing, check_listing
from fashiontrend.crawl.pages import StatedProduct
from fashiontrend.crawl.pages.values import to_address
from fashiontrend.crawl.spiders import WOOCOMMERCE_PLAIN, WOOCOMMERCE_PRETTY
from fashiontrend.crawl.visit import AddressForbidden, Answer, ShopRefuses, Visit, VisitOver
from fashiontrend.crawl.widths import widest_once
from fashiontrend.errors import DataError, PictureError
from fashiontrend.images import inspect

SHOWN = 3
SHOPIFY_PATH = "/products.json?limit=250&page=1"
WOOCOMMERCE_PATHS = tuple(
    f"{start}per_page=100&page=1" for start in (WOOCOMMERCE_PRETTY, WOOCOMMERCE_PLAIN)
)
#: What the home page of a kind of shop holds; a kind without a mark is tried last.
MARKS = {
    "shopify": re.compile(r"cdn\.shopify\.com|Shopify\.(?:theme|shop)|/cdn/shop/", re.IGNORECASE),
    "woocommerce": re.compile(r"woocommerce|wp-content/|api\.w\.org", re.IGNORECASE),
}
#: Folders and endings of addresses that shops give to product pages, the surest first.
PRODUCT_ADDRESS = re.compile(
    r"/(?:products?|produits?|produkte?|productos?|prodotti|item|items|p|pd|dp)/|[-_/]p?\d{4,}(?:\.html?)?$"
)


@dataclass(frozen=True)
class ShopSurvey:
    """What a short visit saw of a shop."""

    kind: str
    base_url: str
    products: int  # as many the shop has, as far as the visit can tell
    exactly: bool  # False: the shop has at least this many, or has pages that are no products
    counted: str  # what was counted, in the words of a message
    listings: tuple[Listing, ...]
    currency: str | None = None  # of prices that do not state their own
    include: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()  # of each listing: what its first picture is, or why none
    requests: int = 0

    @property
    def name(self) -> str:
        """A platform name made of the host."""
        host = (urlsplit(self.base_url).hostname or "shop").removeprefix("www.")
        return re.sub(r"[^a-z0-9]+", "-", host.lower()).strip("-") or "shop"

    def block(self) -> dict[str, object]:
        """The platform's entry of `crawl.platforms`; what is not in it keeps its default."""
        block: dict[str, object] = {
            "name": self.name,
            "kind": self.kind,
            "base_url": self.base_url,
            "delay_s": 2.0,
        }
        more = {
            "currency": self.currency,
            "sitemaps": list(self.sitemaps),
            "include": list(self.include),
        }
        return block | {name: value for name, value in more.items() if value}


#: Reads a shop as one of a kind; None if it is of another.
Try: TypeAlias = Callable[[Visit, str, date], Awaitable[ShopSurvey | None]]


async def survey(visit: Visit, day: date, limits: IngestConfig) -> ShopSurvey:
    """Visit a shop and say what it is.

    Args:
        visit: a fresh one; its `shop` is the address that is asked first.
        day: of the listings.
        limits: which pictures are usable.

    Raises:
        ShopRefuses: the shop does not want to be asked, cannot be, or states no products.
    """
    home = await visit.get(visit.shop)
    if home.status >= 400:
        raise ShopRefuses(
            f"{home.url}: the shop answered {home.status}. Check the address; name its home page."
        )
    base = _base(visit.shop, home.url)
    found = await _recognise(visit, base, home.text, day)
    found = await _with_pictures(visit, found, limits)
    return replace(found, requests=visit.requests)


def _base(stated: str, answered: str) -> str:
    """The start of the shop: where it redirects to, with a path only if one was stated."""
    parts = urlsplit(answered)
    path = urlsplit(stated).path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path and parts.path.rstrip('/')}"


async def _recognise(visit: Visit, base: str, home: str, day: date) -> ShopSurvey:
    """Try the kinds of shops, first those whose marks the home page has."""
    marked = [kind for kind, mark in MARKS.items() if mark.search(home)]
    # Without a mark the rarer form of an address would cost the requests for pages.
    paths = WOOCOMMERCE_PATHS if marked else WOOCOMMERCE_PATHS[:1]
    tries: dict[str, Try] = {"shopify": _shopify, "woocommerce": partial(_woocommerce, paths=paths)}
    seen: list[str] = []
    for kind in marked or tries:
        try:
            found = await tries[kind](visit, base, day)
        except AddressForbidden as error:
            seen.append(str(error))
        except ShopRefuses:
            raise
        except DataError:
            continue
        else:
            if found is not None:
                return found
    return await _schema_org(visit, base, day, seen)


async def _shopify(visit: Visit, base: str, day: date) -> ShopSurvey | None:
    answer = await visit.get(f"{base}{SHOPIFY_PATH}")
    if answer.status >= 400:
        return None
    pages.read_shopify(answer.text, answer.url)  # a page of another kind ends here
    currency = None
    with suppress(ShopRefuses):
        currency = pages.read_shopify_currency((await visit.get(f"{base}/meta.json")).text)
    products = pages.read_shopify(answer.text, answer.url, currency)
    whole = len(products) < 250
    return _surveyed(
        "shopify", base, day, products, len(products), whole, "in /products.json", currency
    )


async def _woocommerce(
    visit: Visit, base: str, day: date, paths: Sequence[str]
) -> ShopSurvey | None:
    for path in paths:
        answer = await visit.get(f"{base}{path}")
        with suppress(DataError):
            products = pages.read_woocommerce(answer.text, answer.url)
            break
    else:
        return None
    total = answer.headers.get("X-WP-Total", "")
    stated = total.isdigit() and len(total) < 10
    number = int(total) if stated else len(products)
    whole = stated or len(products) < 100
    return _surveyed("woocommerce", base, day, products, number, whole, "in the Store API", None)


def _surveyed(
    kind: str,
    base: str,
    day: date,
    products: Sequence[StatedProduct],
    number: int,
    exactly: bool,
    counted: str,
    currency: str | None,
) -> ShopSurvey:
    """Make the survey of a shop whose list states its products.

    Raises:
        ShopRefuses: the list is empty, or none of its products can be stored.
    """
    listings, faults = _listings(products, kind, base, day)
    if not listings:
        why = f" ({'; '.join(sorted(set(faults))[:3])})" if faults else ""
        raise ShopRefuses(
            f"{base}: a shop of kind {kind} that states no product that can be stored{why}. Nothing to crawl."
        )
    return ShopSurvey(kind, base, number, exactly, counted, listings, currency)


def _listings(
    products: Sequence[StatedProduct], kind: str, base: str, day: date
) -> tuple[tuple[Listing, ...], list[str]]:
    """The first listings, checked as a crawl checks them, and why others are none."""
    name = ShopSurvey(kind, base, 0, False, "", ()).name
    found: list[Listing] = []
    faults: list[str] = []
    for product in products:
        try:
            listing = check_listing(product, name, kind, day)
        except DataError as error:
            faults.append(str(error))
            continue
        found.append(replace(listing, images=widest_once(listing.images)))
        if len(found) == SHOWN:
            break
    return tuple(found), faults


async def _schema_org(visit: Visit, base: str, day: date, seen: list[str]) -> ShopSurvey:
    """Read the sitemaps and some of their pages."""
    map_ = await _read_sitemaps(visit, base)
    if not map_.addresses:
        also = f" Besides: {' '.join(seen)}" if seen else ""
        raise ShopRefuses(
            f"{base}: no product was found: neither a list of Shopify or WooCommerce, nor a sitemap with pages "
            f"({map_.told or 'no sitemap'}). Name the sitemap by the platform's `sitemaps`, if there is one.{also}"
        )
    listings = await _read_pages(visit, base, map_.addresses, day)
    include = _include(listings)
    fitting = [a for a in map_.addresses if not include or include[0].strip("*") in a]
    return ShopSurvey(
        "schema_org",
        base,
        len(fitting),
        False,
        f"pages in {map_.read} sitemaps, {map_.unread} more were not read",
        listings,
        include=include,
    )


@dataclass
class _Map:
    """What the sitemaps of a shop name, as far as they were read."""

    addresses: list[str]
    read: int = 0
    unread: int = 0
    told: str = ""


async def _read_sitemaps(visit: Visit, base: str) -> _Map:
    """Read sitemaps until one has pages; requests for `SHOWN` pages are kept back."""
    robots = await visit.sitemaps(base)
    search = search_for(base, (), robots[:1], False)
    found, waiting = _Map([]), list(search.next_group())
    while waiting and not found.addresses and visit.left > SHOWN:
        address = waiting.pop(0)
        content, fault = content_of(await visit.get(address))
        found.read += not fault or fault not in ABSENT
        found.addresses = [a for page, _ in content.pages if (a := to_address(page, address))]
        further = [a for one in content.further if (a := to_address(one, address))]
        waiting = sorted(further, key=lambda a: "product" not in a) + waiting
        if search.note(address, fault, names_something=bool(content.pages or content.further)):
            waiting += search.next_group()
    found.unread, found.told = len(waiting), search.told()
    return found


def content_of(answer: Answer) -> tuple[pages.Sitemap, str]:
    """What an answer holds as a sitemap, and what is wrong with it, "" if nothing."""
    if answer.status >= 400:
        return pages.Sitemap([], []), str(answer.status)
    content = pages.read_sitemap(answer.body)
    return content, content.fault


async def _read_pages(
    visit: Visit, base: str, addresses: list[str], day: date
) -> tuple[Listing, ...]:
    """Read pages that look like products until `SHOWN` state one.

    Raises:
        ShopRefuses: no page that was read states a product.
    """
    found: list[Listing] = []
    asked: list[str] = []
    for address in _likely(addresses):
        if len(found) >= SHOWN or visit.left <= 0:
            break
        answer = await visit.get(address)
        asked.append(f"{address} ({answer.status})")
        if answer.status < 400:
            stated = pages.read_schema_org(answer.text, answer.url)
            found += _listings(stated[:1], "schema_org", base, day)[0]
    if not found:
        raise ShopRefuses(
            f"{base}: the pages state no product by schema.org, Open Graph, microdata or RDFa: "
            f"{', '.join(asked)}. docs/shops.md says what can be done."
        )
    return tuple(found)


def _likely(addresses: list[str]) -> Iterator[str]:
    """Addresses that look like products first, spread over the sitemap."""
    ours = [a for a in addresses if PRODUCT_ADDRESS.search(a)] or addresses
    step = max(1, len(ours) // SHOWN)
    chosen = [ours[i] for start in range(step) for i in range(start, len(ours), step)]
    yield from dict.fromkeys([*chosen[: 3 * SHOWN], *addresses[: 3 * SHOWN]])


def _include(listings: Sequence[Listing]) -> tuple[str, ...]:
    """A pattern for the addresses of products, if all shown ones lie in one folder."""
    folders = Counter(urlsplit(listing.url).path.split("/")[1] for listing in listings)
    ((folder, number),) = folders.most_common(1)
    deep = all(urlsplit(listing.url).path.count("/") > 1 for listing in listings)
    return (f"*/{folder}/*",) if number == len(listings) > 1 and deep and folder else ()


async def _with_pictures(visit: Visit, found: ShopSurvey, limits: IngestConfig) -> ShopSurvey:
    """Fetch the first picture of each listing, as far as the visit has requests for them."""
    listings, told = [], []
    for listing in found.listings:
        try:
            answer = await visit.get(listing.images[0].url)
            info = inspect(answer.body, limits)
            digest = hashlib.sha256(answer.body).hexdigest()
            first = replace(listing.images[0], picture_id=digest)
            listing = replace(listing, images=(first, *listing.images[1:]))
            told.append(f"{info.format} of {info.width} x {info.height} pixels")
        except VisitOver:
            told.append("not asked for: the requests of this visit are spent")
        except (ShopRefuses, PictureError) as error:
            told.append(f"not usable: {error}")
        listings.append(listing)
    return replace(found, listings=tuple(listings), pictures=tuple(told))
