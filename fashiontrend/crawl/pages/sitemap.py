"""Read sitemaps and indices of sitemaps (sitemaps.org), plain or gzipped."""

import zlib
from typing import TypeAlias

import parsel

GZIP_MAGIC = b"\x1f\x8b"
#: The protocol's limit for an unpacked sitemap.
MAX_SITEMAP_BYTES = 50 << 20

#: Addresses of pages, each with its lastmod.
SitemapEntries: TypeAlias = list[tuple[str, str | None]]


def read_sitemap(body: bytes | str) -> tuple[SitemapEntries, list[str]]:
    """Return the pages and the further sitemaps that a sitemap names, none if it is no sitemap."""
    selector = parsel.Selector(_unpack(body), type="xml")
    selector.remove_namespaces()
    pages = [
        (loc, entry.xpath("normalize-space(lastmod)").get() or None)
        for entry in selector.xpath("//url")
        if (loc := entry.xpath("normalize-space(loc)").get())
    ]
    further = (entry.xpath("normalize-space(loc)").get() for entry in selector.xpath("//sitemap"))
    return pages, [address for address in further if address]


def _unpack(body: bytes | str) -> str:
    if isinstance(body, str):
        return body
    if body.startswith(GZIP_MAGIC):
        try:
            body = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body, MAX_SITEMAP_BYTES)
        except zlib.error:
            return ""
    return body.decode("utf-8", "replace")
