"""Sitemaps and indices of sitemaps (sitemaps.org), plain or packed."""

import zlib

import parsel

GZIP = b"\x1f\x8b"
#: The protocol's own limit for an unpacked sitemap.
MOST_BYTES = 50 << 20

Pages = list[tuple[str, str | None]]


def read_sitemap(body: bytes | str) -> tuple[Pages, list[str]]:
    """Pages with their lastmod, and further sitemaps; nothing if it is no sitemap."""
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
    if body.startswith(GZIP):
        try:
            body = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body, MOST_BYTES)
        except zlib.error:
            return ""
    return body.decode("utf-8", "replace")
