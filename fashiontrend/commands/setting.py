"""What comes before a run: configuration, taxonomy, sets to import, the check of a machine."""

import json
from importlib import resources
from pathlib import Path
from typing import Annotated

import rich.table
import typer
import yaml

from fashiontrend import __version__, console, taxonomy
from fashiontrend import config as configuration
from fashiontrend.commands.options import ConfigOption, DayOption, day_of, names_in
from fashiontrend.config import Config
from fashiontrend.errors import ConfigError

app = typer.Typer()
config_app = typer.Typer(help="Show or describe the configuration.", no_args_is_help=True)
taxonomy_app = typer.Typer(help="Check or show a taxonomy.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(taxonomy_app, name="taxonomy")


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
        str, typer.Option(help="Comma-separated: taxonomy, weights, platforms, store, ray.")
    ] = "",
) -> None:
    """Check Python, memory, store permissions, Ray and ports: what is wrong and what to do."""
    from fashiontrend.commands import doctor as checks

    table = rich.table.Table("check", "seen", "what to do", title="fashiontrend doctor")
    found = checks.examine(config, names_in(only))
    for finding in found:
        mark = "[green]✔[/]" if finding.good else "[red]✘[/]"
        table.add_row(f"{mark} {finding.name}", finding.seen, finding.advice)
    console.stderr.print(table)
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
    """Read a labelled set made by others and derive a taxonomy from its columns.

    A set stays as it was imported: a corrected one needs another --name.
    """
    from fashiontrend.pipeline.importing import import_labelled

    output, facts = import_labelled(configuration.load(config), source, name, names_in(attributes))
    typer.echo(f"{output}: {json.dumps(facts, ensure_ascii=False)}")


@app.command()
def replay(
    source: Annotated[list[Path], typer.Argument(help="Parquet files of labelled pictures.")],
    truth: Annotated[Path, typer.Option(help="Folder for what was drawn; set report.truth to it.")],
    day: DayOption = None,
    days: Annotated[int, typer.Option(help="Length of the history, ending on --day.")] = 120,
    config: ConfigOption = None,
) -> None:
    """Turn a labelled set into days of listings whose values follow known curves.

    Repeated, it goes on where it was stopped; a store with other days of these platforms is refused.
    """
    from fashiontrend.pipeline.importing import replay_set

    facts = replay_set(configuration.load(config), source, truth, day_of(day), days)
    typer.echo(json.dumps(facts, ensure_ascii=False))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)
