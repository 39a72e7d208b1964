"""`fashiontrend forecast` and `fashiontrend backtest`: the forecaster alone, on any table of series."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import rich.table
import typer

from fashiontrend import config as configuration
from fashiontrend import console
from fashiontrend.errors import ConfigError

if TYPE_CHECKING:  # importing torch takes seconds, which --help does not need
    from fashiontrend.forecaster.any_series.backtest import BacktestReport
    from fashiontrend.forecaster.any_series.ensemble import SeriesForecaster
    from fashiontrend.forecaster.any_series.tables import SeriesTable

_WIDTH = 132
app = typer.Typer()
SeriesOption = Annotated[
    Path,
    typer.Option(
        "--series",
        help="The series are read from this CSV, Excel or Parquet file. A wide table has a column of dates and a "
        "column for each series; a long table has the columns series, date, value.",
    ),
]
HorizonOption = Annotated[int, typer.Option(min=1, help="This many dates are forecast.")]
SeasonOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="A season has this many dates; 1 means that the series have no season. Without this option, "
        "the length is 7 for daily, 52 for weekly and 12 for monthly series.",
    ),
]
ConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config",
        "-c",
        help="The section forecaster.univariate of this YAML file configures the forecaster.",
    ),
]


@app.command()
def forecast(
    series: SeriesOption,
    horizon: HorizonOption,
    out: Annotated[
        Path,
        typer.Option(
            help="The forecast is written to this CSV or Parquet file: series, date, value, q10, q90."
        ),
    ],
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            help="The networks start from this seed; the same seed and file give the same forecast.",
        ),
    ] = 0,
    season: SeasonOption = None,
    model: Annotated[
        Path | None,
        typer.Option(
            help="The fitted model in this folder (--save) is used. Without this option, a model is fitted "
            "on the file."
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="The fitted model is saved in this folder.")
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            min=0,
            help="This many Ray Train workers fit the model and resume if they are killed (ray.address "
            "names the cluster, store.url keeps checkpoints and model). With 0 workers the model is "
            "fitted in this process.",
        ),
    ] = 0,
    config: ConfigOption = None,
) -> None:
    """Forecast every series of a table.

    The column value is the median; q10 to q90 is the 80 % interval.

    Example: fashiontrend forecast --series shares.csv --horizon 52 --seed 1 --out forecast.csv

    The method: one model is fitted for all series, each divided by its own level. The forecast is a
    seasonal shape times the recent level, corrected half by small two-layer LSTMs and half by
    gradient-boosted trees; 100 series take under a minute of CPU. The interval is scaled so that it would
    have held on the last stretch of the file, forecast by the same model fitted without that stretch.

    The table: dates are daily, on business days, weekly (on the same weekday), monthly, quarterly or yearly
    (on the first or last day), alike for all series. They are written like 2018-12-31, 31.12.2018,
    31/12/2018, 2018-W52, 2018-Q4 or 2018; a date that could mean two days is refused. Separators and decimal
    commas are found. Notes say how the file was understood. Forecasts start after the last date.

    Unusual series: an empty cell or a missing date is a gap and is left out. A constant series stays
    constant, with an interval of width 0. A series with negative values is shifted up and back. A series
    with less than a season of history has no season. A series with one value repeats it. Shares that sum
    to 1 on every date do so in the forecast. Only the newest 2,000 dates are read. If a date is
    repeated, a cell holds text in place of a number, frequencies are mixed or there is a single
    date, the command ends with an error that names the series and the date.
    """
    from fashiontrend.forecaster import adhoc_forecast, artifact
    from fashiontrend.forecaster.any_series import ensemble

    _use_one_thread()

    if model is not None and (season is not None or save is not None or workers):
        raise ConfigError(
            "--season, --save and --workers belong to fitting, and --model names a fitted model. Leave them out."
        )
    table = _read(series)
    for note in table.notes:
        console.stderr.print(f"note: {note}", markup=False)
    if model is not None:
        fitted = artifact.load_any(_files(model))
    else:
        fitted = _fit(table, configuration.load(config), workers, horizon, seed, season)
        for text in ensemble.describe_treatment(table, fitted.season):
            console.stderr.print(f"note: {text}", markup=False)
        if fitted.calibration == ensemble.UNCALIBRATED:
            console.stderr.print(
                f"note: {len(table.dates)} dates are too few to check intervals {horizon} dates ahead on an earlier "
                "part of the file; the intervals are a rule of thumb. Give a longer history, or a shorter --horizon.",
                markup=False,
            )
    rows = adhoc_forecast.forecast_series(fitted, table, horizon)
    _write(rows, out)
    if save is not None:
        save.mkdir(parents=True, exist_ok=True)
        for name, data in artifact.dump(fitted).items():
            (save / name).write_bytes(data)
    console.stderr.print(f"{out}: {len(table.names)} series, {horizon} dates each", markup=False)


@app.command()
def backtest(
    series: SeriesOption,
    horizon: HorizonOption,
    out: Annotated[
        Path,
        typer.Option(help="The files backtest.json and backtest.png are written into this folder."),
    ] = Path("build/backtest"),
    origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Forecasts start at this date; repeat the option for more dates. Without this option, "
            "forecasts start at the newest dates."
        ),
    ] = None,
    origins: Annotated[
        int, typer.Option(min=1, help="Without --origin, forecasts start at this many dates.")
    ] = 2,
    stride: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Consecutive origins lie this many dates apart. Without this option, they lie a horizon apart.",
        ),
    ] = None,
    seeds: Annotated[
        str, typer.Option(help="One model is fitted for each of these seeds, separated by commas.")
    ] = "1",
    season: SeasonOption = None,
    baselines: Annotated[
        str,
        typer.Option(
            help="Only these baselines, separated by commas, are scored; `all` needs the extra `baselines`."
        ),
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Evaluate the forecaster on dates that it did not see, beside every baseline.

    The baselines are persistence, seasonal_naive, ewma, long_run_mean and seasonal_level (the seasonal
    shape times the recent level, which the model corrects). With `pip install
    fashiontrend[baselines]` the baselines also include auto_ets, auto_theta, mstl and tbats. The
    networks (lstm) and the trees are scored alone too.

    Forecasts start at several dates, the rolling origins. The model of an origin is fitted, scaled and
    calibrated on the dates before it. The MASE of a series is its mean error divided by its mean absolute
    change from one season to the next before the origin; the headline is the mean over series. The
    standard error of a difference to a baseline is taken over series, each averaged over origins first,
    because overlapping origins share dates.
    """
    from fashiontrend.forecaster.any_series import backtest as backtests
    from fashiontrend.forecaster.any_series import plots

    _use_one_thread()

    table = _read(series)
    cfg = configuration.load(config).forecaster.univariate
    length = season or cfg.season_length or table.frequency.season
    if origin:
        chosen: tuple[int, ...] = tuple(_index(table.dates, text) for text in origin)
    else:
        chosen = backtests.roll_origins(table, horizon, length, origins, stride or horizon)
    names = {
        "": backtests.DEFAULT_BASELINES,
        "all": (*backtests.DEFAULT_BASELINES, *backtests.OPTIONAL_BASELINES),
    }.get(baselines)
    wanted = names or tuple(b.strip() for b in baselines.split(",") if b.strip())
    numbers = _seeds(seeds)
    total = len(chosen) * (len(numbers) + len(wanted))
    with console.bar("backtest", total) as advance:
        report = backtests.backtest_series(
            table, cfg, origins=chosen, horizon=horizon, seeds=numbers, season=length,
            baselines=wanted, advance=advance,
        )  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    (out / "backtest.json").write_text(
        json.dumps(report.to_dict(), indent=1, allow_nan=False), "utf-8"
    )
    (out / "backtest.png").write_bytes(plots.draw_backtest(report))
    # Numbers are never cut: a narrow terminal wraps lines, a pipe has no width.
    screen = rich.console.Console(width=max(_WIDTH, console.stderr.width))
    for table_ in (_scores(report), _intervals(report)):
        screen.print(table_)
    typer.echo(f"{out}/backtest.json\n{out}/backtest.png")


