"""Measure how reading, fitting and forecasting scale with the number of series.

    python -m bench.series_scale

The series are synthetic and weekly, with a season, a random-walk level and noise, in a wide CSV
file. Every size has its own process, so that peak memory is measured for each. `--plot` draws the
results.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

WEEKS, HORIZON, SEED = 261, 52, 1
SIZES = (1_000, 3_000, 5_000, 10_000)
PHASES = ("read", "fit", "forecast")
#: What ten thousand series may take.
MOST_GB = 4.0


def write_series(path: Path, count: int) -> None:
    """Return a wide table of `count` series of shares between 0 and about 0.1, always the same."""
    rng = np.random.default_rng(SEED)
    weeks = np.arange(WEEKS)[:, None]
    phase, swing = rng.uniform(0, 52, count), rng.uniform(0, 0.6, count)
    season = 1 + swing * np.sin(2 * np.pi * (weeks + phase) / 52)
    level = np.exp(np.cumsum(0.02 * rng.normal(size=(WEEKS, count)), axis=0))
    noise = np.exp(0.15 * rng.normal(size=(WEEKS, count)))
    values = rng.lognormal(-4, 0.7, count) * season * level * noise
    frame = pd.DataFrame(values, columns=[f"series-{i}" for i in range(count)])
    frame.insert(0, "date", pd.date_range("2015-01-05", periods=WEEKS, freq="W-MON"))
    frame.to_csv(path, index=False, float_format="%.6g")


def measure(count: int) -> dict[str, Any]:
    """Return the CPU seconds of each phase in this process, and its peak memory in gigabytes."""
    import torch

    from fashiontrend.config import UnivariateConfig
    from fashiontrend.forecaster import adhoc_forecast
    from fashiontrend.forecaster.any_series import ensemble, tables

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "series.csv")
        write_series(path, count)
        times = [time.process_time()]
        table = tables.read_table(pd.read_csv(path), path.name)
        times.append(time.process_time())
        fitted = ensemble.fit_series(table, UnivariateConfig(), horizon=HORIZON, seed=SEED)
        times.append(time.process_time())
        rows = adhoc_forecast.forecast_series(fitted, table, HORIZON)
        times.append(time.process_time())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {
        "series": count,
        "rows": len(rows),
        **dict(zip(PHASES, np.diff(times).tolist(), strict=True)),
        "peak_gb": peak,
    }


def draw(found: list[dict[str, Any]], path: Path) -> None:
    """Draw CPU seconds by phase with a fitted line, and peak memory, over the number of series."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    size = np.array([f["series"] for f in found])
    total = np.array([sum(f[p] for p in PHASES) for f in found])
    with rc_context({"svg.hashsalt": "series-scale", "font.size": 9}):
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        bottom = np.zeros(len(found))
        for phase, colour in zip(PHASES, ("#E69F00", "#0072B2", "#009E73"), strict=True):
            part = np.array([f[phase] for f in found])
            left.bar(size, part, 420, bottom=bottom, color=colour, label=phase)
            bottom += part
        slope, start = np.polyfit(size, total, 1)
        line = np.array([0, size[-1]])
        left.plot(line, start + slope * line, color="#222222", linewidth=1, linestyle=":",
                  label=f"{start:.0f} s + {1000 * slope:.1f} s a thousand")  # fmt: skip
        left.set(
            xlabel=f"series of {WEEKS} weeks", ylabel="CPU seconds", ylim=(0, 1.5 * total.max())
        )
        left.legend(loc="upper left", ncols=2)
        right.plot(size, [f["peak_gb"] for f in found], marker="o", color="#0072B2")
        right.axhline(MOST_GB, color="#222222", linewidth=0.8, linestyle=":")
        right.set(xlabel=f"series of {WEEKS} weeks", ylabel="peak memory, GB", ylim=(0, 4.4))
        figure.savefig(path, format="svg", metadata={"Date": None})


def main() -> None:
    """Measure all sizes in turn, print the results, and draw them with `--plot`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", type=int, help="measure this size in this process")
    parser.add_argument("--plot", type=Path, help="SVG file to write")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one)))
        return
    found = []
    for count in SIZES:
        command = [sys.executable, "-m", "bench.series_scale", "--one", str(count)]
        ended = subprocess.run(command, check=True, capture_output=True, text=True)
        found.append(json.loads(ended.stdout))
        print(json.dumps(found[-1]), flush=True)
    if arguments.plot:
        draw(found, arguments.plot)


if __name__ == "__main__":
    main()
