"""The `fashiontrend` command: one sub-command a stage, `run` for the whole loop, and what surrounds them.

Exit codes: 0 done, 10 accuracy gate closed, 11 perplexity gate closed, 20 data health,
30 configuration, 40 store or cluster unreachable, 1 anything else.
"""

import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import rich.table
import typer
import yaml

from fashiontrend import __version__, cli_serve, ledger, paths, registry, taxonomy, telemetry
from fashiontrend import config as configuration
from fashiontrend.config import Config
from fashiontrend.errors import ConfigError
from fashiontrend.loop import Step
from fashiontrend.store import open_store

if TYPE_CHECKING:
    from fashiontrend.labelled import Sets

app = typer.Typer(
    help=__doc__,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
config_app = typer.Typer(help="Show or describe the configuration.", no_args_is_help=True)
taxonomy_app = typer.Typer(help="Check or show a taxonomy.", no_args_is_help=True)
releases_app = typer.Typer(help="List releases, or go back to one.", no_args_is_help=True)
app.command("serve")(cli_serve.serve)
app.command("token")(cli_serve.token)
app.add_typer(cli_serve.recognitions_app, name="recognitions")
app.add_typer(config_app, name="config")
app.add_typer(taxonomy_app, name="taxonomy")
app.add_typer(releases_app, name="releases")

ConfigOption = Annotated[
    str | None, typer.Option("--config", "-c", help="YAML file; $FASHIONTREND_CONFIG if not given.")
]
DayOption = Annotated[
    datetime | None,
    typer.Option("--day", formats=["%Y-%m-%d"], help="UTC day; today if not given."),
]
STAGES = {
    Step.CRAWL: "Fetch the day's listings and pictures of every platform.",
    Step.INGEST: "Check raw pictures, pack them into shards, judge the day's health.",
    Step.LABEL: "Read titles and annotations, resample, write a new dataset version.",
    Step.TRAIN_ATTRNET: "Train the recogniser and judge its accuracy (exit 10 if closed).",
    Step.RECOGNISE: "Recognise every picture that this recogniser has not seen.",
    Step.SHARES: "Build the share series with their intervals.",
    Step.TRAIN_FORECASTER: "Train the LSTM and judge its perplexity (exit 11 if closed).",
    Step.PUBLISH: "Forecast, rank the keywords, move the release pointer.",
}


def _day(day: datetime | None) -> date:
    return (day or datetime.now(tz=UTC)).date()


@app.command()
def run(config: ConfigOption = None, day: DayOption = None) -> None:
    """Drive the whole loop for a day, from where an earlier attempt stopped. What a scheduler calls."""
    from ray_jobs.run import run as job

    settings = configuration.load(config)
    state = job(settings, _day(day))
    _show_end(settings, state)


def _stage(step: Step, text: str) -> Callable[..., None]:
    def command(config: ConfigOption = None, day: DayOption = None) -> None:
        from ray_jobs.run import only

        only(step)(configuration.load(config), _day(day))

    command.__doc__ = f"{text} One step of the day's run; `run` takes them all."
    return command


def recognise(
    config: ConfigOption = None,
    day: DayOption = None,
    images: Annotated[
        list[Path] | None, typer.Option(help="Folder, pictures or Parquet files to answer.")
    ] = None,
    more: Annotated[
        list[Path] | None, typer.Argument(help="More of --images.", show_default=False)
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Folder of a trained recogniser.")] = None,
    out: Annotated[Path, typer.Option(help="CSV: id,attribute,value,confidence.")] = Path(
        "predictions.csv"
    ),
    boxes: Annotated[
        Path | None, typer.Option(help="CSV: id,x0,y0,x1,y1,score in pixels of the picture.")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Pictures in memory at a time.", min=1)] = 64,
    threads: Annotated[int, typer.Option(help="CPU threads of the network.", min=1)] = 1,
    server: Annotated[
        str | None, typer.Option(help="Ask a server, http(s)://host:port, instead of --model.")
    ] = None,
) -> None:
    """Recognise pictures: the day's new ones in the store, or those that --images names.

    Without --images this is one step of the day's run: every picture that this recogniser has
    not seen; `run` takes all steps. With --images and --model it answers files, without a store
    and without Ray; pictures that cannot be read are listed in errors.csv beside --out. With
    --server in place of --model a running `fashiontrend serve` answers, and writes the same files;
    $FASHIONTREND_TOKEN is its token.
    """
    if server and not images and more:
        images, more = more, None
    if not images:
        if model or more or server:
            raise ConfigError("--model needs --images: name a folder, pictures or Parquet files.")
        _stage(Step.RECOGNISE, "")(config, day)
        return
    if (model is None) == (server is None):
        raise ConfigError(
            "--images needs --model, the folder of a trained recogniser, or --server, and not both."
        )
    from fashiontrend import picture_files

    files = picture_files.find([*images, *(more or [])])
    describe = cli_serve.describe_with(model, server, threads)
    tally = picture_files.answer(files, describe, out, boxes, batch_size)
    unread = (
        f", {tally.failed} not readable ({out.with_name('errors.csv')})" if tally.failed else ""
    )
    typer.echo(f"{out}: {tally.answered} pictures{unread}")


for _step, _text in STAGES.items():
    app.command(str(_step), rich_help_panel="Stages, in the order of the data")(
        recognise if _step is Step.RECOGNISE else _stage(_step, _text)
    )


SetArgument = Annotated[
    list[Path], typer.Argument(help="Parquet files: id, image, split (train, val), attributes.")
]
ScenesOption = Annotated[
    Path | None, typer.Option(help="Folder of scenes of those pictures, with boxes in a CSV.")
]
AttributesOption = Annotated[
    str, typer.Option(help="Comma-separated columns; guessed if not given.")
]
HoldOutOption = Annotated[
    float, typer.Option(help="Part of the scenes' sources kept apart.", min=0, max=1)
]
BaselinesOption = Annotated[
    bool, typer.Option(help="Score the majority value and the colour histogram beside it.")
]


@app.command("fit-attrnet")
def fit_attrnet(
    data: SetArgument,
    out: Annotated[Path, typer.Option(help="Folder for the model and report.json.")],
    scenes: ScenesOption = None,
    seed: Annotated[int, typer.Option(help="Of weights, order and augmentation.")] = 0,
    hold_out: HoldOutOption = 0.2,
    hold_out_seed: Annotated[int, typer.Option(help="Of the choice of scenes.")] = 0,
    attributes: AttributesOption = "",
    epochs: Annotated[int | None, typer.Option(help="Instead of the recipe's.", min=1)] = None,
    baselines: BaselinesOption = True,
    config: Annotated[
        str | None, typer.Option("--config", "-c", help="YAML with a branch `attrnet`.")
    ] = None,
) -> None:
    """Fit a recogniser on a labelled set and judge it, in one process without a store.

    Without --config it follows the recipe that comes with the package. A training that was
    interrupted is gone on with by the same command.
    """
    from fashiontrend import labelled

    cfg = configuration.load(config).attrnet if config else labelled.recipe()
    cfg = cfg if epochs is None else cfg.model_copy(update={"epochs": epochs})
    sets = labelled.read_sets(
        data, scenes, attributes=_columns(attributes), hold_out=hold_out, seed=hold_out_seed
    )
    labelled.fit(sets, cfg, out, seed)
    _judge(sets, out, baselines)


@app.command("judge-attrnet")
def judge_attrnet(
    data: SetArgument,
    model: Annotated[Path, typer.Option(help="Folder of a model; its card gets the report.")],
    scenes: ScenesOption = None,
    hold_out: HoldOutOption = 0.2,
    hold_out_seed: Annotated[int, typer.Option(help="As the model was fitted with.")] = 0,
    attributes: AttributesOption = "",
    baselines: BaselinesOption = True,
) -> None:
    """Judge a recogniser on the pictures and scenes that were kept apart when it was fitted."""
    from fashiontrend import labelled

    sets = labelled.read_sets(
        data, scenes, attributes=_columns(attributes), hold_out=hold_out, seed=hold_out_seed
    )
    _judge(sets, model, baselines)


def _judge(sets: "Sets", folder: Path, baselines: bool) -> None:
    from fashiontrend import judging

    report = judging.judge(sets, folder, baselines=baselines)
    judging.show(report)
    (folder / "report.json").write_text(json.dumps(report, indent=1), "utf-8")


def _columns(text: str) -> tuple[str, ...]:
    return tuple(a for a in text.split(",") if a)


@app.command()
def demo(
    seed: Annotated[int, typer.Option(help="Of the drawn world and of both trainings.")] = 0,
    folder: Annotated[Path, typer.Option(help="Where everything is written.")] = Path("build/demo"),
    days: Annotated[int, typer.Option(help="Length of the world's history.")] = 90,
) -> None:
    """Draw a small world of three shops on loopback and take it from pages to keywords."""
    from ray_jobs.demo import demo as job

    settings, state = job(folder, seed, days)
    _show_end(settings, state)


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = Path("fashiontrend.yaml"),
) -> None:
    """Write a commented configuration for your own shop; an existing file is left alone."""
    if path.exists():
        raise ConfigError(f"{path} exists. Name another file, or edit that one.")
    path.write_text(
        resources.files("fashiontrend").joinpath("starter.yaml").read_text("utf-8"), "utf-8"
    )
    typer.echo(f"wrote {path}; edit crawl.platforms, then: fashiontrend doctor --config {path}")


@app.command()
def doctor(
    config: ConfigOption = None,
    only: Annotated[
        str, typer.Option(help="Comma-separated: taxonomy, platforms, store, ray.")
    ] = "",
) -> None:
    """Check Python, memory, store permissions, Ray and ports: what is wrong and what to do."""
    from fashiontrend import doctor as checks

    table = rich.table.Table("check", "seen", "what to do", title="fashiontrend doctor")
    found = checks.examine(config, tuple(n for n in only.split(",") if n))
    for finding in found:
        mark = "[green]✔[/]" if finding.good else "[red]✘[/]"
        table.add_row(f"{mark} {finding.name}", finding.seen, finding.advice)
    telemetry.console.print(table)
    worst = next((f.exit_code for f in found if not f.good), 0)
    raise typer.Exit(worst)


@config_app.command("show")
def config_show(config: ConfigOption = None) -> None:
    """Print the resolved configuration as YAML; it never holds a secret."""
    settings = configuration.load(config)
    typer.echo(
        yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False, allow_unicode=True),
        nl=False,
    )


@config_app.command("schema")
def config_schema() -> None:
    """Print the JSON Schema of the configuration, for editors and charts."""
    typer.echo(json.dumps(Config.model_json_schema(), indent=2, ensure_ascii=False))


@taxonomy_app.command("validate")
def taxonomy_validate(path: Annotated[str, typer.Argument(help="YAML file.")]) -> None:
    """Check a taxonomy; mistakes are told with line and key."""
    read = taxonomy.load(path)
    typer.echo(
        f"{path}: version {read.version}, {len(read.attributes)} attributes, {sum(read.num_values.values())} values: good"
    )


@taxonomy_app.command("show")
def taxonomy_show(
    path: Annotated[
        str | None, typer.Argument(help="YAML file; the shipped one if not given.")
    ] = None,
) -> None:
    """Print attributes and values with their English and Chinese names."""
    read = taxonomy.load(path)
    table = rich.table.Table("attribute", "values", title=f"taxonomy {read.version}")
    for attribute in read.attributes:
        values = " · ".join(f"{v.id} {v.zh}" for v in attribute.values)
        table.add_row(
            f"{attribute.id} {attribute.zh}{' (optional)' if attribute.optional else ''}", values
        )
    rich.console.Console().print(table)


@app.command("import")
def import_set(
    source: Annotated[
        list[Path], typer.Argument(help="Parquet files, or a folder with a CSV and pictures.")
    ],
    name: Annotated[
        str, typer.Option(help="Under which the set is kept; labels.imported_sets names it.")
    ],
    attributes: Annotated[
        str, typer.Option(help="Comma-separated columns; guessed if not given.")
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Read a labelled set made by others and derive a taxonomy from its columns."""
    from ray_jobs.importing import import_labelled

    output, facts = import_labelled(configuration.load(config), source, name, _columns(attributes))
    typer.echo(f"{output}: {json.dumps(facts, ensure_ascii=False)}")


@app.command()
def replay(
    source: Annotated[list[Path], typer.Argument(help="Parquet files of labelled pictures.")],
    truth: Annotated[Path, typer.Option(help="Folder for what was drawn; set report.truth to it.")],
    day: DayOption = None,
    days: Annotated[int, typer.Option(help="Length of the history, ending on --day.")] = 120,
    config: ConfigOption = None,
) -> None:
    """Turn a labelled set into days of listings whose values follow known curves."""
    from ray_jobs.importing import replay_set

    facts = replay_set(configuration.load(config), source, truth, _day(day), days)
    typer.echo(json.dumps(facts, ensure_ascii=False))


@releases_app.command("list")
def releases_list(config: ConfigOption = None) -> None:
    """List all releases; the current one is marked."""
    store = open_store(configuration.load(config).store)
    current = registry.current(store)
    for release_id in registry.releases(store):
        mark = "*" if current and current.release_id == release_id else " "
        typer.echo(f"{mark} {release_id}")


@releases_app.command("rollback")
def releases_rollback(
    release_id: Annotated[str, typer.Argument(help="As `releases list` prints it.")],
    config: ConfigOption = None,
) -> None:
    """Point at an earlier release; nothing is deleted."""
    release = registry.rollback(open_store(configuration.load(config).store), release_id)
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
    from ray_jobs import report as job

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
    """Print a run: its steps, gates, versions and what is withheld."""
    state = _run_of(configuration.load(config), run_id)
    if as_json:
        typer.echo(
            json.dumps(
                {**state.__dict__, "entries": [e.__dict__ for e in state.entries]},
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
    typer.echo(
        f"code {state.code_version}, taxonomy {state.taxonomy_version}, release used: {state.release or 'trained anew'}"
    )


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _show_end(config: Config, state: ledger.Run) -> None:
    """The keywords and where the report lies."""
    from fashiontrend.report.text import summary_lines

    store = open_store(config.store)
    output = state.latest(Step.PUBLISH).output
    for line in summary_lines(store.read_json(f"{output}/keywords.json")):
        telemetry.console.print(line, markup=False)
    telemetry.console.print(f"[bold]report[/] {store.uri(paths.report(state.run_id))}")


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command; errors of ours are told in their own words and end with their exit code."""
    sys.exit(telemetry.guard(lambda: app(args=arguments)))


if __name__ == "__main__":
    main()
