"""One small chart as inline SVG: history, interval, forecast fan, truth, withheld days.

Every panel is its own picture, so that a page can lay them out for a phone. Colours are CSS
variables of the page, which makes one drawing serve light, dark and paper.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.dates import AutoDateLocator, DateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Drawn colour -> CSS variable of the page.
COLOURS = {
    "rising": "#0a7001",
    "falling": "#0a7002",
    "stable": "#0a7003",
    "ink": "#0a7004",
    "muted": "#0a7005",
    "rule": "#0a7006",
    "band": "#0a7007",
}
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "fashiontrend",
    "path.simplify": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "font.size": 7.5,
    "axes.linewidth": 0.6,
    "axes.edgecolor": COLOURS["rule"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "xtick.color": COLOURS["muted"],
    "ytick.color": COLOURS["muted"],
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "text.color": COLOURS["ink"],
    "grid.color": COLOURS["rule"],
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "round",
}
#: Least distance of two labels at the right edge, as a part of the panel's height.
LABEL_GAP = 0.11
#: Naive forecasts, drawn thin beside the fan: how each is dashed.
DASHES = {"persistence": (5.0, 1.5), "seasonal_naive": (1.0, 1.0)}
#: Bands of longer histories leave out every second day.
LONG = 100


@dataclass(frozen=True)
class ShareCurve:
    """One value's shares: measured, forecast, true. NaN if there is no measurement."""

    name: str
    direction: str
    days: tuple[date, ...]  # T
    share: Array  # (T,)
    low: Array  # (T,)
    high: Array  # (T,)
    ahead_days: tuple[date, ...] = ()  # H
    ahead: Array | None = None  # (H, 5): share, q025, q10, q90, q975
    true_days: tuple[date, ...] = ()  # D
    true: Array | None = None  # (D,)
    naive: tuple[tuple[str, Array], ...] = ()  # name, (H,) naive forecasts of the days ahead


@dataclass(frozen=True)
class ChartPanel:
    """What one chart shows; `key` is unique in the page, `alt` describes it."""

    key: str
    alt: str
    curves: tuple[ShareCurve, ...]
    withheld: tuple[date, ...] = ()


def draw_panel(panel: ChartPanel) -> Markup:
    """Draw a panel as an inline SVG element; the same panel gives the same text."""
    labelled = len(panel.curves) > 1
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.0, 2.2) if labelled else (3.3, 1.75), dpi=72)
        FigureCanvasSVG(figure)
        axes = figure.add_axes((0.1, 0.14, 0.68, 0.8) if labelled else (0.115, 0.16, 0.865, 0.78))
        _shade(axes, panel.withheld)
        for curve in panel.curves:
            _draw_curve(axes, curve, labelled)
        _finish(axes, panel.curves)
        if labelled:
            _label(axes, panel.curves)
        return inline(figure, panel.key, panel.alt)


def inline(figure: Figure, key: str, alt: str) -> Markup:
    """A figure as an inline SVG element; `key` is unique in the page, `alt` describes it."""
    out = io.StringIO()
    figure.savefig(
        out,
        format="svg",
        metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
    )
    return Markup(tidy(out.getvalue(), key, alt))  # noqa: S704 - drawn here, texts escaped by matplotlib


def _draw_curve(axes: Axes, curve: ShareCurve, faint: bool) -> None:
    colour = COLOURS.get(curve.direction, COLOURS["stable"])
    x = _numbers(curve.days)
    thin = slice(None, None, 2 if len(x) > LONG else 1)
    axes.fill_between(
        x[thin],
        curve.low[thin],
        curve.high[thin],
        color=colour,
        alpha=0.1 if faint else 0.18,
        linewidth=0,
    )
    axes.plot(x, curve.share, color=colour)
    if curve.ahead is not None and len(curve.ahead_days):
        _draw_ahead(axes, curve, colour, faint)
    if curve.true is not None and len(curve.true_days):
        axes.plot(
            _numbers(curve.true_days),
            curve.true,
            color=COLOURS["ink"],
            linewidth=0.9,
            dashes=(2.2, 2.0),
        )


def _draw_ahead(axes: Axes, curve: ShareCurve, colour: str, faint: bool) -> None:
    """The fan starts from the last measured share, so that it does not hang in the air."""
    x, fan = _numbers(curve.ahead_days), np.asarray(curve.ahead)
    seen = np.flatnonzero(~np.isnan(curve.share))
    if len(seen) and curve.days[seen[-1]] < curve.ahead_days[0]:
        x = np.r_[_numbers(curve.days[seen[-1] :][:1]), x]
        fan = np.vstack([np.full((1, fan.shape[1]), curve.share[seen[-1]]), fan])
    if not faint:
        for name, values in curve.naive:
            days = _numbers(curve.ahead_days)
            axes.plot(days, values, color=COLOURS["muted"], linewidth=0.8, dashes=DASHES[name])
        axes.fill_between(x, fan[:, 1], fan[:, 4], color=colour, alpha=0.13, linewidth=0)
    axes.fill_between(
        x, fan[:, 2], fan[:, 3], color=colour, alpha=0.14 if faint else 0.24, linewidth=0
    )
    axes.plot(x, fan[:, 0], color=colour, linewidth=1.4, dashes=(0.1, 1.9), dash_capstyle="round")


