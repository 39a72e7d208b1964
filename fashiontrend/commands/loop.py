"""The loop: the whole day's run, its steps, its reports and its releases."""

import json
from typing import Annotated

import rich.table
import typer

from fashiontrend import config as configuration
from fashiontrend import console
from fashiontrend.commands.options import ConfigOption, DayOption, day_of
from fashiontrend.commands.pictures import recognise
from fashiontrend.commands.stages import STAGES, command_of
from fashiontrend.config import Config
from fashiontrend.errors import ConfigError
from fashiontrend.loop import Step
from fashiontrend.storage import layout, ledger, releases
from fashiontrend.storage.object_store import open_store

app = typer.Typer()
releases_app = typer.Typer(
    help="List the releases of models, or go back to an earlier one.", no_args_is_help=True
)
app.add_typer(releases_app, name="releases")


@app.command()
def run(config: ConfigOption = None, day: DayOption = None) -> None:
    """Drive the whole loop for a day, from where an earlier attempt stopped.

    A scheduler calls this command once a day, without --day.
    """
    from ray_jobs.run import run as job

    settings = configuration.load(config)
    state = job(settings, day_of(day))
    show_end(settings, state)


for _step, _text in STAGES.items():
    app.command(str(_step))(recognise if _step is Step.RECOGNISE else command_of(_step, _text))


@releases_app.command("list")
def releases_list(config: ConfigOption = None) -> None:
    """List all releases of models and mark the current one."""
    store = open_store(configuration.load(config).store)
    current = releases.current(store)
    for release_id in releases.releases(store):
        mark = "*" if current and current.release_id == release_id else " "
        typer.echo(f"{mark} {release_id}")


@releases_app.command("rollback")
def releases_rollback(
    release_id: Annotated[
        str, typer.Argument(help="The release has this name in `releases list`.")
    ],
    config: ConfigOption = None,
) -> None:
    """Make an earlier release the current one; nothing is deleted."""
    release = releases.rollback(open_store(configuration.load(config).store), release_id)
    typer.echo(f"current release: {release.release_id}")


RunOption = Annotated[
    str | None,
    typer.Option(
        "--run", help="The run has this id. Without this option, the newest run is taken."
    ),
]


def _run_of(config: Config, run_id: str | None) -> ledger.Run:
    store = open_store(config.store)
    known = ledger.runs(store)
    if not known or (run_id and run_id not in known):
        raise ConfigError(
            f"{config.store.url} holds no run{f' {run_id}' if run_id else ''}; there are: "
            f"{', '.join(known) or 'none yet'}."
        )
    return (
        ledger.load(store, run_id)
        if run_id
        else max((ledger.load(store, r) for r in known), key=lambda r: r.started_at)
    )


@app.command()
def report(config: ConfigOption = None, run_id: RunOption = None) -> None:
    """Write the HTML report of a run again and print its address."""
    from fashiontrend.pipeline import report as job

    settings = configuration.load(config)
    typer.echo(job.write(settings, open_store(settings.store), _run_of(settings, run_id)))


@app.command()
def status(
    config: ConfigOption = None,
    run_id: RunOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The whole manifest is printed as JSON, for programs.")
    ] = False,
) -> None:
    """Print the steps, gates and versions of a run, and how earlier forecasts turned out."""
    from fashiontrend.pipeline import labelling_request, scorecard
    from fashiontrend.report import failure_lines, score_lines, text_lines

    settings = configuration.load(config)
    state = _run_of(settings, run_id)
    rates = scorecard.latest(open_store(settings.store), state.day)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    **state.to_json(),
                    "entries": [e.to_json() for e in state.entries],
                    "scorecard": rates.to_json() if rates else None,
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
        gate = {True: "open", False: "closed", None: ""}[entry.passed]
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
    for line in text_lines(state):
        typer.echo(line)
    if request := labelling_request.describe(open_store(settings.store), state.run_id):
        typer.echo(request)
    for line in score_lines(rates):
        typer.echo(line)


def show_end(config: Config, state: ledger.Run) -> None:
    """Print the keywords and the address of the report."""
    from fashiontrend.report.text import summary_lines

    store = open_store(config.store)
    output = state.latest(Step.PUBLISH).output
    for line in summary_lines(store.read_json(f"{output}/keywords.json")):
        console.stderr.print(line, markup=False)
    console.stderr.print(f"[bold]report[/] {store.uri(layout.report(state.run_id))}")
