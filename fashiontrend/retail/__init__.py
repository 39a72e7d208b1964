"""What shops do with the products that show a value: sold out, marked down, new, and at which price."""

from fashiontrend.retail.measure import measure_day
from fashiontrend.retail.offers import read_offers

__all__ = ["measure_day", "read_offers"]
