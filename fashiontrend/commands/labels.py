"""Labels out to people, and in again: what they should label, what they labelled, what is still needed."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import rich.console
import rich.table
import typer

from fashiontrend import config as configuration
from fashiontrend.commands.options import ConfigOption, DayOption, day_of, write_file
from fashiontrend.errors import ConfigError, DataError, HealthError
from fashiontrend.labels.tasks import Tool
from fashiontrend.storage.object_store import open_store

if TYPE_CHECKING:
    from fashiontrend.pipeline.labelled_files import ImportedLabels

app = typer.Typer()
labels_app = typer.Typer(
    help="Have people label pictures, and import what they labelled.", no_args_is_help=True
)
app.add_typer(labels_app, name="labels")

#: Values whose agreement is printed, the lowest first.
LEAST_AGREED = 5


@labels_app.command("export")
def export(
    out: Annotated[Path, typer.Option(help="The export is written into this folder.")] = Path(
        "labelling"
    ),
    tool: Annotated[
        Tool | None,
        typer.Option(
            help="The files have the format of this tool. Without this option, it is label-studio, or with --set "
            "the tool that the set came from."
        ),
    ] = None,
    number: Annotated[
        int, typer.Option("--n", min=1, help="So many pictures are chosen, no two of one product.")
    ] = 200,
    random: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="So many of the pictures are drawn at random; they alone evaluate the recogniser. Without this "
            "option, it is what the accuracy gate lacks, from a fifth to two thirds of --n.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="This number seeds the choice.")] = 0,
    pictures: Annotated[
        str,
        typer.Option(
            help="`beside` writes the pictures into the folder, `shop` names their addresses at the shops, and an "
            "address such as https://host/folder is put before each file's name."
        ),
    ] = "beside",
    prefill_random: Annotated[
        bool,
        typer.Option(
            help="Predicted values stand on the pictures drawn at random too. People tend to leave what they see, "
            "which flatters the recogniser that is evaluated on them."
        ),
    ] = False,
    imported: Annotated[
        str | None,
        typer.Option(
            "--set", help="What was imported under this name is exported; no picture is chosen."
        ),
    ] = None,
    day: DayOption = None,
    config: ConfigOption = None,
) -> None:
    """Write pictures for people to label, chosen by what the accuracy gate needs.

    Weak attributes and their rare values come first, and then the pictures on which the recogniser is
    least sure. Its boxes and values are written as predictions to correct.
    """
    from fashiontrend.pipeline import labelled_files, labelling

    settings = configuration.load(config)
    store, sink = open_store(settings.store), into_folder(out)
    if imported:
        facts = labelled_files.export_set(settings, store, imported, tool, sink, day_of(day))
    else:
        request = labelling.ExportRequest(
            tool or Tool.LABEL_STUDIO, number, random, seed, pictures, prefill_random
        )
        known = labelling.gather(settings, store, day_of(day))
        facts = labelling.export_request(settings, known, request, sink)
        if not facts.pictures:
            raise HealthError(
                "the catalogue holds no picture that waits for labels. Crawl and ingest a day first (`fashiontrend "
                "crawl`, `fashiontrend ingest`), or export an imported set with --set."
            )
    for line in labelling.describe_export(facts):
        typer.echo(f"{out}: {line}")


def into_folder(folder: Path) -> Callable[[str, bytes], None]:
    """A function that writes files below a new or empty folder; it refuses names that lead out of it.

    Raises:
        ConfigError: the folder holds something.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigError(f"--out {folder} is not empty. Name another folder, or empty that one.")

    def write(name: str, data: bytes) -> None:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise DataError(
                f"{name!r} would be written outside {folder}; the set names a wrong file."
            )
        write_file(path, data)

    return write


@labels_app.command("import")
def import_(
    source: Annotated[
        list[Path],
        typer.Argument(
            help="These files were exported by a labelling tool: JSON of Label Studio, XML of CVAT, COCO, or CSV."
        ),
    ],
    name: Annotated[
        str,
        typer.Option(
            "--set",
            help="The labels are stored under this name, which labels.imported_sets then lists.",
        ),
    ],
    day: DayOption = None,
    config: ConfigOption = None,
) -> None:
    """Import what people labelled, and report whatever of it could not be used.

    An imported set does not change; a corrected one needs another --set.
    """
    from fashiontrend.pipeline import labelled_files

    settings = configuration.load(config)
    store = open_store(settings.store)
    found = labelled_files.import_labels(settings, store, source, name, day_of(day))
    for line in _import_lines(found, name):
        typer.echo(line)


def _import_lines(found: "ImportedLabels", name: str) -> list[str]:
    splits = ", ".join(f"{n} {s}" for s, n in found.pictures.items())
    lines = [
        f"{found.where}: pictures: {splits}; {found.labels} labels, {found.boxes} boxes, "
        f"{found.annotators} named annotators"
    ]
    if found.missing:
        lines.append(f"pictures that the catalogue does not hold, left out: {found.missing}")
    if found.disagreements:
        lines.append(f"labels that contradict each other, left out: {found.disagreements}")
    lines += [str(note) for note in found.notes]
    known = [a for a in found.agreement if a.value and a.alpha is not None]
    lines += [
        f"agreement on {a.attribute} {a.value}: alpha {a.alpha:.2f} on {a.pictures} pictures"
        for a in sorted(known, key=lambda a: a.alpha or 0.0)[:LEAST_AGREED]
    ]
    return [*lines, f"to use them, add {name!r} to labels.imported_sets"]


@labels_app.command("status")
def status(day: DayOption = None, config: ConfigOption = None) -> None:
    """Print what people labelled, what the accuracy gate still needs, and how long that takes."""
    from fashiontrend.pipeline import labelling, labelling_status

    settings = configuration.load(config)
    known = labelling.gather(settings, open_store(settings.store), day_of(day))
    found = labelling_status.measure(known, settings)
    table = rich.table.Table(
        "attribute", "validation", "missing", "training", "accuracy", "values with few labels",
        title="labels that people gave",
    )  # fmt: skip
    for row in found.rows:
        table.add_row(*row.cells())
    rich.console.Console().print(table)
    for line in found.lines():
        typer.echo(line)


@labels_app.command("guide")
def guide(
    out: Annotated[Path, typer.Option(help="The guide is written to this HTML file.")] = Path(
        "labelling-guide.html"
    ),
    day: DayOption = None,
    config: ConfigOption = None,
) -> None:
    """Write the annotators' guide: each value with example pictures, and the pairs most often confused."""
    from fashiontrend.pipeline import labelling, labelling_guide

    settings = configuration.load(config)
    known = labelling.gather(settings, open_store(settings.store), day_of(day))
    write_file(out, labelling_guide.page(known, settings).encode())
    typer.echo(f"{out}: {len(known.taxonomy.ids)} attributes")
