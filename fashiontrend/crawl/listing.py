"""From what a page says to a checked listing: the least a product must state, in the right types."""

import hashlib
import json
from typing import Any

from fashiontrend.errors import DataError

TEXTS = ("title", "description", "brand", "category", "gender", "colour", "currency", "updated_at")


def check_listing(found: dict[str, Any]) -> dict[str, Any]:
    """Return the listing with its fields in the types of records.LISTING.

    Raises:
        DataError: it cannot be used; the message starts with a countable reason.
    """
    number = found.get("product_id")
    if isinstance(number, bool) or not isinstance(number, str | int) or not str(number).strip():
        raise DataError(f"no_id: product_id is {number!r}, expected a text or a number")
    for name in TEXTS:
        if found.get(name) is not None and not isinstance(found[name], str):
            raise DataError(f"wrong_type: {name} is {type(found[name]).__name__}, expected text")
    if not (found.get("title") or "").strip():
        raise DataError("no_title: the product states no name")
    if not found.get("images"):
        raise DataError("no_image: the product states no picture")
    tags = found.get("tags") or []
    return {
        **{name: found.get(name) for name in TEXTS},
        "product_id": str(number).strip(),
        "url": found.get("url") or "",
        "tags": [t for t in tags if isinstance(t, str)] if isinstance(tags, list) else [],
        "price": found.get("price"),
        "available": found.get("available") if isinstance(found.get("available"), bool) else None,
        "images": list(found["images"]),
        "raw_digest": digest(found),
    }


def digest(found: dict[str, Any]) -> str:
    """Content hash of what the page said."""
    text = json.dumps(found, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
