"""A shop before it is crawled: what it is, what it sells, and its block of the configuration.

The module loads the crawler's readers, so commands import it only when they need it.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from importlib import resources

import rich.table
import yaml

from fashiontrend import console, taxonomy
from fashiontrend.config import Config
from fashiontrend.crawl.listing import Listing, listings_table
from fashiontrend.crawl.survey import ShopSurvey, survey
from fashiontrend.crawl.visit import MAX_REQUESTS, Visit
from fashiontrend.errors import ConfigError
from fashiontrend.labels.title_rules import compile_rules
from fashiontrend.labels.titles import read_titles


def visit(settings: Config, url: str) -> ShopSurvey:
    """Survey the shop at an address.

    Raises:
        ConfigError: the address is none.
        ShopRefuses: the shop does not want to be asked, cannot be, or states no products.
    """
    address = url if "://" in url else f"https://{url}"
    if not address.startswith(("http://", "https://")) or not address.partition("://")[2]:
        raise ConfigError(f"{url!r} is no address of a shop. Write it like https://shop.example.")
    asked = Visit(settings.crawl, address)
    return asyncio.run(survey(asked, datetime.now(tz=UTC).date(), settings.ingest))


def show(settings: Config, found: ShopSurvey) -> None:
    """Show people what a shop is and three of its listings."""
    number = f"{found.products} products" if found.exactly else f"about {found.products} products"
    console.stderr.print(
        f"{found.base_url}: {found.kind}, {number} ({found.counted}); "
        f"{found.requests} of {MAX_REQUESTS} requests were sent."
    )
    labels = labels_of(settings, found.listings)
    for number_, listing in enumerate(found.listings):
        table = rich.table.Table("field", "as it would be stored", title=listing.title)
        for name, value in rows_of(listing):
            table.add_row(name, value)
        table.add_row("labels", labels[number_] or "none: its texts name no value of the taxonomy")
        table.add_row("first picture", found.pictures[number_])
        console.stderr.print(table)


def rows_of(listing: Listing) -> Iterable[tuple[str, str]]:
    """Name and text of the fields that a listing has."""
    price = "" if listing.price is None else f"{listing.price:g} {listing.currency or ''}".strip()
    stated = {
        "id": listing.product_id, "address": listing.url, "brand": listing.brand,
        "category": listing.category, "gender": listing.gender, "colour": listing.colour,
        "price": price,
        "available": None if listing.available is None else str(listing.available).lower(),
        "variants": str(len(listing.variants) or ""),
        "pictures": "\n".join(image.url for image in listing.images),
    }  # fmt: skip
    return [(name, value) for name, value in stated.items() if value]


def labels_of(settings: Config, listings: tuple[Listing, ...]) -> list[str]:
    """The labels that the texts of each listing make, as `attribute value, ...`.

    The language is guessed from all of them together, as a crawl's listings are read.
    """
    known = taxonomy.load(settings.taxonomy).subset(settings.attributes)
    rules = compile_rules(known, settings.labels.title_confidence)
    # Labels belong to pictures. Here each listing has one that stands for all, fetched or not.
    marked = [
        replace(one, images=(replace(one.images[0], picture_id=str(n)),))
        for n, one in enumerate(listings)
    ]
    rows = read_titles(listings_table(marked), known, rules).to_pylist()
    return [
        ", ".join(f"{r['attribute']} {r['value']}" for r in rows if r["picture_id"] == str(n))
        for n in range(len(listings))
    ]


def block_text(found: ShopSurvey) -> str:
    """The block of the configuration, as YAML that can be pasted into a file without `crawl`."""
    tree = {"crawl": {"platforms": [found.block()]}}
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def starter(found: ShopSurvey | None = None) -> str:
    """The commented configuration that `init` writes, with the block of a shop in it."""
    text = resources.files("fashiontrend").joinpath("starter.yaml").read_text("utf-8")
    if found is None:
        return text
    before, start, after = text.partition("  platforms:\n")
    lines = yaml.safe_dump([found.block()], sort_keys=False, allow_unicode=True).splitlines()
    own = "".join(f"    {line}\n" for line in lines)
    return f"{before}{start}{own}{after[after.index(chr(10) * 2) + 1 :]}"
