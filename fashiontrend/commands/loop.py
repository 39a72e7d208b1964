"""The loop as a whole and stage by stage: what a scheduler and a newcomer call."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import rich.table
import typer
import yaml

from fashiontrend import config as configuration
from fashiontrend import console
from fashiontrend.commands.options import ConfigOption, DayOption, day_of
from fashiontrend.commands.pictures import recognise
from fashiontrend.commands.stages import STAGES, command_of
from fashiontrend.config import Config
from fashiontrend.demo.world import World
from fashiontrend.errors import ConfigError
from fashiontrend.loop import Step
from fashiontrend.storage import layout, ledger, releases
from fashiontrend.storage.object_store import open_store

app = typer.Typer()
releases_app = typer.Typer(help="List releases, or go back to one.", no_args_is_help=True)
app.add_typer(releases_app, name="releases")


@app.command()
def run(config: ConfigOption = None, day: DayOption = None) -> None:
    """Drive the whole loop for a day, from where an earlier attempt stopped.

    A scheduler calls it once a day, without --day.
    """
    from ray_jobs.run import run as job

    settings = configuration.load(config)
    state = job(settings, day_of(day))
    _show_end(settings, state)


for _step, _text in STAGES.items():
    app.command(str(_step), rich_help_panel="Stages, in the order of the data")(
        recognise if _step is Step.RECOGNISE else command_of(_step, _text)
    )


@app.command()
def demo(
    seed: Annotated[int, typer.Option(help="Of the drawn world and of both trainings.")] = 0,
    folder: Annotated[Path, typer.Option(help="Where everything is written.")] = Path("build/demo"),
    days: Annotated[int, typer.Option(help="Length of the world's history.")] = 90,
    values: Annotated[
        str | None,
        typer.Option(
            metavar="HOST",
            help="Run nothing: print the chart's values for its shops on HOST of a cluster.",
        ),
    ] = None,
) -> None:
    """Draw a small world of three shops on loopback and take it from pages to keywords."""
    from fashiontrend.commands.demo_run import demo as job
    from fashiontrend.commands.demo_run import values as chart_values

    if values:
        tree = chart_values(World(seed, datetime.now(tz=UTC).date(), days), values)
        typer.echo(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), nl=False)
        return
    settings, state = job(folder, seed, days)
    _show_end(settings, state)


@releases_app.command("list")
def releases_list(config: ConfigOption = None) -> None:
    """List all releases; the current one is marked."""
    store = open_store(configuration.load(config).store)
    current = releases.current(store)
    for release_id in releases.releases(store):
        mark = "*" if current and current.release_id == release_id else " "
        typer.echo(f"{mark} {release_id}")


@releases_app.command("rollback")
def releases_rollback(
    release_id: Annotated[str, typer.Argument(help="As `releases list` prints it.")],
    config: ConfigOption = None,
) -> None:
    """Point at an earlier release; nothing is deleted."""
    release = releases.rollback(open_store(configuration.load(config).store), release_id)
    typer.echo(f"current release: {release.release_id}")


RunOption = Annotated[str | None, typer.Option("--run", help="Run id; the newest if not given.")]


def _run_of(config: Config, run_id: str | None) -> ledger.Run:
    store = open_store(config.store)
    known = ledger.runs(store)
    if not known or (run_id and run_id not in known):
        raise ConfigError(
            f"no run {run_id or ''} in {config.store.url}; there are: {', '.join(known) or 'none yet'}."
        )
    return (
        ledger.load(store, run_id)
        if run_id
        else max((ledger.load(store, r) for r in known), key=lambda r: r.started_at)
    )


@app.command()
def report(config: ConfigOption = None, run_id: RunOption = None) -> None:
    """Write a run's HTML report again and print where it lies."""
    from fashiontrend.pipeline import report as job

    settings = configuration.load(config)
    typer.echo(job.write(settings, open_store(settings.store), _run_of(settings, run_id)))


@app.command()
def status(
    config: ConfigOption = None,
    run_id: RunOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The whole manifest for programs.")
    ] = False,
) -> None:
    """Print a run: its steps, gates and versions, and how earlier forecasts turned out."""
    from fashiontrend.pipeline import scorecard
    from fashiontrend.report import failure_lines, score_lines

    settings = configuration.load(config)
    state = _run_of(settings, run_id)
    rates = scorecard.latest(open_store(settings.store), state.day)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    **state.__dict__,
                    "entries": [e.__dict__ for e in state.entries],
                    "scorecard": rates,
                },
                default=str,
                indent=1,
            )
        )
        return
    table = rich.table.Table(
        "step", "round", "seconds", "gate", "output", title=f"run {state.run_id}"
    )
    for entry in state.entries:
        verdict = entry.verdict or {}
        gate = {True: "open", False: "closed", None: ""}[verdict.get("passed")]
        table.add_row(
            str(entry.step),
            f"{entry.label_round}.{entry.train_round}",
            f"{entry.seconds:.1f}",
            gate,
            entry.output,
        )
    rich.console.Console().print(table)
    crawls = [e for e in state.entries if e.step is Step.CRAWL]
    for line in failure_lines(crawls[-1]) if crawls else ():
        typer.echo(f"crawl failed: {line}")
    typer.echo(
        f"code {state.code_version}, taxonomy {state.taxonomy_version}, release used: {state.release or 'trained anew'}"
    )
    for line in score_lines(rates):
        typer.echo(line)


def _show_end(config: Config, state: ledger.Run) -> None:
    """The keywords and where the report lies."""
    from fashiontrend.report.text import summary_lines

    store = open_store(config.store)
    output = state.latest(Step.PUBLISH).output
    for line in summary_lines(store.read_json(f"{output}/keywords.json")):
        console.console.print(line, markup=False)
    console.console.print(f"[bold]report[/] {store.uri(layout.report(state.run_id))}")
