"""Estimate each platform's attribute shares by day from the recogniser's predictions."""

from fashiontrend.series.quantification import Validation, collect_validation
from fashiontrend.series.shares import compute_shares
from fashiontrend.series.votes import Votes, tabulate_votes, vote_products

__all__ = [
    "Validation",
    "Votes",
    "collect_validation",
    "compute_shares",
    "tabulate_votes",
    "vote_products",
]
