"""The recogniser by itself: answers for files, a fit on a labelled set, its judgement."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fashiontrend import config as configuration
from fashiontrend.commands.options import ConfigOption, DayOption, names_in
from fashiontrend.commands.serving import describe_with
from fashiontrend.commands.stages import command_of
from fashiontrend.errors import ConfigError
from fashiontrend.loop import Step

if TYPE_CHECKING:
    from fashiontrend.standalone import Sets

app = typer.Typer()


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
        command_of(Step.RECOGNISE, "")(config, day)
        return
    if (model is None) == (server is None):
        raise ConfigError(
            "--images needs --model, the folder of a trained recogniser, or --server, and not both."
        )
    from fashiontrend.standalone import predict_files

    files = predict_files.find([*images, *(more or [])])
    describe = describe_with(model, server, threads)
    tally = predict_files.predict(files, describe, out, boxes, batch_size)
    unread = (
        f", {tally.failed} not readable ({out.with_name('errors.csv')})" if tally.failed else ""
    )
    typer.echo(f"{out}: {tally.predicted} pictures{unread}")


SetArgument = Annotated[
    list[Path], typer.Argument(help="Parquet files: id, image, split (train, val), attributes.")
]
ScenesOption = Annotated[
    Path | None, typer.Option(help="Folder of scenes of those pictures, with boxes in a CSV.")
]
AttributesOption = Annotated[
    str, typer.Option(help="Comma-separated columns; guessed if not given.")
]
SplitsOption = Annotated[
    str, typer.Option(help="Comma-separated values of split whose rows are fitted on.")
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
    splits: SplitsOption = "train",
    epochs: Annotated[int | None, typer.Option(help="Instead of the recipe's.", min=1)] = None,
    baselines: BaselinesOption = True,
    config: Annotated[
        str | None, typer.Option("--config", "-c", help="YAML with a branch `attrnet`.")
    ] = None,
) -> None:
    """Fit a recogniser on a labelled set and judge it, in one process without a store.

    Without --config it follows the recipe that comes with the package. A training that was
    interrupted is gone on with by the same command; one that had finished is not trained again,
    which it says, and judged anew.
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
    model: Annotated[Path, typer.Option(help="Folder of a model; its card gets the report.")],
    scenes: ScenesOption = None,
    hold_out: HoldOutOption = 0.2,
    hold_out_seed: Annotated[int, typer.Option(help="As the model was fitted with.")] = 0,
    attributes: AttributesOption = "",
    splits: SplitsOption = "train",
    baselines: BaselinesOption = True,
) -> None:
    """Judge a recogniser on the pictures and scenes that were kept apart when it was fitted."""
    from fashiontrend import standalone

    sets = standalone.read_sets(
        data, scenes, attributes=names_in(attributes), hold_out=hold_out, seed=hold_out_seed,
        splits=names_in(splits),
    )  # fmt: skip
    _evaluate(_put_aside(sets, model), model, baselines)


def _put_aside(sets: "Sets", out: Path) -> "Sets":
    """Leave unreadable pictures out, and say what is learnt from what."""
    from fashiontrend.standalone import screen

    sets = screen.put_aside(sets, out / screen.ERRORS)
    named = ", ".join(f"{a.id} ({len(a.values)} values)" for a in sets.taxonomy.attributes)
    apart = f" and {sets.scenes.num_rows} scenes" if sets.scenes.num_rows else ""
    typer.echo(
        f"{named}; {sets.train.num_rows} pictures to fit on, {sets.val.num_rows}{apart} kept apart"
    )
    return sets


def _evaluate(sets: "Sets", folder: Path, baselines: bool) -> None:
    from fashiontrend.standalone import evaluate

    evaluation = evaluate.evaluate(sets, folder, baselines=baselines)
    evaluate.show(evaluation.report)
    text = json.dumps(evaluation.report, indent=1)
    (folder / "report.json").write_text(text, "utf-8")
    (folder / "report.html").write_text(evaluation.page, "utf-8")
    typer.echo(f"{folder / 'report.html'}: the numbers, and the pictures that it gets most wrong")
