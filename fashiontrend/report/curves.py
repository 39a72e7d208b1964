"""Which curves stand in which panel: per attribute pooled by value, and per platform."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
from markupsafe import Markup
from numpy.typing import NDArray

from fashiontrend.keywords.published import KeywordRecord
from fashiontrend.report import wording
from fashiontrend.report.charts import ChartPanel, ShareCurve, draw_panel
from fashiontrend.taxonomy import POOLED, Taxonomy

Key = tuple[str, str, str]

#: Days of history in a chart, values of an attribute with a panel, values in a platform's panel.
HISTORY_DAYS, VALUES, PLATFORM_VALUES = 180, 8, 4
#: Stable values of an attribute that come before the other stable ones.
FIRST_VALUES = 3
#: A platform's panel holds several curves and weighs as much as so many others.
PLATFORM_WEIGHT = 2
FAN = ["share", "q025", "q10", "q90", "q975"]


@dataclass(frozen=True)
class ValuePanel:
    """The pooled curve of one value with its caption; shares are None if they are not known."""

    en: str
    zh: str
    direction: wording.Direction
    now: float | None
    ahead: float | None
    svg: Markup


@dataclass(frozen=True)
class PlatformPanel:
    """The curves of an attribute on one platform."""

    platform: str
    svg: Markup


@dataclass(frozen=True)
class AttributePanels:
    """The charts of one attribute, and the names of what has none."""

    id: str
    en: str
    zh: str
    moving: bool
    panels: tuple[ValuePanel, ...]
    platforms: tuple[PlatformPanel, ...]
    left_out: tuple[str, ...]
    left_out_platforms: tuple[str, ...]


@dataclass(frozen=True)
class ShareCurves:
    """Everything that can be drawn, by (platform, attribute, value)."""

    taxonomy: Taxonomy
    shares: Mapping[Key, pd.DataFrame]
    forecasts: Mapping[Key, pd.DataFrame]
    truth: Mapping[Key, pd.DataFrame]
    directions: Mapping[Key, str]
    ranks: Mapping[tuple[str, str], int]
    season_length: int = 7

    @property
    def platforms(self) -> list[str]:
        """Single platforms in the order of their names."""
        return sorted({p for p, _, _ in self.shares} - {POOLED})

    def curve(self, platform: str, attribute: str, value: str) -> ShareCurve | None:
        """What is known of one value on one platform; None if nothing was measured."""
        key = (platform, attribute, value)
        rows = self.shares.get(key)
        if rows is None:
            return None
        rows = rows[rows["day"] > rows["day"].iloc[-1] - timedelta(days=HISTORY_DAYS)]
        columns = rows[["share", "low", "high"]].to_numpy(dtype=float, copy=True)
        columns[rows["withheld"].to_numpy(dtype=bool)] = np.nan
        ahead, true = self.forecasts.get(key), self.truth.get(key)
        if true is not None:
            true = true[true["day"] >= rows["day"].iloc[0]]
        return ShareCurve(
            name=wording.value_names(self.taxonomy, attribute, value)[0],
            direction=self.directions.get(key, wording.UNJUDGED.id),
            days=tuple(rows["day"]),
            share=columns[:, 0],
            low=columns[:, 1],
            high=columns[:, 2],
            ahead_days=() if ahead is None else tuple(ahead["day"]),
            ahead=None if ahead is None else ahead[FAN].to_numpy(dtype=float),
            true_days=() if true is None else tuple(true["day"]),
            true=None if true is None else true["share"].to_numpy(dtype=float),
            naive=()
            if ahead is None
            else naive_forecasts(columns[:, 0], len(ahead), self.season_length),
        )

    def withheld(self, platform: str, attribute: str) -> tuple[date, ...]:
        """Withheld days of a platform's attribute."""
        for (p, a, _), rows in self.shares.items():
            if (p, a) == (platform, attribute):
                return tuple(rows["day"][rows["withheld"].to_numpy()])
        return ()


