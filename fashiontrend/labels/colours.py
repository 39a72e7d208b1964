"""The colours that are sold under one address: which of them each picture of the listing shows."""

from collections.abc import Mapping
from typing import Any

from fashiontrend.labels.terms import normalise


def colours_of_pictures(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the colour that each picture of a listing of several colours shows.

    Args:
        row: a LISTING row; its `images` and `variants` are read.

    Returns:
        picture_id -> what the shop calls the colour, in normal form; "" for a picture of several colours, or
        of none of them. Empty if the listing has pictures of fewer than two colours: then its texts hold for all.
    """
    shown: dict[str, set[str]] = {}
    for variant in row["variants"] or ():
        for address in variant["images"] or () if variant["colour"] else ():
            shown.setdefault(address, set()).add(normalise(variant["colour"]))
    if len(set().union(*shown.values())) < 2:
        return {}
    return {
        image["picture_id"]: next(iter(colours)) if len(colours) == 1 else ""
        for image in row["images"] or ()
        for colours in [shown.get(image["url"], set())]
        if image["picture_id"]
    }
