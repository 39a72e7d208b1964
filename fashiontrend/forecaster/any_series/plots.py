"""Draw a backtest: the scores side by side, and one series with its forecast."""

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fashiontrend.forecaster.any_series.backtest import MODEL_NAME, BacktestCurves, BacktestReport

#: Colours that colour-blind people can distinguish (Okabe & Ito).
_OWN, _OTHER, _TRUTH = "#0072B2", "#E69F00", "#222222"


def draw_backtest(report: BacktestReport) -> bytes:
    """Return a PNG with MASE by method, coverage by origin, and one series of the last origin."""
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    left, centre, right = figure.subplots(1, 3, width_ratios=(1.1, 0.8, 1.6))
    order = sorted(report.mase, key=lambda n: -report.mase[n])
    colours = [_OWN if n == MODEL_NAME else "#BBBBBB" for n in order]
    left.barh(order, [report.mase[n] for n in order], color=colours)
    for row, name in enumerate(order):
        left.text(report.mase[name], row, f" {report.mase[name]:.3f}", va="center", fontsize=8)
    left.set_title(f"MASE, {len(report.origins)} origins, horizon {report.horizon}", fontsize=10)
    left.margins(x=0.15)
    places = np.arange(len(report.origins))
    centre.bar(
        places - 0.18, [o.coverage80 for o in report.origins], 0.36, color=_OWN, label="80 %"
    )
    centre.bar(
        places + 0.18, [o.coverage95 for o in report.origins], 0.36, color=_OTHER, label="95 %"
    )
    for level in (0.80, 0.95):
        centre.axhline(level, color=_TRUTH, linewidth=0.8, linestyle=":")
    centre.set_xticks(places, [o.origin for o in report.origins], rotation=30, fontsize=8)
    centre.set_ylim(0, 1)
    centre.set_title("Coverage of the intervals", fontsize=10)
    centre.legend(fontsize=8)
    if report.curves is not None:
        _draw_series(right, report.curves)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    return picture.getvalue()


def _draw_series(axes: Axes, curves: BacktestCurves) -> None:
    """Draw the series with the median mean, a choice that does not depend on the forecast."""
    means = np.nanmean(curves.values, axis=1)
    at = int(np.argsort(means)[len(means) // 2])
    dates, origin = curves.dates, curves.origin
    axes.plot(dates, curves.values[at], color=_TRUTH, linewidth=1, label="measured")
    ahead = dates[origin:]
    axes.fill_between(ahead, curves.q10[at], curves.q90[at], color=_OWN, alpha=0.2, label="80 %")
    axes.plot(ahead, curves.forecasts[MODEL_NAME][at], color=_OWN, label=MODEL_NAME)
    if "seasonal_naive" in curves.forecasts:
        naive = curves.forecasts["seasonal_naive"][at]
        axes.plot(ahead, naive, color=_OTHER, linewidth=0.8, label="seasonal naive")
    axes.set_title(f"{curves.names[at]} (the series of middle size)", fontsize=10)
    axes.tick_params(axis="x", rotation=30, labelsize=8)
    axes.legend(fontsize=8)
