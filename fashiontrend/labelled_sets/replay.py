"""Replay a labelled set as days of listings on several platforms, along known curves.

The pictures and product names are real. The days of sale are drawn, so that one value rises, one
falls, one swings with a season, and the others stay. This tests the pipeline on real pictures; it
says nothing about fashion. The caller writes the rows to the store.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from fashiontrend.errors import DataError
from fashiontrend.labelled_sets.columns import value_ids
from fashiontrend.storage import schemas
from fashiontrend.taxonomy import NOT_VISIBLE, Taxonomy

Masks: TypeAlias = Mapping[str, NDArray[np.bool_]]

#: Products on sale on a platform's first day; range of new products a day; range of days on sale.
FIRST_LIVE, NEW_DAILY, LIFE_DAYS = 160, (8, 12), (14, 26)
#: Period of the season in days, so that a history of months holds several.
SEASON_DAYS = 45.0


@dataclass(frozen=True)
class FactorCurve:
    """Factor of a value's frequency in the set: a line from first to last, with a swing."""

    first: float = 1.0
    last: float = 1.0
    swing: float = 0.0

    def at(self, position: float, day: float) -> float:
        """Return the factor at a position in [0, 1] of the history, `day` days after its start."""
        trend = self.first + (self.last - self.first) * position
        return max(trend * (1.0 + self.swing * math.sin(2 * math.pi * day / SEASON_DAYS)), 0.02)


CURVES: Mapping[str, FactorCurve] = {
    "rising": FactorCurve(0.4, 3.2),
    "falling": FactorCurve(1.8, 0.35),
    "seasonal": FactorCurve(swing=0.75),
}
#: The value with the share closest to this is chosen for a curve.
USUAL_SHARE = {"rising": 0.06, "falling": 0.15, "seasonal": 0.12}


@dataclass(frozen=True)
class ReplayPlan:
    """The values that follow a curve, each as "attribute.value"."""

    rising: str
    falling: str
    seasonal: str

    def to_json(self) -> dict[str, object]:
        """Return the plan in the form of the demo's plan, which also has outages."""
        return {**asdict(self), "outages": []}


@dataclass(frozen=True)
class Replay:
    """The drawn history: which row of the set each platform sells on which days.

    `products` has the columns platform, product_id, first_day, last_day (both included), one per
    attribute (value ids, None if the set states none), row and picture_id.
    """

    days: tuple[date, ...]
    platforms: tuple[str, ...]
    products: pd.DataFrame
    plan: ReplayPlan

    def truth(self) -> pa.Table:
        """Return the products for the scorecard, without the columns that lead to pictures."""
        return pa.Table.from_pandas(
            self.products.drop(columns=["row", "picture_id"]), preserve_index=False
        )


def draw_replay(
    rows: pa.Table, taxonomy: Taxonomy, days: Sequence[date], platforms: Sequence[str], seed: int
) -> Replay:
    """Draw the days on which each row is on sale.

    A row is used once. If the set is too small, it is used once per platform, and then again.

    Args:
        rows: columns id, title, image and one per attribute, with ids or English names of values.
        taxonomy: the attributes.
        days: the history in order.
        platforms: names of the shops.
        seed: seed of all draws.

    Raises:
        DataError: the set has too few rows with a picture, or no attribute with four values.
    """
    values = _read_values(rows, taxonomy)
    usable = np.array(rows["image"].is_valid().to_pylist(), dtype=bool)
    if usable.sum() < 2 * FIRST_LIVE:
        raise DataError(
            f"{usable.sum()} rows have a picture, {2 * FIRST_LIVE} are needed. Name more files."
        )
    chosen = _choose_values(values, taxonomy)
    rng = np.random.default_rng([seed, 11])
    drawn = _draw(usable, _masks(values, chosen), len(days), len(platforms), rng)
    return Replay(
        tuple(days),
        tuple(platforms),
        _products(drawn, rows, values, days, platforms),
        ReplayPlan(**chosen),
    )


def _read_values(rows: pa.Table, taxonomy: Taxonomy) -> pd.DataFrame:
    """Return value ids by attribute, None if the set has no label or no such column."""
    columns = {name.casefold().replace(" ", "_"): name for name in rows.column_names}
    found = {
        a.id: value_ids(rows, columns[a.id], a) if a.id in columns else [None] * rows.num_rows
        for a in taxonomy.attributes
    }
    return pd.DataFrame(found, index=range(rows.num_rows), dtype="object")


def _choose_values(values: pd.DataFrame, taxonomy: Taxonomy) -> dict[str, str]:
    """Choose the values that rise, fall and swing: two of a colour-like attribute, one of a type."""
    sizes = {a.id: values[a.id].nunique() for a in taxonomy.attributes}
    rich = sorted((a for a in sizes if sizes[a] >= 4), key=lambda a: -sizes[a])
    if not rich:
        raise DataError(
            f"no attribute has four values in the set ({sizes}). Name another set, or other "
            "attributes."
        )
    trending = next((a for a in rich if "colo" in a), rich[-1])
    seasonal = next(
        (a for a in rich if "type" in a and a != trending),
        next((a for a in rich if a != trending), trending),
    )
    chosen: dict[str, str] = {}
    for kind, attribute in (("rising", trending), ("falling", trending), ("seasonal", seasonal)):
        shares = values.loc[values[attribute] != NOT_VISIBLE, attribute].value_counts(
            normalize=True
        )
        taken = [v.split(".")[1] for v in chosen.values() if v.startswith(f"{attribute}.")]
        distance = (np.log(shares.drop(taken)) - np.log(USUAL_SHARE[kind])).abs()
        chosen[kind] = f"{attribute}.{distance.idxmin()}"
    return chosen


