"""Charts of a recogniser's evaluation, as inline SVG in the page's colours."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from fashiontrend.report.charts import COLOURS, STYLE, inline

Rows = Sequence[Sequence[float]]

SIZE = (3.3, 2.0)
#: The least accuracy that a coverage chart's axis reaches down to, unless the curve goes lower.
FLOOR = 0.5


def draw_coverage(key: str, name: str, curve: Rows) -> Markup:
    """Accuracy over coverage: rows of coverage, least confidence, accuracy."""
    x, _, y = np.array(curve, dtype=np.float64).T
    with mpl.rc_context(STYLE):
        figure, axes = _empty()
        axes.fill_between(x, y, color=COLOURS["rising"], alpha=0.12, linewidth=0)
        axes.plot(x, y, color=COLOURS["rising"])
        axes.set_xlim(0, 1)
        axes.set_ylim(min(FLOOR, float(y.min())), 1.0)
        _percent(axes, "part predicted, the most confident first", "right")
        alt = f"{name}: {y[0]:.0%} right at {x[0]:.0%} coverage, {y[-1]:.0%} at full coverage"
        return inline(figure, key, alt)


def draw_reliability(key: str, name: str, before: Rows, after: Rows) -> Markup:
    """Accuracy over confidence, before and after temperature: rows of confidence, accuracy, N."""
    with mpl.rc_context(STYLE):
        figure, axes = _empty()
        axes.plot((0, 1), (0, 1), color=COLOURS["muted"], linewidth=0.8, dashes=(2.0, 2.0))
        for rows, colour, width in ((before, "falling", 1.0), (after, "rising", 1.4)):
            x, y, count = np.array(rows, dtype=np.float64).T
            axes.plot(x, y, color=COLOURS[colour], linewidth=width)
            axes.scatter(x, y, s=60 * count / count.sum(), color=COLOURS[colour], linewidth=0)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        _percent(axes, "confidence", "right")
        return inline(figure, key, f"{name}: accuracy of predictions against their confidence")


def draw_overlap(key: str, name: str, counts: Sequence[int], threshold: float) -> Markup:
    """How many boxes overlap the true one how far: counts in equal bins of IoU."""
    edges = np.linspace(0, 1, len(counts) + 1)
    with mpl.rc_context(STYLE):
        figure, axes = _empty()
        low = edges[:-1] < threshold
        colours = np.where(low, COLOURS["falling"], COLOURS["rising"])
        axes.bar(edges[:-1], counts, np.diff(edges) * 0.86, align="edge", color=list(colours))
        axes.set_xlim(0, 1)
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.2g}"))
        axes.set_xlabel("IoU", color=COLOURS["muted"], labelpad=1)
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        right = int(np.asarray(counts)[~low].sum())
        alt = f"{name}: {right} of {sum(counts)} boxes overlap by {threshold:g} or more"
        return inline(figure, key, alt)


def _empty() -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, dpi=72)
    FigureCanvasSVG(figure)
    return figure, figure.add_axes((0.125, 0.2, 0.855, 0.74))


def _percent(axes: Axes, x: str, y: str) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g}%"))
    axes.set_xlabel(x, color=COLOURS["muted"], labelpad=1)
    axes.text(0.0, 1.02, y, transform=axes.transAxes, color=COLOURS["muted"], va="bottom")
    axes.grid(axis="y")
    axes.set_axisbelow(True)
