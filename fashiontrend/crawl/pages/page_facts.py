"""What a page's head and breadcrumbs say beside its structured data."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import parsel
from w3lib.url import url_query_cleaner
from zyte_parsers import extract_breadcrumbs

from fashiontrend.crawl.pages.graph import Graph, types_of
from fashiontrend.crawl.pages.values import JsonObject, first_text, to_address

HOME = {
    "home", "homepage", "start", "startseite", "accueil", "inicio", "casa", "início", "shop", "首页", "main", "all",
    "...", "…",
}  # fmt: skip
#: Parameters of an address that choose a variant, or count visitors.
CHOICES = (
    "size", "color", "colour", "variant", "sku", "v", "utm_source", "utm_medium", "utm_campaign", "gclid", "fbclid",
    "ref",
    "srsltid",
)  # fmt: skip
#: Elements that may hold breadcrumbs, and the attributes that say so.
TRAIL_TAGS, TRAIL_MARKS = ("nav", "ul", "ol", "div"), ("class", "id", "aria-label")


@dataclass(frozen=True)
class PageFacts:
    """What a page says of itself."""

    url: str
    base: str  # address that relative addresses refer to
    canonical: str | None = None
    languages: dict[str, str] = field(default_factory=dict)  # hreflang -> address
    meta: dict[str, list[str]] = field(default_factory=dict)  # property or name -> contents
    headline: str | None = None
    trail: tuple[str, ...] = ()  # the breadcrumbs, without the start page

    def first(self, *names: str) -> str | None:
        """Return the first content of the first meta element that states one."""
        return next((v for n in names for v in self.meta.get(n, ()) if v.strip()), None)

    @property
    def identity(self) -> str:
        """The address that stands for the page in all its languages and spellings."""
        own = self.languages.values()
        if self.languages and same_page_in((self.url, self.canonical or self.url), own):
            return self.languages.get("x-default") or min(own)
        return self.canonical or without_choice(self.url)


def read_page_facts(
    page: parsel.Selector, url: str, values: list[object], shows_trail: bool = True
) -> PageFacts:
    """Read what a page says of itself.

    Args:
        page: its HTML.
        url: its address.
        values: its structured data.
        shows_trail: whether its text mentions breadcrumbs, which are searched for then.
    """
    base = to_address(page.xpath("string(//base/@href)").get(), url) or url
    return PageFacts(
        url=url,
        base=base,
        canonical=_canonical(page.xpath("//link[@rel='canonical']/@href").get(), base, url),
        languages=_languages(page, base, url),
        meta=_meta(page),
        headline=(page.xpath("normalize-space(//h1)").get() or "").strip() or None,
        trail=_trail(page, values, url, shows_trail),
    )


def _canonical(stated: str | None, base: str, url: str) -> str | None:
    """Return the page's canonical address; one of another shop or of the start page is a mistake."""
    address = to_address(stated, base)
    if address is None or urlsplit(address).path.strip("/") == "":
        return None
    return address if host_of(address) == host_of(url) else None


def _languages(page: parsel.Selector, base: str, url: str) -> dict[str, str]:
    found = {}
    for link in page.xpath("//link[@rel='alternate'][@hreflang][@href]"):
        address = to_address(link.attrib["href"], base)
        if address is not None and urlsplit(address).path.strip("/"):
            found[link.attrib["hreflang"].lower()] = address
    return found


def _meta(page: parsel.Selector) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for element in page.xpath("//meta[@content]"):
        name = element.attrib.get("property") or element.attrib.get("name") or ""
        found.setdefault(name.strip().lower(), []).append(element.attrib["content"])
    return found


def _trail(
    page: parsel.Selector, values: list[object], url: str, shows_trail: bool
) -> tuple[str, ...]:
    names = _stated_trail(values, url) or _shown_trail(page, url, shows_trail)
    cleaned = [" ".join(name.split()) for name in names if name and name.strip()]
    return tuple(name for name in cleaned if name.lower() not in HOME)


def _stated_trail(values: list[object], url: str) -> list[str | None]:
    """Return the names of the longest BreadcrumbList."""
    graph = Graph.of(values, url)
    lists = [item for item in _all(values) if "breadcrumblist" in types_of(item)]
    trails = [
        [
            first_text(part.get("name"))
            or next((first_text(i.get("name")) for i in graph.objects(part.get("item"))), None)
            for part in sorted(graph.objects(item.get("itemListElement")), key=_position)
        ]
        for item in lists
    ]
    return max(trails, key=len, default=[])


def _position(part: JsonObject) -> int:
    stated = str(part.get("position"))
    return int(stated) if stated.isdecimal() and len(stated) < 6 else 0


def _all(value: object) -> list[JsonObject]:
    """Return the objects of a page, at a depth that a BreadcrumbList is found at."""
    found: list[JsonObject] = []
    level = [value]
    for _ in range(6):
        below: list[object] = []
        for one in level:
            if isinstance(one, dict):
                found.append(one)
                below += one.values()
            elif isinstance(one, list):
                below += one
        level = below
    return found


def _shown_trail(page: parsel.Selector, url: str, is_shown: bool) -> list[str | None]:
    shown = _find_trail(page.root) if is_shown else None
    if shown is None:
        return []
    return [crumb.name for crumb in extract_breadcrumbs(shown, base_url=url) or ()]


def _find_trail(root: Any) -> Any:
    """Return the first element that calls itself breadcrumbs; a loop costs a tenth of an XPath here."""
    for element in root.iter(*TRAIL_TAGS):
        marks = " ".join(element.get(name, "") for name in TRAIL_MARKS)
        if "breadcrumb" in marks.lower():
            return element
    return None


def without_choice(address: str) -> str:
    """Return an address without what only chooses a size or colour, or tells where one came from."""
    cleaned: str = url_query_cleaner(address, CHOICES, remove=True)
    return cleaned


def host_of(address: object) -> str:
    """Return the host of an address without `www.`, "" for no address."""
    try:
        return (urlsplit(str(address)).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def page_of(address: object) -> tuple[str, str]:
    """Return host and path of a page; its query only chooses among variants."""
    try:
        path = urlsplit(str(address)).path
    except ValueError:
        path = str(address)
    return host_of(address), path.rstrip("/")


def same_page_in(addresses: Iterable[str], others: Iterable[str]) -> bool:
    """Return whether one of some addresses is a page of others."""
    known = {page_of(one) for one in others}
    return any(page_of(address) in known for address in addresses)
