"""A simulated world whose true shares and counting noise are known, and the backtests of forecasts in it.

Shares of K values swing with the year and drift as a random walk of their logits; every week's
shares are counted from n products. All seeds are drawn at once. Shapes: W seeds, S pairs, T weeks, V values.
"""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from fashiontrend.outcomes import PairReport, TrendReport
from fashiontrend.series.fit_metrics import (
    mean,
    noise_floor,
    normalised_perplexity,
    paired_difference,
    perplexity,
    skill,
)

WEEKS, YEAR, HORIZON = 140, 52, 4
PAIRS = [(p, a) for p in ("shop-a", "shop-b") for a in ("colour", "neckline", "pattern")]


@dataclass(frozen=True)
class World:
    """True and counted shares, (W, S, T, V); `products` stand behind each count."""

    true: np.ndarray
    counted: np.ndarray
    products: int
    stride: int = HORIZON

    @property
    def origins(self) -> np.ndarray:
        """The last weeks before the targets of each held-out window."""
        return np.arange(YEAR + HORIZON, WEEKS - HORIZON, self.stride)[-16:]

    def ahead(self, shares: np.ndarray) -> np.ndarray:
        """Shares at the targets of every origin, (W, S, O, H, V)."""
        return shares[:, :, self.origins[:, None] + np.arange(1, HORIZON + 1)]

    def forecast(self, name: str) -> np.ndarray:
        """Somebody's forecast of every target, (W, S, O, H, V)."""
        if name == "truth":
            return self.ahead(self.true)
        if name == "seasonal_naive":
            return self.ahead(np.roll(self.counted, YEAR, axis=2))
        flat = {
            "uniform": lambda t: np.full_like(self.counted[:, :, 0], 1 / self.counted.shape[3]),
            "persistence": lambda t: self.counted[:, :, t],
            "last year's mean": lambda t: self.counted[:, :, t - YEAR + 1 : t + 1].mean(axis=2),
        }[name]
        each = np.stack([flat(t) for t in self.origins], axis=2)
        return np.repeat(each[:, :, :, None], HORIZON, axis=3)


def draw(seeds: int, products: int, *, values: int = 8, drift: float = 0.1) -> World:
    """Worlds of as many seeds; a year's swing and a drift as large as `drift` a week, in logits."""
    rng = np.random.default_rng(products)
    shape = (seeds, len(PAIRS), WEEKS, values)
    walk = np.cumsum(rng.normal(0, drift, shape), axis=2)
    phase = rng.uniform(0, 2 * np.pi, (seeds, len(PAIRS), 1, values))
    swing = 0.3 * np.sin(2 * np.pi * np.arange(WEEKS)[:, None] / YEAR + phase)
    score = np.exp(rng.normal(0, 0.7, (seeds, len(PAIRS), 1, values)) + swing + walk)
    true = score / score.sum(axis=3, keepdims=True)
    # Jeffreys' half product a value, as the series are smoothed: no share is impossible.
    counted = (rng.multinomial(products, true) + 0.5) / (products + 0.5 * values)
    return World(true, counted, products)


def reports(world: World, name: str, coverage: float | None = None) -> list[TrendReport]:
    """The backtest of a forecast, for every seed.

    `coverage` is that of its 80 % interval; that of counting noise about the forecast if None.
    """
    target, forecast = world.ahead(world.counted), world.forecast(name)
    names = ("persistence", "seasonal_naive")
    ratio = {n: normalised_perplexity(target, world.forecast(n)) for n in names}  # (W, S, O, H)
    own, raw = normalised_perplexity(target, forecast), perplexity(target, forecast)
    half = 1.2816 * np.sqrt(forecast * (1 - forecast) / world.products)
    covered = (np.abs(target - forecast) <= half).mean(axis=(2, 3, 4))  # (W, S)
    if coverage is not None:
        covered = np.full_like(covered, coverage)
    parts = own, raw, ratio, covered
    return [_report(world, w, parts) for w in range(len(target))]


def _report(world: World, w: int, parts: tuple) -> TrendReport:
    own, raw, ratio, covered = parts
    size = world.true.shape[3]
    floor = noise_floor(size, world.products)
    pairs = tuple(
        PairReport(
            platform=platform, attribute=attribute, perplexity=float(raw[w, s].mean()),
            perplexity_floor=float((raw[w, s] / own[w, s]).mean()), perplexity_uniform=float(size),
            normalised_perplexity=float(own[w, s].mean()), noise_floor=floor,
            divergence=float(np.log(own[w, s]).mean()), coverage80=float(covered[w, s]),
            support=float(world.products), interval_width=0.07, days_used=WEEKS,
            naive_before=float(ratio["persistence"][w, s].mean()),
            baselines={n: float(r[w, s].mean()) for n, r in ratio.items()},
        )
        for s, (platform, attribute) in enumerate(PAIRS)
    )  # fmt: skip
    total = {n: float(own_or[w].mean()) for n, own_or in {**ratio, "model": own}.items()}
    best = min(ratio, key=total.__getitem__)
    by_origin = (ratio[best][w] - own[w]).mean(axis=(0, 2))
    paired = paired_difference(by_origin, world.stride, HORIZON)
    return TrendReport(
        perplexity=mean([p.perplexity for p in pairs]),
        perplexity_floor=mean([p.perplexity_floor for p in pairs]),
        perplexity_uniform=float(size), normalised_perplexity=total["model"], noise_floor=floor,
        skill=skill(total["model"], total[best]), best_naive=best, difference=paired.mean,
        difference_se=paired.standard_error, origins_effective=paired.effective_origins,
        coverage80=mean(covered[w]), days_used=WEEKS, origins_used=len(by_origin),
        interval_width=dict.fromkeys(("colour", "neckline", "pattern"), 0.07), pairs=pairs,
    )  # fmt: skip


@pytest.fixture(scope="session")
def known():
    """The simulated world's functions."""
    return SimpleNamespace(draw=draw, reports=reports)
