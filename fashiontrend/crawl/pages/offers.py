"""Read prices and availability of a schema.org offer in the forms that shops use."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fashiontrend.crawl.pages.currencies import read_currency
from fashiontrend.crawl.pages.graph import Graph
from fashiontrend.crawl.pages.values import JsonObject, as_list, first_text, price_sign, to_price

#: Kinds of a PriceSpecification that are no price one pays today.
LIST_PRICE_TYPES = ("listprice", "strikethroughprice", "msrp", "srp", "regularprice", "suggested")
#: What a shop's word means: the word as the listing keeps it.
AVAILABILITY = {
    "instock": "in_stock", "available": "in_stock", "limitedavailability": "limited", "onlineonly": "online_only",
    "instoreonly": "in_store_only",
    "outofstock": "out_of_stock", "oos": "out_of_stock", "unavailable": "out_of_stock", "soldout": "sold_out",
    "discontinued": "discontinued",
    "preorder": "pre_order", "presale": "pre_order", "backorder": "back_order", "madetoorder": "made_to_order",
    "reserved": "reserved",
    "true": "in_stock", "false": "out_of_stock",
}  # fmt: skip
#: A product that can be ordered is available, though perhaps later.
ORDERABLE = {
    "in_stock", "limited", "online_only", "in_store_only", "pre_order", "back_order", "made_to_order",
}  # fmt: skip


@dataclass(frozen=True)
class Offer:
    """What one or several offers of a product say together."""

    price: float | None = None
    list_price: float | None = None
    currency: str | None = None
    availability: str | None = None  # a value of AVAILABILITY

    @property
    def available(self) -> bool | None:
        """Whether the product can be ordered, None if it is not stated."""
        return None if self.availability is None else self.availability in ORDERABLE


def read_offers(value: object, graph: Graph, host: str) -> Offer:
    """Return what the offers of a product say: it is available if one of them is.

    Args:
        value: an Offer, an AggregateOffer, a list of them, or references to them.
        graph: the page's objects by their `@id`.
        host: of the shop.
    """
    offers = [read_offer(offer, graph, host) for offer in flat_offers(value, graph)]
    priced = [offer for offer in offers if offer.price is not None]
    first = next((o for o in priced if o.available), None) or next(iter(priced), Offer())
    words = [offer.availability for offer in offers if offer.availability]
    return Offer(
        first.price,
        first.list_price,
        first.currency or next((o.currency for o in offers if o.currency), None),
        next((word for word in words if word in ORDERABLE), next(iter(words), None)),
    )


def flat_offers(value: object, graph: Graph) -> Iterator[JsonObject]:
    """Yield the single offers of a product, an AggregateOffer without any as itself."""
    for offer in graph.objects(value):
        inner = graph.objects(offer.get("offers"))
        shared = {k: v for k, v in offer.items() if k not in ("offers", "@type", "@id")}
        if not inner or _amounts(shared.get("price")):
            yield offer
        for one in inner:
            yield {**shared, **one}


def read_offer(offer: JsonObject, graph: Graph, host: str) -> Offer:
    """Return what one offer says; the lower of several prices is the one to pay."""
    specs = graph.objects(offer.get("priceSpecification"))
    struck = [spec for spec in specs if _is_list_price(spec)]
    own = _first_stated(offer, ("price", "lowPrice"))
    paid = [own, *(s.get("price") or s.get("minPrice") for s in specs if s not in struck)]
    stated = next((value for value in paid if _amounts(value)), None)
    currency = _currency([offer, *specs], host) or read_currency(price_sign(stated), host)
    prices = _prices([stated], currency)
    listed = _prices([s.get("price") for s in struck] + [offer.get("listPrice")], currency)
    higher = [p for p in [*listed, *prices] if prices and p > min(prices)]
    return Offer(
        min(prices, default=None),
        max(higher, default=None),
        currency,
        read_availability(offer.get("availability")),
    )


def read_availability(value: object) -> str | None:
    """Return the word of `AVAILABILITY` that a shop's value means; of several, one to order by."""
    words = [_word(one) for one in as_list(value)]
    known = [word for word in words if word is not None]
    return next((word for word in known if word in ORDERABLE), next(iter(known), None))


def _word(value: object) -> str | None:
    text = first_text(value) if not isinstance(value, bool) else str(value)
    last = (text or "").strip().rstrip("/#").replace("#", "/").rsplit("/", 1)[-1].lower()
    return AVAILABILITY.get("".join(c for c in last if c.isalnum()))


def _is_list_price(spec: JsonObject) -> bool:
    kind = (first_text(spec.get("priceType")) or "").rsplit("/", 1)[-1].lower()
    return any(word in kind for word in LIST_PRICE_TYPES)


def _first_stated(offer: JsonObject, names: Iterable[str]) -> object:
    return next((offer[name] for name in names if _amounts(offer.get(name))), None)


def _amounts(value: object) -> list[float]:
    return _prices([value], None)


def _prices(values: Iterable[object], currency: str | None) -> list[float]:
    """Return the prices above 0 among values and lists of values; free is what a shop cannot be."""
    found = (to_price(one, currency) for value in values for one in as_list(value))
    return [price for price in found if price is not None and price > 0]


def _currency(stated: Iterable[JsonObject], host: str) -> str | None:
    values = (v for item in stated for v in as_list(item.get("priceCurrency")))
    return next((code for v in values if (code := read_currency(v, host))), None)
