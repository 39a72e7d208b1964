"""Read product pages with schema.org data, as JSON-LD or microdata, in the forms that shops use."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import parsel

from fashiontrend.crawl.pages import identity
from fashiontrend.crawl.pages.gender import read_gender
from fashiontrend.crawl.pages.graph import FoundProduct, Graph, find_products, types_of
from fashiontrend.crawl.pages.json_ld import read_blocks
from fashiontrend.crawl.pages.microdata import read_microdata
from fashiontrend.crawl.pages.names import BRAND_NAMES, COLOUR_NAMES, GENDER_NAMES, SIZE_NAMES
from fashiontrend.crawl.pages.offers import flat_offers, read_offers
from fashiontrend.crawl.pages.open_graph import fill_from_head, read_open_graph
from fashiontrend.crawl.pages.page_facts import PageFacts, host_of, read_page_facts, same_page_in
from fashiontrend.crawl.pages.product import StatedProduct, StatedVariant
from fashiontrend.crawl.pages.rdfa import read_rdfa
from fashiontrend.crawl.pages.values import (
    JsonObject,
    first_text,
    to_address,
    to_addresses,
    to_text,
)
from fashiontrend.errors import DataError

GROUP_ID_FIELDS = ("productGroupID", "inProductGroupWithID")


@dataclass(frozen=True)
class PageReader:
    """What reading the products of one page needs."""

    url: str
    facts: PageFacts
    graph: Graph


def read_schema_org(text: str, url: str) -> list[StatedProduct]:
    """Return the products of an HTML page; one that is stated for each size comes once.

    If the page also states other products (related ones, a carousel), only its own is returned.
    ADR 0080 says which products are its own, and which id each has.

    Raises:
        DataError: the page's microdata cannot be read, and the page states no product otherwise.
    """
    if not text.strip():
        return []
    page = parsel.Selector(text)
    values = read_blocks(page)
    base = to_address(page.xpath("string(//base/@href)").get(), url) or url
    found = find_products(values, Graph.of(values, url))
    if "itemscope" in text:
        try:
            values = [*values, *read_microdata(text, base)]
        except DataError:
            if not found:
                raise
    if not find_products(values, Graph.of(values, url)):
        values = [*values, *read_rdfa(text, base)]
    facts = read_page_facts(page, url, values, "readcrumb" in text.lower())
    reader = PageReader(url, facts, Graph.of(values, url))
    return _read(reader, find_products(values, reader.graph))


def _read(reader: PageReader, found: Sequence[FoundProduct]) -> list[StatedProduct]:
    stated = [_product(product, reader) for product in found]
    own = identity.choose_own(stated, reader.facts)
    if not stated:
        own = read_open_graph(reader.facts)
    if len(own) == 1:
        own = [fill_from_head(own[0], reader.facts)]
    return [_with_gender(product, reader.facts if len(own) == 1 else None) for product in own]


def _with_gender(product: StatedProduct, facts: PageFacts | None) -> StatedProduct:
    """Return the product with the breadcrumbs as its category, and its gender from its words."""
    trail = [t for t in facts.trail if t != product.title] if facts else []
    category = product.category or " > ".join(trail) or None
    gender = read_gender([product.gender, category, " ".join(trail), product.title])
    return replace(product, category=category, gender=gender)


def _product(found: FoundProduct, reader: PageReader) -> StatedProduct:
    item, graph, url = found.item, reader.graph, reader.url
    variants = graph.objects(item.get("hasVariant"))
    parent = next(iter(graph.objects(item.get("isVariantOf"))), {})
    is_group = bool(variants) or "productgroup" in types_of(item)
    if is_group:
        chosen = _variants_here(variants, reader)
        if chosen and len(chosen) < len(variants):
            return _variant_of_page(item, chosen, reader, found.position)
    whole = {
        **{k: v for k, v in parent.items() if k not in ("@type", "@id", "hasVariant", "url")},
        **item,
    }
    first = variants[0] if variants else {}
    offer_value = whole.get("offers") or [v.get("offers") for v in variants]
    offers = read_offers(
        [o for v in graph.values(offer_value) for o in graph.values(v)], graph, host_of(url)
    )
    group = first_text([whole.get(name) for name in GROUP_ID_FIELDS])
    images = read_images(whole.get("image"), reader) or read_images(
        whole.get("thumbnailUrl"), reader
    )
    for variant in variants:
        images = list(dict.fromkeys([*images, *read_images(variant.get("image"), reader)]))
    sizes = read_variants(whole, variants, reader)
    colours = list(dict.fromkeys(v.colour for v in sizes if v.colour))
    page = _address(whole, reader)
    ids = identity.usable_ids(whole, group)
    return StatedProduct(
        product_id=(group if is_group and group else None) or next(iter(ids), None) or page or url,
        group_id=group,
        url=page or url,
        title=first_text(whole.get("name")) or first_text(first.get("name")),
        description=to_text(whole.get("description") or first.get("description")),
        brand=_brand(whole, graph) or _brand(first, graph),
        category=_category(whole, graph),
        gender=_gender(whole, graph),
        colour=_property(whole, "color", COLOUR_NAMES, graph)
        or (colours[0] if len(colours) == 1 else None),
        tags=[],
        price=offers.price,
        list_price=offers.list_price,
        currency=offers.currency,
        available=offers.available,
        availability=offers.availability,
        sku=identity.usable_id(whole.get("sku")) or (group if is_group else None),
        parent_id=group,
        images=images,
        updated_at=None,
        variants=sizes,
        list_position=found.position,
        identity=page,
    )


def _variant_of_page(
    group: JsonObject, here: list[JsonObject], reader: PageReader, position: int | None
) -> StatedProduct:
    """Return the variant that has this page to itself, with what the group says of all of them."""
    left_out = ("@type", "@id", "hasVariant", "url", *identity.ID_FIELDS)
    shared = {k: v for k, v in group.items() if k not in left_out}
    own = {**shared, **here[0], "@type": "Product"}
    distinct = {next(iter(identity.usable_ids(v, None)), None) for v in here}
    if len(distinct) > 1:  # each size has its own id: the page names the product
        own = {k: v for k, v in own.items() if k not in identity.ID_FIELDS}
    title = first_text(group.get("name")) or first_text(here[0].get("name"))
    own |= {"url": reader.url, "name": title, "@id": ""}
    product = _product(FoundProduct(own, position), reader)
    offers = read_offers(
        [o for v in here for o in reader.graph.values(v.get("offers"))],
        reader.graph,
        host_of(reader.url),
    )
    return replace(
        product,
        availability=offers.availability or product.availability,
        available=product.available if offers.available is None else offers.available,
        variants=read_variants({}, here, reader),
    )


def _variants_here(variants: list[JsonObject], reader: PageReader) -> list[JsonObject]:
    pages = (reader.url, reader.facts.canonical or reader.url)
    return [v for v in variants if same_page_in((_address(v, reader) or reader.url,), pages)]


def _address(item: JsonObject, reader: PageReader) -> str | None:
    """Return the page that a product states as its own, None if it states none."""
    stated = first_text(item.get("url"))
    offers = reader.graph.objects(item.get("offers"))
    stated = stated or next((u for o in offers if (u := first_text(o.get("url")))), None)
    return to_address(stated, reader.facts.base)


def read_images(value: object, reader: PageReader) -> list[str]:
    """Return the addresses of pictures, of which a reference or an ImageObject may be one."""
    found: list[object] = []
    for one in reader.graph.values(value):
        found += to_addresses(one, reader.facts.base)
    unique = dict.fromkeys(a for a in found if isinstance(a, str) and not a.startswith("data:"))
    return [address for address in unique if address.split("#")[0] != reader.url]


def read_variants(
    item: JsonObject, variants: list[JsonObject], reader: PageReader
) -> tuple[StatedVariant, ...]:
    """Return the sizes and colours that a product states, as its variants or as its offers."""
    graph, host = reader.graph, host_of(reader.url)
    offered = list(flat_offers(item.get("offers"), graph)) if not variants else []
    sold = variants or (offered if len(offered) > 1 else [])
    found = []
    for one in sold:
        thing = {**next(iter(graph.objects(one.get("itemOffered"))), {}), **one}
        offer = read_offers(thing.get("offers") or [one], graph, host)
        found.append(
            StatedVariant(
                identity.usable_id(thing.get("sku")) or identity.usable_id(thing.get("productID")),
                _property(thing, "size", SIZE_NAMES, graph),
                _property(thing, "color", COLOUR_NAMES, graph),
                offer.price,
                offer.list_price,
                offer.available,
                offer.availability,
                tuple(read_images(thing.get("image"), reader)),
            )
        )
    return tuple(found)


def _brand(item: JsonObject, graph: Graph) -> str | None:
    for name in ("brand", "manufacturer"):
        found = first_text(graph.values(item.get(name)))
        if found and not found.startswith(("http://", "https://")):
            return found
    return _additional(item, BRAND_NAMES, graph)


def _category(item: JsonObject, graph: Graph) -> str | None:
    names = [first_text(one) for one in graph.values(item.get("category"))]
    return " | ".join(dict.fromkeys(name for name in names if name)) or None


def _gender(item: JsonObject, graph: Graph) -> str | None:
    audiences = graph.objects(item.get("audience"))
    stated = [
        first_text(item.get("gender")),
        *(first_text(a.get("suggestedGender")) for a in audiences),
        *(first_text(a.get("audienceType")) for a in audiences),
        _additional(item, GENDER_NAMES, graph),
    ]
    return read_gender([text.rsplit("/", 1)[-1] for text in stated if text])


def _property(item: JsonObject, name: str, names: set[str], graph: Graph) -> str | None:
    """Return a field, or the additional property that stands for it."""
    stated = [v for one in graph.values(item.get(name)) if (v := first_text(one))]
    return ", ".join(dict.fromkeys(stated)) or _additional(item, names, graph)


def _additional(item: JsonObject, names: set[str], graph: Graph) -> str | None:
    for one in graph.objects(item.get("additionalProperty")):
        label = first_text(one.get("name")) or first_text(one.get("propertyID")) or ""
        if label.strip(": ").lower() in names:
            return first_text(one.get("value"))
    return None