def _fit(
    table: "SeriesTable",
    config: configuration.Config,
    workers: int,
    horizon: int,
    seed: int,
    season: int | None,
) -> "SeriesForecaster":
    """Fit in this process or on Ray Train, with the same training either way."""
    if workers:
        from ray_jobs import train_series

        return train_series.fit(
            table, config, workers=workers, horizon=horizon, seed=seed, season=season
        )
    from fashiontrend.forecaster.any_series import ensemble

    cfg = config.forecaster.univariate
    with console.bar("fit", ensemble.count_epochs(cfg)) as advance:
        return ensemble.fit_series(
            table, cfg, horizon=horizon, seed=seed, season=season, advance=advance
        )


def _scores(report: "BacktestReport") -> rich.table.Table:
    dates = [o.origin for o in report.origins]
    table = rich.table.Table(
        "forecast", *(f"MASE {d}" for d in dates), "MASE mean", "WAPE mean", "better by (s.e.)",
        title=f"{report.series} series, horizon {report.horizon}, season {report.season}, seeds {list(report.seeds)}",
    )  # fmt: skip
    for name in sorted(report.mase, key=lambda n: report.mase[n]):
        pair = report.paired.get(name)
        wape = sum(o.wape[name] for o in report.origins) / len(report.origins)
        table.add_row(
            name, *(f"{o.mase[name]:.4f}" for o in report.origins), f"{report.mase[name]:.4f}", f"{wape:.4f}",
            f"{pair.difference:+.4f} ({pair.standard_error:.4f})" if pair else "",
            style="bold" if pair is None else "",
        )  # fmt: skip
    return table


