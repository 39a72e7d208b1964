"""`fashiontrend forecast` and `fashiontrend backtest`: the forecaster by itself, on any table of series."""

import json
from pathlib import Path
from typing import Annotated

import pandas as pd
import rich.table
import typer

from fashiontrend import config as configuration
from fashiontrend import console
from fashiontrend.errors import ConfigError, DataError

_WIDTH = 132
app = typer.Typer()
PANEL = "The forecaster by itself"
SeriesOption = Annotated[
    Path,
    typer.Option(
        "--series",
        help="CSV or Parquet. Wide: a column of dates and one column per series. Long: columns series, date, value.",
    ),
]
HorizonOption = Annotated[int, typer.Option(min=1, help="Dates to forecast.")]
SeasonOption = Annotated[
    int | None,
    typer.Option(
        min=1, help="Dates of a season; 7 if daily, 52 if weekly, 12 if monthly. 1: none."
    ),
]
ConfigOption = Annotated[
    str | None,
    typer.Option("--config", "-c", help="YAML file; its branch forecaster.univariate is read."),
]


@app.command(rich_help_panel=PANEL)
def forecast(
    series: SeriesOption,
    horizon: HorizonOption,
    out: Annotated[
        Path, typer.Option(help="CSV or Parquet to write: series, date, value, q10, q90.")
    ],
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same file, same forecast.")] = 0,
    season: SeasonOption = None,
    model: Annotated[
        Path | None,
        typer.Option(help="Folder of a fitted model (--save); without it, fit on the file."),
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Folder to keep the fitted model in.")] = None,
    workers: Annotated[
        int,
        typer.Option(
            min=0,
            help="Fit with so many Ray Train workers, which go on where they were killed (ray.address says where, "
            "store.url keeps checkpoints and model). 0: in this process.",
        ),
    ] = 0,
    config: ConfigOption = None,
) -> None:
    """Forecast every series of a table with the two-layer LSTM; value is the median, q10 to q90 the 80 % interval.

    Example: fashiontrend forecast --series shares.csv --horizon 52 --seed 1 --out forecast.csv

    One network for all series, each divided by its own level: the forecast is a seasonal shape
    times the recent level, corrected by small LSTMs and by gradient-boosted trees fitted on this file,
    half and half (under a minute of CPU for 100 series). The interval is widened or narrowed until it held on the
    last stretch of the file, forecast by the same networks fitted without it.

    What the table must be: dates as 2018-12-31, daily, weekly (same weekday) or monthly (first or
    last day), alike for all series. Forecasts start after the file's last date.

    What happens to odd series: an empty cell or a missing date is a gap and is left out. A
    constant series (all zeros too) stays as it is, interval of width 0. Series with negative values
    are moved up and back. Less than a season of history: no season, recent level. A series with one
    value repeats it. Shares that sum to 1 on every date do so in the forecast. Of more than 2,000 dates
    the newest count. A date twice, text for a number, mixed frequencies, or one date alone: an error that
    names series and date.
    """
    from fashiontrend.forecaster import adhoc_forecast, artifact
    from fashiontrend.forecaster.any_series import ensemble

    _use_one_thread()

    if model is not None and (season is not None or save is not None or workers):
        raise ConfigError(
            "--season, --save and --workers belong to fitting; with --model none is read. Leave them out."
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
    rows = adhoc_forecast.forecast_series(fitted, table, horizon)
    _write(rows, out)
    if save is not None:
        save.mkdir(parents=True, exist_ok=True)
        for name, data in artifact.dump(fitted).items():
            (save / name).write_bytes(data)
    console.stderr.print(f"{out}: {len(table.names)} series, {horizon} dates each", markup=False)


@app.command(rich_help_panel=PANEL)
def backtest(
    series: SeriesOption,
    horizon: HorizonOption,
    out: Annotated[Path, typer.Option(help="Folder for backtest.json and backtest.png.")] = Path(
        "build/backtest"
    ),
    origin: Annotated[
        list[str] | None,
        typer.Option(help="First forecast date, repeatable; the newest ones if not given."),
    ] = None,
    origins: Annotated[int, typer.Option(min=1, help="How many, where no --origin is given.")] = 2,
    stride: Annotated[
        int | None, typer.Option(min=1, help="Dates between two origins; the horizon if not given.")
    ] = None,
    seeds: Annotated[str, typer.Option(help="Comma-separated; one fit each.")] = "1",
    season: SeasonOption = None,
    baselines: Annotated[
        str, typer.Option(help="Comma-separated, or `all` with the optional extra; see below.")
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Judge the forecaster on dates it never saw, beside every baseline, from rolling origins.

    Baselines: persistence, seasonal_naive, ewma, long_run_mean, seasonal_level (the seasonal shape
    times the recent level, which the LSTM corrects); with `pip install fashiontrend[baselines]` also
    auto_ets, auto_theta, mstl and tbats. The networks (lstm) and the trees stand there without one another too.

    Each origin is fitted, scaled and calibrated on what lay before it. MASE of a series is its mean
    error over its mean absolute change from one season to the next before the origin; the headline is
    the plain mean over series. The paired difference to a baseline has its standard error over
    series, each averaged over origins first: overlapping origins share dates and are not independent.
    """
    from fashiontrend.forecaster.any_series import backtest as judge
    from fashiontrend.forecaster.any_series import plots

    _use_one_thread()

    table = _read(series)
    cfg = configuration.load(config).forecaster.univariate
    length = season or cfg.season_length or table.frequency.season
    if origin:
        chosen: tuple[int, ...] = tuple(_index(table.dates, text) for text in origin)
    else:
        chosen = judge.roll_origins(table, horizon, length, origins, stride or horizon)
    names = {
        "": judge.DEFAULT_BASELINES,
        "all": (*judge.DEFAULT_BASELINES, *judge.OPTIONAL_BASELINES),
    }.get(baselines)
    wanted = names or tuple(b.strip() for b in baselines.split(",") if b.strip())
    numbers = _seeds(seeds)
    total = len(chosen) * (len(numbers) + len(wanted))
    with console.bar("backtest", total) as advance:
        report = judge.backtest_series(
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
    table: "tables.SeriesTable",  # type: ignore[name-defined]  # noqa: F821
    config: configuration.Config,
    workers: int,
    horizon: int,
    seed: int,
    season: int | None,
) -> "ensemble.SeriesForecaster":  # type: ignore[name-defined]  # noqa: F821
    """In this process, or on Ray Train; the same training either way."""
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


def _scores(report: "judge.BacktestReport") -> rich.table.Table:  # type: ignore[name-defined]  # noqa: F821
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


def _intervals(report: "judge.BacktestReport") -> rich.table.Table:  # type: ignore[name-defined]  # noqa: F821
    table = rich.table.Table(
        "origin", "coverage 80 %", "coverage 95 %", "width 80 %", "width 95 %", "MSIS 80 %", "pinball q10 q50 q90",
        "calibrated on", title="80 % and 95 % intervals; widths in units of MASE's scale",
    )  # fmt: skip
    for o in report.origins:
        losses = " ".join(f"{v:.3f}" for v in o.pinball.values())
        numbers = (o.coverage80, o.coverage95, o.width80, o.width95, o.msis80)
        table.add_row(o.origin, *(f"{n:.3f}" for n in numbers), losses, o.calibration)
    return table


def _read(path: Path) -> "tables.SeriesTable":  # type: ignore[name-defined]  # noqa: F821
    from fashiontrend.forecaster.any_series import tables

    if path.suffix.lower() not in (".csv", ".parquet"):
        raise ConfigError(
            f"--series {path}: expected a .csv or .parquet file. Convert it, or correct the name."
        )
    try:
        frame = _read_csv(path) if path.suffix.lower() == ".csv" else pd.read_parquet(path)
    except OSError as error:
        raise ConfigError(
            f"--series {path}: {error.strerror or error}. Correct the path."
        ) from error
    except (ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{path}: cannot be read as a table: {error}. Write it again.") from error
    return tables.read_table(frame, path.name)


def _read_csv(path: Path) -> pd.DataFrame:
    """With the names that the file gives its columns: pandas would number those that stand twice."""
    frame = pd.read_csv(path)
    names = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False).iloc[0]
    frame.columns = pd.Index(names)
    return frame


def _use_one_thread() -> None:
    """Networks this small spend more on sharing their work among threads than on the work."""
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
