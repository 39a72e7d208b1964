"""How complete a platform's day is: what the data-health gate reads."""

import math
from dataclasses import dataclass

from fashiontrend.typed_json import JsonRecord, Measure


@dataclass(frozen=True)
class HealthFacts(JsonRecord):
    """Counts of a platform's day, and fractions between 0 and 1.

    Attributes:
        products: number of distinct products.
        listings: number of listing rows.
        pictures: number of new pictures that passed the checks.
        pictures_bad: number of new pictures that failed them.
        image_success: usable pictures over all pictures that the listings show.
        field_coverage: listings with id, title, url and a fetched picture, over all.
        blocked: refused responses over all responses.
        duplicates: listings whose id occurs twice, over all.
        no_garments: number of listings that are no garments.
    """

    products: Measure = math.nan
    listings: int = 0
    pictures: int = 0
    pictures_bad: int = 0
    image_success: Measure = math.nan
    field_coverage: Measure = math.nan
    blocked: Measure = math.nan
    duplicates: Measure = math.nan
    no_garments: int = 0
