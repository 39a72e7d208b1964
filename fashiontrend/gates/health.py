"""G0: whether a platform's day is whole enough to count."""

from collections.abc import Sequence
from statistics import median

from fashiontrend.config import HealthConfig
from fashiontrend.gates.verdict import (
    Report,
    Verdict,
    at_least,
    at_most,
    check,
    close_or_open,
    number,
    text,
)

DATA_HEALTH = "data_health"


def judge_health(facts: Report, trailing_products: Sequence[int], cfg: HealthConfig) -> Verdict:
    """G0: whether a platform's day is whole enough to count.

    Args:
        facts: products (count), and fractions image_success, field_coverage, blocked, duplicates.
        trailing_products: products of the good days before, newest last; without any, only
            an empty day fails by its number of products.
        cfg: branch `health`.
    """
    products = number(facts.get("products"))
    checks = [check("products", products, "> 0", lambda seen: seen > 0)]
    trail = [n for n in trailing_products[-cfg.trailing_days :] if n > 0]
    if trail:
        ratio = products / median(trail) if products is not None else None
        low, high = cfg.min_products_ratio, cfg.max_products_ratio
        detail = f"{text(products)} products, trailing median {median(trail):g}"
        band = f"{low:g} .. {high:g}"
        checks.append(
            check("products_ratio", ratio, band, lambda seen: low <= seen <= high, detail)
        )
    least = {"image_success": cfg.min_image_success, "field_coverage": cfg.min_field_coverage}
    most = {"blocked": cfg.max_blocked, "duplicates": cfg.max_duplicates}
    checks += [at_least(n, facts.get(n), limit) for n, limit in least.items()]
    checks += [at_most(n, facts.get(n), limit) for n, limit in most.items()]
    remedy = "The day is withheld from the series. Look at the platform's crawl; do not relabel."
    return close_or_open(DATA_HEALTH, checks, remedy)
