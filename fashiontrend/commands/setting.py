"""What comes before a run: the demo, configuration, taxonomy, labelled sets, the check of a machine."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import rich.table
import typer
import yaml

from fashiontrend import __version__, console, taxonomy
from fashiontrend import config as configuration
from fashiontrend.commands.options import ConfigOption, DayOption, day_of, names_in, write_file
from fashiontrend.config import Config
from fashiontrend.errors import ConfigError

app = typer.Typer()
config_app = typer.Typer(
    help="Show the configuration, or describe its settings.", no_args_is_help=True
)
taxonomy_app = typer.Typer(help="Check a taxonomy file, or show its values.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(taxonomy_app, name="taxonomy")


@app.command()
def demo(
    seed: Annotated[
        int, typer.Option(help="This number seeds the drawn world and both trainings.")
    ] = 0,
    folder: Annotated[Path, typer.Option(help="Everything is written into this folder.")] = Path(
        "build/demo"
    ),
    days: Annotated[int, typer.Option(help="The history of the world has this many days.")] = 90,
    values: Annotated[
        str | None,
        typer.Option(
            metavar="HOST",
            help="This host of a cluster serves the demo's shops: the Helm chart's values for it are "
            "printed, and the demo is not run.",
        ),
    ] = None,
) -> None:
    """Draw a small world of three shops and follow it from pages to keywords.

    The shops listen on this machine only. The demo takes about ten minutes on two cores.
    """
    from fashiontrend.commands import demo_run
    from fashiontrend.commands.loop import show_end
    from fashiontrend.demo.world import World

    if values:
        tree = demo_run.values(World(seed, datetime.now(tz=UTC).date(), days), values)
        typer.echo(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), nl=False)
        return
    settings, state = demo_run.demo(folder, seed, days)
    show_end(settings, state)


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="The configuration is written to this file.")] = Path(
        "fashiontrend.yaml"
    ),
    shop: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The shop at this address is asked what it is, as `fashiontrend shop` does, and stands in the "
            "file. Without this option, the file names an example.",
        ),
    ] = None,
) -> None:
    """Write a commented configuration for your own shops.

    An existing file is left alone, and the command ends with exit code 30.
    """
    from fashiontrend.commands import shops

    if path.exists():
        raise ConfigError(f"{path} exists. Name another file, or edit that one.")
    found = shops.visit(Config(), shop) if shop else None
    if found is not None:
        shops.show(Config(), found)
    write_file(path, shops.starter(found).encode())
    to_edit = "crawl.contact_url" if found else "crawl.platforms"
    typer.echo(f"wrote {path}; edit {to_edit}, then: fashiontrend doctor --config {path}")


@app.command()
def shop(
    url: Annotated[str, typer.Argument(help="The shop's home page is at this address.")],
    config: ConfigOption = None,
) -> None:
    """Ask a shop politely what it is, and print its block of the configuration.

    At most ten requests are sent, one a second, as its robots.txt allows. Three listings are shown
    as they would be stored, with the labels that their texts make. Nothing is stored.
    """
    from fashiontrend.commands import shops

    settings = configuration.load(config)
    found = shops.visit(settings, url)
    shops.show(settings, found)
    typer.echo(shops.block_text(found), nl=False)


@app.command()
def doctor(
    config: ConfigOption = None,
    only: Annotated[
        str,
        typer.Option(
            help="Only these checks are made, separated by commas: taxonomy, weights, platforms, store, ray, "
            "shops."
        ),
    ] = "",
    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            help="No shop is asked. Without this option, each configured shop is asked once, beside its robots.txt.",
        ),
    ] = False,
) -> None:
    """Check Python, memory, configuration, store, Ray and shops, and say what to do about each fault.

    The last lines show what a first keyword still needs: annotated pictures and usable days.
    """
    from fashiontrend.commands import doctor as checks

    table = rich.table.Table("check", "seen", "what to do", title="fashiontrend doctor")
    found = checks.examine(config, names_in(only), offline)
    for finding in found:
        mark = "[yellow]…[/]" if finding.due else "[green]✔[/]" if finding.good else "[red]✘[/]"
        table.add_row(f"{mark} {finding.name}", finding.seen, finding.advice)
    console.stderr.print(table)
    raise typer.Exit(next((f.exit_code for f in found if not f.good), 0))


@config_app.command("show")
def config_show(config: ConfigOption = None) -> None:
    """Print the configuration with all defaults as YAML; it never holds a secret."""
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
def taxonomy_validate(
    path: Annotated[str, typer.Argument(help="The taxonomy is read from this YAML file.")],
) -> None:
    """Check a taxonomy and report mistakes with their line and key."""
    read = taxonomy.load(path)
    typer.echo(
        f"{path}: version {read.version}, {len(read.attributes)} attributes, {sum(read.num_values.values())} values: good"
    )


@taxonomy_app.command("compare")
def taxonomy_compare(
    old: Annotated[str, typer.Argument(help="The older taxonomy is read from this YAML file.")],
    new: Annotated[str, typer.Argument(help="The newer taxonomy is read from this YAML file.")],
) -> None:
    """Print what a changed taxonomy means for labels and models.

    A value that was merged, renamed or moved is named in the crosswalk `was` of the value that holds its
    meaning now, as attribute.value; its labels then survive.
    """
    from fashiontrend.labels import successors

    for line in successors.compare(taxonomy.load(old), taxonomy.load(new)).lines():
        typer.echo(line)


@taxonomy_app.command("show")
def taxonomy_show(
    path: Annotated[
        str | None,
        typer.Argument(
            help="The taxonomy is read from this YAML file. Without this argument, the shipped taxonomy is "
            "shown."
        ),
    ] = None,
) -> None:
    """Print the attributes and values of a taxonomy with their Chinese names."""
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
        list[Path],
        typer.Argument(
            help="The set is read from these Parquet files, or from a folder with a CSV file and pictures."
        ),
    ],
    name: Annotated[
        str,
        typer.Option(
            help="The set is stored under this name, which labels.imported_sets then lists."
        ),
    ],
    attributes: Annotated[
        str,
        typer.Option(
            help="These columns, separated by commas, hold attributes. Without this option, the columns "
            "are guessed."
        ),
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Import a labelled set and derive a taxonomy from its columns.

    An imported set does not change; a corrected one needs another --name.
    """
    from fashiontrend.pipeline.importing import import_labelled

    output, facts = import_labelled(configuration.load(config), source, name, names_in(attributes))
    typer.echo(f"{output}: {json.dumps(facts, ensure_ascii=False)}")


@app.command()
def replay(
    source: Annotated[
        list[Path], typer.Argument(help="Labelled pictures are read from these Parquet files.")
    ],
    truth: Annotated[
        Path,
        typer.Option(
            help="The true shares are written into this folder. Set report.truth to this folder."
        ),
    ],
    day: DayOption = None,
    days: Annotated[
        int, typer.Option(help="The history has this many days and ends on --day.")
    ] = 120,
    config: ConfigOption = None,
) -> None:
    """Turn a labelled set into days of listings whose values follow known curves.

    A replay that was stopped resumes when the same command is given again. A store with other days of
    these platforms is refused.
    """
    from fashiontrend.pipeline.importing import replay_set

    facts = replay_set(configuration.load(config), source, truth, day_of(day), days)
    typer.echo(json.dumps(facts, ensure_ascii=False))


@app.command()
def version() -> None:
    """Print the version of this package."""
    typer.echo(__version__)
