"""From what a page says to a checked listing: the least it must state, in the right types."""

import hashlib
import json
from typing import Any

from fashiontrend.errors import DataError

TEXTS = ("title", "description", "brand", "category", "gender", "colour", "currency", "updated_at")


def check_listing(found: dict[str, Any]) -> dict[str, Any]:
    """Return the listing with its fields in the types of records.LISTING.

    Raises:
        DataError: it cannot be used; the message starts with a countable reason: `no_id`,
            `no_title`, `no_url`, `no_image` or `wrong_type`.
    """
    number, url = found.get("product_id"), found.get("url")
    if isinstance(number, bool) or not isinstance(number, str | int) or not str(number).strip():
        raise DataError(f"no_id: product_id is {number!r}, expected a text or a number")
    for name in TEXTS:
        _refuse_other(name, found.get(name), str, "text")
    _refuse_other("price", found.get("price"), float, "a number or a text that holds one")
    if not (found.get("title") or "").strip():
        raise DataError("no_title: the product states no name")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise DataError(f"no_url: url is {url!r}, expected an address")
    if not found.get("images"):
        raise DataError("no_image: the product states no picture")
    tags = found.get("tags") if isinstance(found.get("tags"), list) else []
    return {
        **{name: encodable(found.get(name)) for name in TEXTS},
        "product_id": to_id(number),
        "url": encodable(url),
        "tags": [encodable(t) for t in tags or [] if isinstance(t, str)],
        "price": found.get("price"),
        "available": found.get("available") if isinstance(found.get("available"), bool) else None,
        "images": [encodable(address) for address in found["images"]],
        "raw_digest": digest(found),
    }


def _refuse_other(name: str, value: Any, kind: type, expected: str) -> None:
    if value is not None and not isinstance(value, kind):
        raise DataError(f"wrong_type: {name} is {type(value).__name__}, expected {expected}")


def to_id(stated: Any) -> str:
    """A stated product id as listings, pages and rejects hold it."""
    return encodable(str(stated).strip()) or ""


def encodable(text: str | None) -> str | None:
    r"""The text with question marks for halves of characters, which `\ud83d` in JSON can make."""
    return None if text is None else text.encode("utf-8", "replace").decode()


def digest(found: dict[str, Any]) -> str:
    """Content hash of what the page said."""
    text = json.dumps(found, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
