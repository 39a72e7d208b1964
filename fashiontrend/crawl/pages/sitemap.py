"""Read sitemaps and indices of sitemaps in all forms of sitemaps.org: XML, text and feeds, plain or gzipped.

The XML is read in a stream and let go element by element, because a sitemap may have 50 MB.
"""

import re
import zlib
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

from lxml import etree

GZIP_MAGIC = b"\x1f\x8b"
#: The protocol's limit for an unpacked sitemap.
MAX_SITEMAP_BYTES = 50 << 20
#: The protocol allows 50,000 addresses a sitemap; some shops write a few more.
MAX_ADDRESSES = 100_000
CHUNK_BYTES = 1 << 18
#: Where an address ends like this, a sitemap is there, even if a `<urlset>` names it.
_SITEMAP_PATH = re.compile(r"\.xml(?:\.gz)?$|sitemap[^/]*\.txt(?:\.gz)?$", re.IGNORECASE)
_SITEMAP_START = re.compile(rb"<(?:[\w.-]+:)?(?:urlset|sitemapindex)[\s>]")
_WEB_PAGE = re.compile(rb"<!doctype\s+html|<html[\s>]", re.IGNORECASE)
_ENCODING = re.compile(rb"""\sencoding=["'][\w-]+["']""")
_BARE_AMPERSAND = re.compile(rb"&(?!(?:[a-zA-Z]{1,8}|#\w{1,8});)")
#: The end of a whole document, after which only comments may come.
_END = re.compile(
    rb"(?:</(?:[\w.-]+:)?(?:urlset|sitemapindex|rss|feed)\s*>|/>)\s*(?:<!--[^>]*-->\s*)*$"
)

#: Addresses of pages, each with its lastmod.
SitemapEntries: TypeAlias = list[tuple[str, str | None]]


class Sitemap(NamedTuple):
    """What a sitemap names."""

    pages: SitemapEntries
    further: list[str]  # addresses of further sitemaps
    fault: str = ""  # why it was not read, or not to its end; "" if it was


def read_sitemap(body: bytes | str) -> Sitemap:
    """Return the pages and the further sitemaps that a sitemap names, and what is wrong with it."""
    data, fault = _unpack(body.encode() if isinstance(body, str) else body)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = _ENCODING.sub(b"", data.decode("utf-16", "replace").encode(), 1)
    start = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        return Sitemap([], [], fault or "empty")
    if start.startswith(b"<"):
        if _WEB_PAGE.search(start):
            return Sitemap([], [], "a web page")
        pages, further, problem = _read_xml(_mend(data))
    else:
        pages, further, problem = _read_lines(data)
    misplaced = [address for address, _ in pages if is_sitemap_address(address)]
    pages = [entry for entry in pages if not is_sitemap_address(entry[0])]
    return Sitemap(pages, further + misplaced, fault or problem)


def is_sitemap_address(address: str) -> bool:
    """Return whether an address ends like that of a sitemap."""
    try:
        return _SITEMAP_PATH.search(urlsplit(address).path) is not None
    except ValueError:  # `https://[shop]/`
        return False


def is_sitemap(body: bytes) -> bool:
    """Return whether a body is a sitemap, although it was taken for a page."""
    return _SITEMAP_START.search(_unpack(body[:CHUNK_BYTES])[0][:4096]) is not None


def _mend(data: bytes) -> bytes:
    """Escape the bare `&` of addresses, which would end the address there."""
    return data if b"<![CDATA[" in data else _BARE_AMPERSAND.sub(b"&amp;", data)


def _read_xml(data: bytes) -> Sitemap:
    parser = etree.XMLPullParser(
        ("end",), recover=True, resolve_entities=False, no_network=True, remove_comments=True
    )
    pages: SitemapEntries = []
    further: list[str] = []
    for at in range(0, len(data), CHUNK_BYTES):
        parser.feed(data[at : at + CHUNK_BYTES])
        _collect(parser, pages, further)
        if len(pages) + len(further) > MAX_ADDRESSES:
            return Sitemap(pages, further, f"more than {MAX_ADDRESSES:,} addresses")
    whole = _END.search(data[-1000:].rstrip(b"\0 \t\r\n")) is not None
    if whole and not pages and not further:
        _finish(parser, pages, further)
    fault = "" if whole else "cut off"
    return Sitemap(pages, further, fault if pages or further else fault or "no addresses")


def _finish(parser: etree.XMLPullParser, pages: SitemapEntries, further: list[str]) -> None:
    """Collect what the parser held back until the end, as it does with very short documents."""
    try:
        parser.close()
    except etree.XMLSyntaxError:
        return
    _collect(parser, pages, further)


def _collect(parser: etree.XMLPullParser, pages: SitemapEntries, further: list[str]) -> None:
    """Take the finished entries out of the tree."""
    for _, element in parser.read_events():
        kind = _name(element)
        if kind in ("url", "item", "entry"):
            if address := _address(element):
                pages.append((address, _child(element, "lastmod", "updated") or None))
        elif kind == "sitemap":
            if address := _address(element):
                further.append(address)
        else:
            continue
        element.clear()
        _drop_before(element)


def _drop_before(element: etree._Element) -> None:
    parent = element.getparent()
    while parent is not None and (before := element.getprevious()) is not None:
        parent.remove(before)


def _address(element: etree._Element) -> str:
    stated = _child(element, "loc", "link")
    if stated:
        return stated
    links = [child.get("href") or "" for child in element if _name(child) == "link"]
    return links[0].strip() if links else ""


def _child(element: etree._Element, *names: str) -> str:
    """Return the text of the first direct child of one of these names, "" without any."""
    for child in element:
        if _name(child) in names and (text := " ".join((child.text or "").split())):
            return text
    return ""


def _name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2].rpartition(":")[2]


def _read_lines(data: bytes) -> Sitemap:
    lines = data.decode("utf-8-sig", "replace").splitlines()[: MAX_ADDRESSES + 1]
    pages: SitemapEntries = [
        (address, None)
        for line in lines
        if (address := line.strip()).startswith(("http://", "https://"))
    ]
    if not pages:
        return Sitemap([], [], "no sitemap")
    fault = f"more than {MAX_ADDRESSES:,} addresses" if len(lines) > MAX_ADDRESSES else ""
    return Sitemap(pages, [], fault)


def _unpack(body: bytes) -> tuple[bytes, str]:
    """Return the plain bytes of a sitemap up to the limit, and what is wrong with the packed ones."""
    if not body.startswith(GZIP_MAGIC):
        fault = "longer than 50 MB" if len(body) > MAX_SITEMAP_BYTES else ""
        return body[:MAX_SITEMAP_BYTES], fault
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpacker.decompress(body, MAX_SITEMAP_BYTES)
    except zlib.error:
        return b"", "damaged gzip"
    if unpacker.unconsumed_tail:
        return plain, "longer than 50 MB"
    return plain, "" if unpacker.eof else "cut off"
