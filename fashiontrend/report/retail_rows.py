"""How the products of each value are sold, on the newest day of each platform."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from fashiontrend.report import wording
from fashiontrend.taxonomy import Taxonomy

#: Values with fewer products say little of a shop, and no platform lists more values than the second number.
MIN_SUPPORT, MAX_ROWS = 20, 40


@dataclass(frozen=True)
class RetailLine:
    """A value: its row of schemas.RETAIL, and the names of its attribute and of itself in two languages."""

    found: Mapping[str, Any]
    attribute: tuple[str, str]
    value: tuple[str, str]


@dataclass(frozen=True)
class PlatformRetail:
    """The values of a platform on its newest day that was not withheld."""

    platform: str
    day: str
    rows: tuple[RetailLine, ...]  # the values of most products first
    left_out: int  # values of fewer products, or beyond the most that are listed


def list_retail(table: pa.Table | None, taxonomy: Taxonomy) -> list[PlatformRetail]:
    """The values of each platform; none if the run published no retail table."""
    if table is None or not table.num_rows:
        return []
    frame = table.to_pandas()
    frame = frame[~frame["withheld"] & frame["attribute"].isin(taxonomy.ids)]
    return [
        _platform(str(name), group[group["day"] == group["day"].max()], taxonomy)
        for name, group in frame.groupby("platform", sort=True)
    ]


def _platform(name: str, newest: Any, taxonomy: Taxonomy) -> PlatformRetail:
    ordered = newest.sort_values(["support", "attribute", "value"], ascending=[False, True, True])
    shown = ordered[ordered["support"] >= MIN_SUPPORT].head(MAX_ROWS)
    rows = tuple(
        RetailLine(
            row,
            wording.attribute_names(taxonomy, row["attribute"]),
            wording.value_names(taxonomy, row["attribute"], row["value"]),
        )
        for row in shown.to_dict("records")
    )
    return PlatformRetail(name, str(newest["day"].max()), rows, len(newest) - len(rows))