def _intervals(report: "BacktestReport") -> rich.table.Table:
    table = rich.table.Table(
        "origin", "coverage 80 %", "coverage 95 %", "width 80 %", "width 95 %", "MSIS 80 %", "pinball q10 q50 q90",
        "calibrated on", title="80 % and 95 % intervals; widths in units of MASE's scale",
    )  # fmt: skip
    for o in report.origins:
        losses = " ".join(f"{v:.3f}" for v in o.pinball.values())
        numbers = (o.coverage80, o.coverage95, o.width80, o.width95, o.msis80)
        table.add_row(o.origin, *(f"{n:.3f}" for n in numbers), losses, o.calibration)
    return table


def _read(path: Path) -> "SeriesTable":
    from fashiontrend.forecaster.any_series import files, tables

    cells = files.read_file(path)
    return tables.read_table(cells.frame, path.name, cells.notes)


def _use_one_thread() -> None:
    """Sharing the work of networks this small among threads costs more than the work."""
    import torch

    torch.set_num_threads(1)


def _write(rows: pd.DataFrame, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".parquet":
        rows.to_parquet(out, index=False)
    else:
        rows.to_csv(out, index=False)


def _files(folder: Path) -> dict[str, bytes]:
    from fashiontrend.forecaster.artifact import CARD, WEIGHTS

    try:
        return {name: (folder / name).read_bytes() for name in (WEIGHTS, CARD)}
    except OSError as error:
        raise ConfigError(
            f"--model {folder}: {error.strerror} {error.filename}; expected {WEIGHTS} and {CARD}, as --save writes them."
        ) from error


def _index(dates: pd.DatetimeIndex, text: str) -> int:
    try:
        place = int(dates.get_indexer(pd.DatetimeIndex([text]))[0])
    except ValueError as error:
        raise ConfigError(f"--origin {text}: not a date. Write it like 2018-01-08.") from error
    if place < 1:
        raise ConfigError(
            f"--origin {text}: not a date of the table after its first, which runs from {dates[0]:%Y-%m-%d} to "
            f"{dates[-1]:%Y-%m-%d}."
        )
    return place


def _seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ConfigError(f"--seeds {text}: expected whole numbers, such as 1,2,3.") from error
