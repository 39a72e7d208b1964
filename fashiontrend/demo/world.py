"""The world of the demo: what each shop lists on each day, and what the garments really are.

Everything follows from the seed. The crawler sees titles and pictures. The true values are the
truth, which only tests and the report's scorecard read.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from fashiontrend.demo import curves
from fashiontrend.demo.garments import SIZE_PX, Box, Drawing, draw_garment
from fashiontrend.demo.wording import describe
from fashiontrend.taxonomy import NOT_VISIBLE

#: Platform -> number of days by which its trends are ahead of the others'.
PLATFORMS: Mapping[str, int] = {"shop-a": 0, "shop-b": 6, "shop-c": -3}
KINDS: Mapping[str, str] = {"shop-a": "shopify", "shop-b": "woocommerce", "shop-c": "schema_org"}
#: Range of the days that a product is on sale.
LIFE_DAYS = (12, 28)
#: Probability that a picture does not show the neckline.
HIDDEN_NECK = 0.05


@dataclass(frozen=True)
class Product:
    """A garment that is on sale from `first_day` to `last_day`, both included."""

    platform: str
    product_id: str
    first_day: date
    last_day: date
    values: Mapping[str, str]  # attribute -> true value
    title: str
    description: str
    price_cents: int

    @property
    def image_path(self) -> str:
        """The path of its picture on its shop."""
        return f"/media/{self.product_id}.jpg"


@dataclass(frozen=True)
class World:
    """Three shops over a number of days."""

    seed: int
    last_day: date
    num_days: int = 90
    first_live: int = 160  # products on sale on the first day, for each shop
    born_daily: int = 8  # new products a day, for each shop
    annotated: tuple[int, int] = (400, 300)  # annotated products: train, val
    outage_platform: str = "shop-b"
    outage_offsets: tuple[int, ...] = (60, 61)

    @property
    def first_day(self) -> date:
        """The first day of the history."""
        return self.last_day - timedelta(days=self.num_days - 1)

    @property
    def days(self) -> tuple[date, ...]:
        """All days of the history."""
        return tuple(self.first_day + timedelta(days=n) for n in range(self.num_days))

    @property
    def outages(self) -> tuple[tuple[str, date], ...]:
        """The (platform, day) on which a shop responds with 503 only."""
        return tuple(
            (self.outage_platform, self.first_day + timedelta(days=n))
            for n in self.outage_offsets
            if n < self.num_days
        )

    @cached_property
    def products(self) -> tuple[Product, ...]:
        """All products of the history, ordered by platform and first day."""
        return tuple(p for n, name in enumerate(PLATFORMS) for p in self._stock(n, name))

    @cached_property
    def by_id(self) -> dict[str, Product]:
        """Product id -> product; ids are unique over all shops."""
        return {p.product_id: p for p in self.products}

    def live(self, platform: str, day: date) -> list[Product]:
        """Return the products that a shop has on sale on a day, the newest first."""
        stock = (p for p in self.products if p.platform == platform)
        found = [p for p in stock if p.first_day <= day <= p.last_day]
        return sorted(found, key=lambda p: (p.first_day, p.product_id), reverse=True)

    def draw(self, product: Product) -> Drawing:
        """Draw the product's picture with the garment's true box; the bytes are the same each time."""
        digest = hashlib.sha256(f"{self.seed}/{product.product_id}".encode()).digest()
        return draw_garment(product.values, np.random.default_rng(list(digest[:8])))

    def _stock(self, number: int, platform: str) -> list[Product]:
        rng = np.random.default_rng([self.seed, number])
        lives = self._lives(rng)
        return [
            self._product(platform, f"{platform[-1]}{n:05d}", b, rng) for n, b in enumerate(lives)
        ]

    def _lives(self, rng: np.random.Generator) -> list[tuple[int, int]]:
        """Draw (first, last) day of sale, counted from the start: the first stock, then new ones."""
        lives: list[tuple[int, int]] = []
        while len(lives) < self.first_live:
            first, length = (
                -int(rng.integers(0, LIFE_DAYS[1])),
                int(rng.integers(*LIFE_DAYS, endpoint=True)),
            )
            if first + length > 0:
                lives.append((first, first + length - 1))
        for day in range(1, self.num_days):
            lives += [
                (day, day + int(rng.integers(*LIFE_DAYS, endpoint=True)) - 1)
                for _ in range(self.born_daily)
            ]
        return lives

    def _product(
        self, platform: str, product_id: str, life: tuple[int, int], rng: np.random.Generator
    ) -> Product:
        at = life[0] + PLATFORMS[platform]
        values = {}
        for attribute, choices in curves.CURVES.items():
            shares = curves.shares_at(attribute, at / max(self.num_days - 1, 1), at)
            values[attribute] = str(rng.choice(list(choices), p=shares))
        stated = dict(values)  # shops know a neckline that the picture does not show
        if rng.random() < HIDDEN_NECK:
            values["neckline"] = NOT_VISIBLE
        title, description = describe(stated, rng)
        return Product(
            platform, product_id,
            self.first_day + timedelta(days=life[0]), self.first_day + timedelta(days=life[1]),
            values, title, description, int(rng.integers(1290, 9990)),
        )  # fmt: skip


def annotate(world: World) -> pd.DataFrame:
    """Return annotations of some products, with disjoint ones for training and validation.

    Returns:
        Columns platform, product_id, split, one per attribute, x0, y0, x1, y1 in pixels.
    """
    rng = np.random.default_rng([world.seed, 7])
    seen = [p for p in world.products if p.last_day >= world.first_day]
    number = min(sum(world.annotated), len(seen))
    train = round(number * world.annotated[0] / sum(world.annotated))
    chosen = rng.choice(len(seen), number, replace=False)
    rows = []
    for order, index in enumerate(chosen):
        product = seen[index]
        edges = np.round(np.asarray(world.draw(product).box) * SIZE_PX, 1)
        rows.append(
            {
                "platform": product.platform,
                "product_id": product.product_id,
                "split": "train" if order < train else "val",
                **product.values,
                **dict(zip(("x0", "y0", "x1", "y1"), edges.tolist(), strict=True)),
            }
        )
    return pd.DataFrame(rows)


def write_truth(world: World, folder: Path) -> None:
    """Write the true values of the garments and the planted trends into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "platform": p.platform,
            "product_id": p.product_id,
            "first_day": p.first_day,
            "last_day": p.last_day,
            **p.values,
        }
        for p in world.products
    ]
    pd.DataFrame(rows).to_parquet(folder / "truth.parquet", index=False)
    plan = {**curves.PLAN, "outages": [[p, str(d)] for p, d in world.outages]}
    (folder / "plan.json").write_text(json.dumps(plan, indent=1), "utf-8")


def true_box(world: World, product_id: str) -> Box:
    """Return the true box of a product's garment in its picture."""
    return world.draw(world.by_id[product_id]).box