def naive_forecasts(
    shares: NDArray[np.float64], horizon: int, season: int
) -> tuple[tuple[str, NDArray[np.float64]], ...]:
    """Persistence and seasonal naive of the days ahead; none if nothing was measured.

    A day that was withheld a season ago is forecast by the last measured day before it.
    """
    filled = np.asarray(pd.Series(shares).ffill(), dtype=np.float64)
    if not len(filled) or np.isnan(filled[-1]):
        return ()
    back = len(filled) - season + np.arange(horizon) % season
    seasonal = np.asarray(filled[np.maximum(back, 0)])
    return ("persistence", np.full(horizon, filled[-1], dtype=np.float64)), (
        "seasonal_naive",
        seasonal,
    )


def collect(
    tables: tuple[pa.Table | None, pa.Table | None, pd.DataFrame | None],
    records: Sequence[KeywordRecord],
    taxonomy: Taxonomy,
    season_length: int = 7,
) -> ShareCurves:
    """Sort shares, forecasts and truth by what they measure, and directions from the keywords."""
    shares, forecasts, truth = tables
    directions: dict[Key, str] = {}
    ranks: dict[tuple[str, str], int] = {}
    for place, record in enumerate(records):
        value = (record["keyword"]["attribute"], record["keyword"]["value"])
        directions[(record["platform"], *value)] = record["direction"]
        if record["platform"] == POOLED:
            ranks[value] = place + (1000 if record["direction"] == "stable" else 0)
            for direction, names in record["platforms"].items():
                directions.update({(p, *value): direction for p in names})
    return ShareCurves(
        taxonomy,
        _by_key(None if shares is None else shares.to_pandas()),
        _by_key(None if forecasts is None else forecasts.to_pandas()),
        _by_key(truth),
        directions,
        ranks,
        season_length,
    )


def _by_key(frame: pd.DataFrame | None) -> dict[Key, pd.DataFrame]:
    if frame is None or frame.empty:
        return {}
    groups = frame.sort_values("day").groupby(["platform", "attribute", "value"], sort=False)
    return {(str(k[0]), str(k[1]), str(k[2])): rows for k, rows in groups}


@dataclass(frozen=True)
class PanelPlan:
    """Which panels of an attribute are drawn: values over all platforms, and platforms."""

    attribute: str
    values: tuple[str, ...]  # by interest
    moving: int  # so many of them rise or fall
    drawn: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()


def plan_panels(series: ShareCurves, most: int) -> list[PanelPlan]:
    """Choose the panels that matter most, attributes with a move first.

    Moving values come first, then their attributes by platform, then the frequent values of each
    attribute, then the others; a panel by platform counts `PLATFORM_WEIGHT` panels.
    """
    measured: dict[str, list[str]] = {}
    for platform, attribute, value in series.shares:
        if value not in measured.setdefault(attribute, []) and platform:
            measured[attribute].append(value)
    order = [a for a in series.taxonomy.ids if a in measured] + [
        a for a in measured if a not in series.taxonomy.ids
    ]
    plans = [_plan_attribute(series, a, _by_interest(series, a, measured[a])) for a in order]
    plans.sort(key=lambda p: not p.moving)
    wanted: list[tuple[int, int, str, str]] = []  # stage, place, kind, name
    for place, plan in enumerate(plans):
        for n, value in enumerate(plan.values[:VALUES]):
            stage = 0 if n < plan.moving else 2 if n < FIRST_VALUES else 3
            wanted.append((stage, place, "value", value))
        stage = 1 if plan.moving else 4
        wanted += [(stage, place, "platform", name) for name in series.platforms]
    left, chosen = most, set()
    for item in sorted(wanted, key=lambda w: w[:2]):
        weight = PLATFORM_WEIGHT if item[2] == "platform" else 1
        if left >= weight:
            chosen.add(item[1:])
            left -= weight
    return [
        replace(
            p,
            drawn=tuple(v for v in p.values if (n, "value", v) in chosen),
            platforms=tuple(s for s in series.platforms if (n, "platform", s) in chosen),
        )
        for n, p in enumerate(plans)
    ]