def _masks(values: pd.DataFrame, chosen: Mapping[str, str]) -> Masks:
    """Return, for each curve, which rows of the set have its value."""
    pairs = {kind: name.split(".") for kind, name in chosen.items()}
    return {k: (values[a] == v).to_numpy(bool) for k, (a, v) in pairs.items()}


def _weights(masks: Masks, position: float, day: float) -> NDArray[np.float64]:
    """Return (N,) weights with which rows of the set come on sale at a moment."""
    weights = np.ones(len(next(iter(masks.values()))))
    for kind, mask in masks.items():
        weights[mask] *= CURVES[kind].at(position, day)
    return weights


def _draw(
    usable: NDArray[np.bool_],
    masks: Masks,
    num_days: int,
    num_platforms: int,
    rng: np.random.Generator,
) -> list[tuple[int, int, int, int]]:
    """Draw (platform, row, first day, last day), with days counted from the start of the history."""
    sold = np.zeros((num_platforms, len(usable)), dtype=bool)
    drawn: list[tuple[int, int, int, int]] = []
    for day in range(num_days):
        weights = _weights(masks, day / max(num_days - 1, 1), day)
        for platform in range(num_platforms):
            number = FIRST_LIVE if day == 0 else int(rng.integers(*NEW_DAILY, endpoint=True))
            chosen = _choose(usable, sold, platform, number, weights, rng)
            sold[platform, chosen] = True
            for row in chosen:
                life = int(rng.integers(*LIFE_DAYS, endpoint=True))
                age = int(rng.integers(0, life)) if day == 0 else 0
                drawn.append((platform, int(row), day - age, day - age + life - 1))
    return drawn


def _choose(
    usable: NDArray[np.bool_],
    sold: NDArray[np.bool_],
    platform: int,
    number: int,
    weights: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Choose rows that no platform sold yet, else that this one did not sell, else any."""
    pools = (usable & ~sold.any(axis=0), usable & ~sold[platform], usable)
    # A pool has ten times as many rows as needed, so that its last rows do not distort the curve.
    pool = next((p for p in pools if p.sum() >= 10 * number), usable)
    rows = np.flatnonzero(pool)
    probabilities = weights[rows] / weights[rows].sum()
    return np.asarray(rng.choice(rows, number, replace=False, p=probabilities))


def _products(
    drawn: Sequence[tuple[int, int, int, int]],
    rows: pa.Table,
    values: pd.DataFrame,
    days: Sequence[date],
    platforms: Sequence[str],
) -> pd.DataFrame:
    ids, images = rows["id"].to_pylist(), rows["image"]
    sold: dict[tuple[int, int], int] = {}
    found = []
    for platform, row, first, last in drawn:
        again = sold[platform, row] = sold.get((platform, row), 0) + 1
        found.append(
            {
                "platform": platforms[platform],
                "product_id": f"{ids[row]}" if again == 1 else f"{ids[row]}-{again}",
                "first_day": days[0] + timedelta(days=first),
                "last_day": days[0] + timedelta(days=last),
                **{str(a): v for a, v in values.iloc[row].items()},
                "row": row,
                "picture_id": hashlib.sha256(images[row].as_py()).hexdigest(),
            }
        )
    return pd.DataFrame(found)


def listings(replay: Replay, rows: pa.Table, platform: str, day: date) -> pa.Table:
    """Return a platform's LISTING rows of a day, with the set's own titles, sorted by product."""
    frame = _live(replay, platform, day)
    titles = rows["title"] if "title" in rows.column_names else None
    found = [_listing(p, _title(titles, p), day) for p in frame.to_dict("records")]
    return pa.Table.from_pylist(found, schemas.LISTING)


def new_pictures(replay: Replay, rows: pa.Table, platform: str, day: date) -> dict[str, bytes]:
    """Return the pictures, by id, of the products that a platform lists for the first time on a day."""
    frame = _live(replay, platform, day)
    if day != replay.days[0]:
        frame = frame[frame["first_day"] == day]
    pairs = zip(frame["picture_id"], frame["row"], strict=True)
    return {picture_id: rows["image"][int(row)].as_py() for picture_id, row in pairs}


def _live(replay: Replay, platform: str, day: date) -> pd.DataFrame:
    stock = replay.products
    on_sale = (
        (stock["platform"] == platform) & (stock["first_day"] <= day) & (stock["last_day"] >= day)
    )
    return stock[on_sale].sort_values("product_id")


def _title(titles: pa.ChunkedArray | None, product: Mapping[Any, Any]) -> str:
    title = titles[int(product["row"])].as_py() if titles is not None else None
    return title or f"Item {product['product_id']}"


def _listing(product: Mapping[Any, Any], title: str, day: date) -> dict[str, object]:
    platform, product_id = product["platform"], product["product_id"]
    return {
        "platform": platform,
        "day": day,
        "product_id": product_id,
        "url": f"https://{platform}.example/products/{product_id}",
        "title": title,
        "tags": [],
        "available": True,
        "images": [
            {
                "url": f"https://{platform}.example/pictures/{product_id}",
                "picture_id": product["picture_id"],
                "position": 0,
            }
        ],
        "first_seen": product["first_day"],
        "source": "replay",
        "raw_digest": hashlib.sha256(f"{product_id}\n{title}".encode()).hexdigest(),
    }
