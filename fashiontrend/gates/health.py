"""G0: whether a platform's day is complete enough to count."""

from collections.abc import Sequence
from statistics import median

from fashiontrend.config import HealthConfig
from fashiontrend.gates.checks import (
    at_least,
    at_most,
    between,
    make_verdict,
    more_than,
    number,
    text,
)
from fashiontrend.outcomes import HealthFacts, Verdict
from fashiontrend.outcomes.verdict import DATA_HEALTH


def decide_health(
    health: HealthFacts, trailing_products: Sequence[float], cfg: HealthConfig
) -> Verdict:
    """G0: whether a platform's day is complete enough to count.

    Args:
        health: the day's counts and fractions.
        trailing_products: products of the days before, newest last. Without any, the number of
            products closes the gate only if it is 0.
        cfg: branch `health`.
    """
    products = number(health.products)
    checks = [more_than("products", products, 0)]
    trail = [n for n in trailing_products[-cfg.trailing_days :] if n > 0]
    if trail:
        ratio = products / median(trail) if products is not None else None
        detail = f"{text(products)} products, trailing median {median(trail):g}"
        low, high = cfg.min_products_ratio, cfg.max_products_ratio
        checks.append(between("products_ratio", ratio, low, high, detail))
    checks += [
        at_least("image_success", health.image_success, cfg.min_image_success),
        at_least("field_coverage", health.field_coverage, cfg.min_field_coverage),
        at_most("blocked", health.blocked, cfg.max_blocked),
        at_most("duplicates", health.duplicates, cfg.max_duplicates),
    ]
    remedy = "The day is withheld from the series. Look at the platform's crawl; do not label anew."
    return make_verdict(DATA_HEALTH, checks, remedy)