def _plan_attribute(series: ShareCurves, attribute: str, values: list[str]) -> PanelPlan:
    found = [series.directions.get((POOLED, attribute, v)) for v in values]
    return PanelPlan(attribute, tuple(values), sum(d in ("rising", "falling") for d in found))


def draw_attributes(series: ShareCurves, most: int) -> list[AttributePanels]:
    """One entry per attribute, those with a move first: names, panels by value and by platform."""
    return [_draw_attribute(series, plan) for plan in plan_panels(series, most)]


def _by_interest(series: ShareCurves, attribute: str, values: Sequence[str]) -> list[str]:
    """Moving values first, by rank; then the frequent ones."""

    def interest(value: str) -> tuple[int, float]:
        rows = series.shares.get((POOLED, attribute, value))
        last = np.nan if rows is None else float(rows["share"].astype(float).ffill().iloc[-1])
        rank = series.ranks.get((attribute, value), 1000)
        return min(rank, 1000), -np.nan_to_num(last)

    return sorted(values, key=interest)


def _draw_attribute(series: ShareCurves, plan: PanelPlan) -> AttributePanels:
    attribute = plan.attribute
    en, zh = wording.attribute_names(series.taxonomy, attribute)
    names = {v: wording.value_names(series.taxonomy, attribute, v) for v in plan.values}
    panels = [draw_value(series, attribute, v, "all") for v in plan.drawn]
    first = list(plan.values[:PLATFORM_VALUES])
    platforms = [_draw_platform(series, attribute, name, first) for name in plan.platforms]
    return AttributePanels(
        id=attribute,
        en=en,
        zh=zh,
        moving=bool(plan.moving),
        panels=tuple(p for p in panels if p is not None),
        platforms=tuple(p for p in platforms if p is not None),
        left_out=tuple(" ".join(names[v]).strip() for v in plan.values if v not in plan.drawn),
        left_out_platforms=tuple(n for n in series.platforms if n not in plan.platforms),
    )


def draw_value(series: ShareCurves, attribute: str, value: str, place: str) -> ValuePanel | None:
    """The pooled curve of one value and its caption; `place` keeps ids apart."""
    curve = series.curve(POOLED, attribute, value)
    if curve is None:
        return None
    en, zh = wording.value_names(series.taxonomy, attribute, value)
    shown = wording.direction(curve.direction)
    seen = curve.share[~np.isnan(curve.share)]
    now = float(seen[-1]) if len(seen) else None
    ahead = float(curve.ahead[-1, 0]) if curve.ahead is not None and len(curve.ahead) else None
    caption = f"now {wording.percent(now)}, forecast {wording.percent(ahead)}, {shown.en}"
    alt = f"Share of {en} over all platforms: {caption}."
    panel = ChartPanel(
        f"{place}-{attribute}-{value}", alt, (curve,), series.withheld(POOLED, attribute)
    )
    return ValuePanel(en, zh, shown, now, ahead, draw_panel(panel))


def _draw_platform(
    series: ShareCurves, attribute: str, platform: str, values: Sequence[str]
) -> PlatformPanel | None:
    curves = [c for v in values if (c := series.curve(platform, attribute, v)) is not None]
    if not curves:
        return None
    names = ", ".join(f"{c.name} {wording.direction(c.direction).en}" for c in curves)
    place = f"on{series.platforms.index(platform)}-{attribute}"
    panel = ChartPanel(
        place,
        f"Shares on {platform}: {names}.",
        tuple(curves),
        series.withheld(platform, attribute),
    )
    return PlatformPanel(platform, draw_panel(panel))