def _shade(axes: Axes, days: Sequence[date]) -> None:
    for first, last in runs(days):
        begin, end = _numbers((first, last))
        axes.axvspan(begin - 0.5, end + 0.5, color=COLOURS["band"], linewidth=0)


def runs(days: Sequence[date]) -> list[tuple[date, date]]:
    """First and last day of each run of consecutive days."""
    found: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if found and (day - found[-1][1]).days == 1:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def _finish(axes: Axes, curves: Sequence[ShareCurve]) -> None:
    arrays = [
        a
        for c in curves
        for a in (c.high, c.share, c.true, None if c.ahead is None else c.ahead[:, 4])
    ]
    tops = [
        float(np.nanmax(a)) for a in arrays if a is not None and a.size and not np.isnan(a).all()
    ]
    ticks = MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]).tick_values(
        0.0, max(max(tops, default=1.0), 0.01)
    )
    axes.set_ylim(0.0, ticks[-1])
    axes.set_yticks(ticks)
    days = [d for c in curves for d in (*c.days[:1], *c.days[-1:], *c.ahead_days[-1:])]
    if days:
        begin, end = _numbers((min(days), max(days)))
        axes.set_xlim(begin, end + 0.5)
    today = [c.days[-1] for c in curves if c.days and c.ahead_days]
    if today:
        axes.axvline(_numbers((max(today),))[0], color=COLOURS["muted"], linewidth=0.6)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g}%"))
    axes.xaxis.set_major_locator(AutoDateLocator(minticks=2, maxticks=5))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(DateFormatter("%d %b"))  # type: ignore[no-untyped-call]
    axes.grid(axis="y")
    axes.set_axisbelow(True)


def _numbers(days: Sequence[date]) -> Array:
    """Days as matplotlib counts them: since 1970-01-01."""
    return np.asarray(days, dtype="datetime64[D]").astype(np.float64)


def _label(axes: Axes, curves: Sequence[ShareCurve]) -> None:
    """Names at the right edge, moved apart if curves end close together."""
    top = axes.get_ylim()[1]
    ends = [(_end(c) / top, c) for c in curves if not np.isnan(_end(c))]
    place = -1.0
    for height, curve in sorted(ends, key=lambda e: e[0]):
        place = max(height, place + LABEL_GAP)
        colour = COLOURS.get(curve.direction, COLOURS["stable"])
        axes.annotate(
            curve.name,
            (1.02, place),
            xycoords="axes fraction",
            va="center",
            color=colour,
            annotation_clip=False,
        )


def _end(curve: ShareCurve) -> float:
    if curve.ahead is not None and len(curve.ahead):
        return float(curve.ahead[-1, 0])
    seen = curve.share[~np.isnan(curve.share)]
    return float(seen[-1]) if len(seen) else float("nan")


def tidy(svg: str, key: str, alt: str) -> str:
    """Make matplotlib's file an element of a page, without ids, fonts or colours that clash."""
    body = svg[svg.index("<svg") :].strip()
    for pattern in (
        r"<metadata>.*?</metadata>",
        r"<style.*?</style>",
        r"<!--.*?-->",
        r"<defs>\s*</defs>",
    ):
        body = re.sub(pattern, "", body, flags=re.DOTALL)
    key = re.sub(r"[^A-Za-z0-9_-]", "-", key)
    box = body[body.index("viewBox=") : body.index(">")].split('"')[1]
    head = f'<svg class="chart" role="img" aria-label="{escape(alt)}" viewBox="{box}">'
    body = head + body[body.index(">") + 1 :].replace("xlink:href", "href")
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', body))
    body = re.sub(r' id="([^"]*)"', lambda m: f' id="{key}-{m[1]}"' if m[1] in used else "", body)
    body = re.sub(r'(url\(#|href="#)', rf"\1{key}-", body)
    body = re.sub(r' (d|x|y|transform)="[^"]*"', _shorten, body)
    body = re.sub(r"\s*\n\s*", " ", body)
    body = re.sub(r"font-family:[^;\"]*;?|(?<=px) '[^;\"]*", "", body)
    for name, colour in COLOURS.items():
        body = body.replace(colour, f"var(--{name})")
    return body


def _shorten(attribute: re.Match[str]) -> str:
    """One decimal is enough; points after a move are lines without saying so."""
    text = re.sub(r"(\.\d)\d+", r"\1", attribute[0])
    if attribute[1] != "d" or re.search("[CQ]", text):
        return text
    return re.sub(r"\s*\n?L ", " ", text)
