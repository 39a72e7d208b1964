"""Tell pictures that are one picture in several widths by their addresses, and keep the widest once."""

import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

from fashiontrend.crawl.listing import ListingImage, ListingVariant

#: Parameters of picture servers that say a size or a coding, never which picture it is.
SIZE_PARAMETERS = {
    "w", "width", "wid", "imwidth", "sw", "h", "height", "hei", "sh", "size", "q", "qlt", "quality", "dpr", "fm", "fmt",
    "format", "auto", "fit", "crop", "resize", "scale", "imdensity",
}  # fmt: skip
WIDTH_PARAMETERS = ("w", "width", "wid", "imwidth", "sw", "size")
#: Sizes in a path: `coat_800x.jpg`, `coat-300x400.jpg`, `/w_600,c_fill/`, `/600x800/`, `coat@2x.jpg`.
_IN_PATH = re.compile(
    r"(?P<tail>[_-](?P<a>\d{2,4})x(?:\d{2,4})?(?:_crop_\w+)?(?=\.\w{3,4}$))"
    r"|(?P<step>(?<=/)(?:[a-z]{1,4}_[\w.:]+,)*w_(?P<b>\d{2,4})(?:,[a-z]{1,4}_[\w.:]+)*/)"
    r"|(?P<folder>(?<=/)(?P<c>\d{2,4})x\d{2,4}/)"
    r"|(?P<dense>@[23]x(?=\.\w{3,4}$))",
    re.IGNORECASE,
)
#: Shopify's old names of sizes, in pixels.
NAMED_WIDTHS = {
    "pico": 16, "icon": 32, "thumb": 50, "small": 100, "compact": 160, "medium": 240, "large": 480, "grande": 600,
}  # fmt: skip
_NAMED = re.compile(rf"_({'|'.join(NAMED_WIDTHS)})(?=\.\w{{3,4}}$)", re.IGNORECASE)
#: The width of an address that states none: it is the original.
ORIGINAL = 1_000_000


def widest_once(images: Sequence[ListingImage]) -> tuple[ListingImage, ...]:
    """Return the pictures in their order, each once, at the widest of its stated widths."""
    best: dict[str, tuple[int, ListingImage]] = {}
    for image in images:
        name, width = split_width(image.url)
        if name not in best or width > best[name][0]:
            best[name] = (width, image)
    kept = (image for _, image in best.values())
    return tuple(replace(image, position=position) for position, image in enumerate(kept))


def at_kept_addresses(
    variants: Sequence[ListingVariant], kept: Sequence[ListingImage]
) -> tuple[ListingVariant, ...]:
    """Return the variants with the addresses under which their pictures are kept."""
    addresses = {split_width(image.url)[0]: image.url for image in kept}
    return tuple(
        replace(
            v, images=tuple(dict.fromkeys(addresses.get(split_width(a)[0], a) for a in v.images))
        )
        for v in variants
    )


def split_width(address: str) -> tuple[str, int]:
    """Return an address without its width, and the width in pixels, `ORIGINAL` if it states none."""
    try:
        parts = urlsplit(address)
        stated = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return address, ORIGINAL
    widths = [
        int(v) for k, v in stated if k.lower() in WIDTH_PARAMETERS and v.isdecimal() and len(v) < 6
    ]
    path = parts.path
    if "cdn" in f"{parts.netloc}{path}":  # only Shopify's servers know these names
        widths += [NAMED_WIDTHS[found.lower()] for found in _NAMED.findall(path)]
        path = _NAMED.sub("", path)
    widths += [int(found[g]) for found in _IN_PATH.finditer(path) for g in "abc" if found[g]]
    other = [(k, v) for k, v in stated if k.lower() not in SIZE_PARAMETERS]
    name = f"{parts.netloc}{_IN_PATH.sub('', path)}?{urlencode(other)}"
    return name, max(widths, default=ORIGINAL)
