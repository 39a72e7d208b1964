"""Read a page's microdata by extruct, with pictures that a script would load later."""

import re

import extruct
import lxml.html

from fashiontrend.errors import DataError

#: lxml refuses a decoded text if its XML declaration names an encoding.
XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*>")
#: Where scripts look for the address of a picture that is loaded when it is scrolled to.
LAZY_SOURCES = (
    "data-zoom-image", "data-large_image", "data-original", "data-lazy-src", "data-lazy", "data-src", "data-image",
    "content",
)  # fmt: skip
LAZY_MARKS = (*LAZY_SOURCES[:-1], "srcset", 'src="data:', "src='data:")


def read_microdata(text: str, base: str) -> list[object]:
    """Return the items of a page's microdata.

    Args:
        text: the page.
        base: address that relative addresses refer to.

    Raises:
        DataError: extruct cannot read the page.
    """
    plain = XML_DECLARATION.sub("", text)
    try:
        if any(mark in plain for mark in LAZY_MARKS):
            plain = _with_pictures(plain)
        data = extruct.extract(plain, base, syntaxes=["microdata"], uniform=True)
    except Exception as error:  # a broken page can raise anything in the parsers below
        raise DataError(f"{base}: its microdata cannot be read ({error!r}).") from error
    microdata: list[object] = data["microdata"]
    return microdata


def _with_pictures(text: str) -> str:
    """Return the page with the address of each lazy picture where browsers have it at last."""
    tree = lxml.html.fromstring(text)
    for image in tree.xpath("//img[@itemprop] | //source[@itemprop]"):
        address = picture_of(dict(image.attrib))
        if address:
            image.set("src", address)
    return str(lxml.html.tostring(tree, encoding="unicode"))


def picture_of(attributes: dict[str, str]) -> str | None:
    """Return the largest picture that the attributes of an `<img>` name, None if they name none."""
    sources = [attributes.get("data-srcset"), attributes.get("srcset")]
    widest = next((w for s in sources if s and (w := _widest(s))), None)
    stated = [attributes.get(name) for name in LAZY_SOURCES]
    source = attributes.get("src", "")
    plain = None if source.startswith("data:") else source
    found = (one.strip() for one in [*stated, widest, plain] if one and one.strip())
    return next((one for one in found if not one.startswith("data:")), None)


def _widest(srcset: str) -> str | None:
    """Return the address of the largest candidate of a srcset."""
    best, size = None, -1.0
    for candidate in re.split(r",\s+", srcset.strip()):
        parts = candidate.strip().rstrip(",").split()
        width = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)[wx]", parts[1]) if len(parts) > 1 else None
        here = float(width[1]) if width else 1.0
        if parts and not parts[0].startswith("data:") and here > size:
            best, size = parts[0], here
    return best
