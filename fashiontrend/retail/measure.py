"""Measure a platform's day: for each value of each attribute, how the products that show it are sold.

All fractions are of products, so that a garment of ten sizes weighs as much as one of two. Each has its own
support: the products for which the shop states what the fraction needs.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa

from fashiontrend.storage import schemas

QUARTILES = {"price_q25": 0.25, "price_median": 0.5, "price_q75": 0.75}


def measure_day(
    offers: pd.DataFrame,
    values: pd.DataFrame,
    attributes: Sequence[str],
    window_days: int,
    begins: date,
    withheld: bool = False,
) -> pa.Table:
    """Measure one day of one platform.

    Args:
        offers: rows of `offers.read_offers` of the day.
        values: columns platform, product_id and one per attribute: the value that the product shows,
            None where it shows none. Products that are not named count for nothing.
        attributes: which to measure.
        window_days: a product is new if it was first seen within so many days, the day included.
        begins: the first day of the platform. When a product of that day came into the shop is not
            known, so it counts neither as new nor as old.
        withheld: whether the day failed data health.

    Returns:
        Rows of `schemas.RETAIL`, one per value that a product on sale shows.
    """
    offered = _measures(offers, window_days, begins)
    known = offered.merge(values, on=["platform", "product_id"])
    parts = [_rows(known, attribute) for attribute in attributes if attribute in known]
    parts = [part for part in parts if len(part)]
    if not parts:
        return schemas.RETAIL.empty_table()
    frame = pd.concat(parts, ignore_index=True)
    frame = frame.assign(window_days=window_days, withheld=withheld, currency=_currency(offers))
    frame.loc[frame["price_support"] == 0, "currency"] = None
    return pa.Table.from_pandas(frame[schemas.RETAIL.names], schemas.RETAIL, preserve_index=False)


def _measures(offers: pd.DataFrame, window_days: int, begins: date) -> pd.DataFrame:
    """The offers with a number, or NaN, for each measure."""
    price, before = offers["price"].astype(float), offers["list_price"].astype(float)
    reduced = (before > price) & (price > 0)
    day, first = pd.to_datetime(offers["day"]), pd.to_datetime(offers["first_seen"])
    age = (day - first).dt.days.where(first > pd.Timestamp(begins))
    return offers[["platform", "product_id", "day", "out_of_stock"]].assign(
        markdown=reduced.astype(float).where(price.notna()),
        markdown_depth=(1 - price / before).where(reduced),
        new_in=(age < window_days).astype(float).where(age.notna()),
        price=price.where(offers["currency"] == _currency(offers)),
    )


def _currency(offers: pd.DataFrame) -> str | None:
    """The commonest currency; prices in another one are in no quartile."""
    priced = offers.loc[offers["price"].notna(), "currency"].dropna()
    return str(priced.value_counts().sort_index(kind="stable").idxmax()) if len(priced) else None


def _rows(known: pd.DataFrame, attribute: str) -> pd.DataFrame:
    shown = known[known[attribute].notna()]
    groups = shown.groupby(["platform", "day", attribute], sort=True)
    found: dict[str, Any] = {"support": groups.size()}
    for name in ("out_of_stock", "markdown", "markdown_depth", "new_in"):
        found |= {name: groups[name].mean(), f"{name}_support": groups[name].count()}
    for name, part in QUARTILES.items():
        found[name] = groups["price"].quantile(part)
    found["price_support"] = groups["price"].count()
    frame = pd.DataFrame(found).reset_index().rename(columns={attribute: "value"})
    return frame.assign(attribute=attribute)
