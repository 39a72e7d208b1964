"""Measure how complete a platform's day is, for the data-health gate."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fashiontrend.outcomes import HealthFacts

#: Fields that a complete listing has, besides at least one fetched picture.
REQUIRED_FIELDS = ("product_id", "title", "url")


def measure_health(
    listings: pa.Table, crawl: Mapping[str, Any], pictures_ok: int, pictures_bad: int
) -> HealthFacts:
    """Count what the data-health gate reads.

    Args:
        listings: the day's LISTING rows of one platform.
        crawl: the crawl's statistics. Read where present: `requests`, `responses` (status ->
            count), `blocked` and `challenge` (refused answers), `stated` (listings before
            duplicates were left out) and `duplicates`.
        pictures_ok: new pictures that passed the checks.
        pictures_bad: new pictures that failed them.

    Returns:
        The counts and fractions. Pictures known from earlier days are good. A fraction of nothing
        is 1 if a high one is good, and 0 if a low one is.
    """
    rows = listings.num_rows
    products = pc.count_distinct(listings["product_id"]).as_py() if rows else 0
    shown, unfetched = _count_pictures(listings)
    repeated = max(_count(crawl, "duplicates"), rows - products)
    return HealthFacts(
        products=products,
        listings=rows,
        pictures=pictures_ok,
        pictures_bad=pictures_bad,
        image_success=_share(shown - unfetched - pictures_bad, shown),
        field_coverage=_share(_count_complete(listings), rows),
        blocked=blocked_share(crawl),
        duplicates=_share(repeated, max(_count(crawl, "stated"), rows, repeated), empty=0.0),
        no_garments=pc.sum(pc.invert(listings["garment"])).as_py() or 0,
    )


def blocked_share(crawl: Mapping[str, Any]) -> float:
    """Return the fraction of a crawl's responses that were refusals or challenge pages."""
    refused = _count(crawl, "blocked") + _count(crawl, "challenge")
    responses = sum(crawl.get("responses", {}).values()) or _count(crawl, "requests")
    return _share(refused, max(responses, refused), empty=0.0)


def _count(crawl: Mapping[str, Any], name: str) -> int:
    return int(crawl.get(name) or 0)


def _count_pictures(listings: pa.Table) -> tuple[int, int]:
    """Return the number of pictures that the listings show, and of those never fetched."""
    images = pc.list_flatten(listings["images"])
    ids = pc.struct_field(images, "picture_id")
    return len(ids), ids.null_count


def _count_complete(listings: pa.Table) -> int:
    """Return the number of listings with every field and at least one fetched picture."""
    good = pc.fill_null(pc.greater(pc.list_value_length(listings["images"]), 0), False)
    for name in REQUIRED_FIELDS:
        filled = pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(listings[name])), 0)
        good = pc.and_(good, pc.fill_null(filled, False))
    pictured = {
        parent
        for parent, picture in zip(
            pc.list_parent_indices(listings["images"]).to_pylist(),
            pc.struct_field(pc.list_flatten(listings["images"]), "picture_id").to_pylist(),
            strict=True,
        )
        if picture is not None
    }
    return sum(1 for index, flag in enumerate(good.to_pylist()) if flag and index in pictured)


def _share(part: int, whole: int, empty: float = 1.0) -> float:
    return min(max(part / whole, 0.0), 1.0) if whole else empty
