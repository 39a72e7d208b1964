"""The recogniser alone: prediction for files, a fit on a labelled set, its evaluation."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fashiontrend import config as configuration
from fashiontrend.commands.options import names_in
from fashiontrend.commands.serving import describe_with
from fashiontrend.commands.stages import command_of
from fashiontrend.errors import ConfigError
from fashiontrend.loop import Step

if TYPE_CHECKING:
    from fashiontrend.standalone import Sets

app = typer.Typer()


STEP_PANEL = "As a step of the loop"
FILES_PANEL = "On files (--images)"


def recognise(
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            "-c",
            rich_help_panel=STEP_PANEL,
            help="Settings are read from this YAML file. Without this option, $FASHIONTREND_CONFIG names "
            "the file.",
        ),
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option(
            "--day",
            formats=["%Y-%m-%d"],
            rich_help_panel=STEP_PANEL,
            help="The step belongs to the run of this day, in UTC. Without this option, the day is today.",
        ),
    ] = None,
    images: Annotated[
        list[Path] | None,
        typer.Option(
            rich_help_panel=FILES_PANEL,
            help="These pictures, folders of pictures or Parquet files are recognised.",
        ),
    ] = None,
    more: Annotated[
        list[Path] | None,
        typer.Argument(
            rich_help_panel=FILES_PANEL,
            help="These pictures, folders or files are recognised too.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=FILES_PANEL, help="The trained recogniser in this folder is used."
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            rich_help_panel=FILES_PANEL,
            help="Predictions are written to this CSV file: id, attribute, value, confidence.",
        ),
    ] = Path("predictions.csv"),
    boxes: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=FILES_PANEL,
            help="Garment boxes are written to this CSV file, in pixels of the picture: id, x0, y0, x1, y1, score.",
        ),
    ] = None,
    batch_size: Annotated[
        int,
        typer.Option(
            min=1,
            rich_help_panel=FILES_PANEL,
            help="This many pictures are held in memory at a time.",
        ),
    ] = 64,
    threads: Annotated[
        int,
        typer.Option(
            min=1, rich_help_panel=FILES_PANEL, help="The network uses this many CPU threads."
        ),
    ] = 1,
    server: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=FILES_PANEL,
            help="This server, http(s)://host:port, recognises the pictures instead of --model. The "
            "environment variable $FASHIONTREND_TOKEN holds the token for the server.",
        ),
    ] = None,
) -> None:
    """Recognise the day's pictures, or the pictures in files.

    Without --images this is one step of the day's run: it recognises every picture in the store
    that the current recogniser has not seen. The command `run` takes all steps.

    With --images it recognises files, without a store and without Ray, by the recogniser of --model
    or by a running `fashiontrend serve` that --server names; both write the same files. Pictures
    that cannot be read are listed in errors.csv beside --out.
    """
    if server and not images and more:
        images, more = more, None
    if images:
        _recognise_files([*images, *(more or [])], model, server, out, boxes, batch_size, threads)
    elif model or more or server:
        raise ConfigError("--model needs --images: name a folder, pictures or Parquet files.")
    else:
        command_of(Step.RECOGNISE, "")(config, day)


def _recognise_files(
    places: list[Path],
    model: Path | None,
    server: str | None,
    out: Path,
    boxes: Path | None,
    batch_size: int,
    threads: int,
) -> None:
    """Recognise the pictures at the places, by a model in this process or by a server."""
    if (model is None) == (server is None):
        raise ConfigError(
            "--images needs --model, the folder of a trained recogniser, or --server, and not both."
        )
    from fashiontrend.standalone import predict_files

    files = predict_files.find(places)
    describe = describe_with(model, server, threads)
    tally = predict_files.predict(files, describe, out, boxes, batch_size)
    unread = (
        f", {tally.failed} not readable ({out.with_name('errors.csv')})" if tally.failed else ""
    )
    typer.echo(f"{out}: {tally.predicted} pictures{unread}")


SetArgument = Annotated[
    list[Path],
    typer.Argument(
        help="The set is read from these Parquet files: id, image, split (train, val), and a column for each attribute."
    ),
]
ScenesOption = Annotated[
    Path | None,
    typer.Option(
        help="This folder holds scenes made of the labelled set's pictures, with boxes in a CSV file."
    ),
]
AttributesOption = Annotated[
    str,
    typer.Option(
        help="These columns, separated by commas, hold attributes. Without this option, the columns are guessed."
    ),
]
SplitsOption = Annotated[
    str, typer.Option(help="Rows with these values of split, separated by commas, are fitted on.")
]
HoldOutOption = Annotated[
    float,
    typer.Option(
        help="This fraction of the scenes' source pictures is held out for the evaluation.",
        min=0,
        max=1,
    ),
]
BaselinesOption = Annotated[
    bool,
    typer.Option(help="The majority value and a colour histogram are evaluated too, as baselines."),
]


@app.command("fit-attrnet")
def fit_attrnet(
    data: SetArgument,
    out: Annotated[
        Path, typer.Option(help="The model and its report are written into this folder.")
    ],
    scenes: ScenesOption = None,
    seed: Annotated[
        int, typer.Option(help="Weights, order and augmentation are drawn from this seed.")
    ] = 0,
    hold_out: HoldOutOption = 0.2,
    hold_out_seed: Annotated[
        int, typer.Option(help="The held-out scenes are drawn from this seed.")
    ] = 0,
    attributes: AttributesOption = "",
    splits: SplitsOption = "train",
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Training takes this many epochs. Without this option, the shipped recipe or --config "
            "gives the number.",
            min=1,
        ),
    ] = None,
    baselines: BaselinesOption = True,
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            "-c",
            help="The section attrnet of this YAML file configures the training. Without this option, the "
            "shipped recipe does.",
        ),
    ] = None,
) -> None:
    """Fit a recogniser on a labelled set and evaluate it, in one process without a store.

    An interrupted training resumes when the same command is given again. A finished model is not
    trained again but only evaluated, and the command says so.
    """
    from fashiontrend import standalone

    given = configuration.load(config).attrnet if config else None
    sets = standalone.read_sets(
        data, scenes, attributes=names_in(attributes), hold_out=hold_out, seed=hold_out_seed,
        splits=names_in(splits),
    )  # fmt: skip
    sets = _put_aside(sets, out)
    cfg = given or standalone.recipe(sets.taxonomy.ids)
    cfg = cfg if epochs is None else cfg.model_copy(update={"epochs": epochs})
    standalone.fit(sets, cfg, out, seed)
    _evaluate(sets, out, baselines)


@app.command("judge-attrnet")
def judge_attrnet(
    data: SetArgument,
    model: Annotated[
        Path,
        typer.Option(
            help="The model in this folder is evaluated, and the report is added to its card."
        ),
    ],
    scenes: ScenesOption = None,
    hold_out: HoldOutOption = 0.2,
    hold_out_seed: Annotated[
        int,
        typer.Option(
            help="The held-out scenes are drawn from this seed; give the same seed as for the fit."
        ),
    ] = 0,
    attributes: AttributesOption = "",
    splits: SplitsOption = "train",
    baselines: BaselinesOption = True,
) -> None:
    """Evaluate a recogniser on the pictures and scenes that were held out when it was fitted."""
    from fashiontrend import standalone

    sets = standalone.read_sets(
        data, scenes, attributes=names_in(attributes), hold_out=hold_out, seed=hold_out_seed,
        splits=names_in(splits),
    )  # fmt: skip
    _evaluate(_put_aside(sets, model), model, baselines)


def _put_aside(sets: "Sets", out: Path) -> "Sets":
    """Leave unreadable pictures out, and print what is fitted on and what is held out."""
    from fashiontrend.standalone import screen

    sets = screen.put_aside(sets, out / screen.ERRORS)
    named = ", ".join(f"{a.id} ({len(a.values)} values)" for a in sets.taxonomy.attributes)
    apart = f" and {sets.scenes.num_rows} scenes" if sets.scenes.num_rows else ""
    typer.echo(
        f"{named}; {sets.train.num_rows} pictures to fit on, {sets.val.num_rows}{apart} held out"
    )
    return sets


def _evaluate(sets: "Sets", folder: Path, baselines: bool) -> None:
    from fashiontrend.standalone import evaluate

    evaluation = evaluate.evaluate(sets, folder, baselines=baselines)
    evaluate.show(evaluation.report)
    text = json.dumps(evaluation.report, indent=1)
    (folder / "report.json").write_text(text, "utf-8")
    (folder / "report.html").write_text(evaluation.page, "utf-8")
    typer.echo(f"{folder / 'report.html'}: the scores, and the pictures with the largest errors")
