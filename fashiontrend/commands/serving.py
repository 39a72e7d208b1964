"""The commands of the HTTP service: `serve`, `token`, `recognitions work`."""

import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml

from fashiontrend import config as configuration
from fashiontrend import console
from fashiontrend.commands.options import ConfigOption, port_of
from fashiontrend.errors import ConfigError

if TYPE_CHECKING:  # torch would delay the command line by seconds
    from fashiontrend.attrnet.inference.prediction import GarmentPrediction

recognitions_app = typer.Typer(
    help="Catalogue jobs that callers of the server submit.", no_args_is_help=True
)
app = typer.Typer()
app.add_typer(recognitions_app, name="recognitions")


@app.command()
def serve(
    config: ConfigOption = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            help="The configuration and the release of the demo in this folder are served."
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="The service listens on this TCP port, which overrides serve.port."),
    ] = None,
    print_config: Annotated[
        bool,
        typer.Option(
            "--print-config",
            help="The serveConfigV2 of a RayService is printed, and no server is started.",
        ),
    ] = False,
) -> None:
    """Serve the trend board at / and the API below /v1 over HTTP.

    Ctrl-C stops the server after it has finished its current requests.
    """
    path = str(folder / "fashiontrend.yaml") if folder else config
    settings = configuration.load(path)
    if port is not None:
        chosen = settings.serve.model_copy(update={"port": port_of(port)})
        settings = settings.model_copy(update={"serve": chosen})
    from fashiontrend.serve import environment

    for name, value in environment.variables(settings.serve).items():
        # Ray reads them once, when it is imported; the user's own values have priority.
        os.environ.setdefault(name, value)
    from ray_jobs import serve as job

    if print_config:
        typer.echo(yaml.safe_dump(job.serve_config(settings), sort_keys=False), nl=False)
        return
    job.run(settings)


@app.command()
def token(
    name: Annotated[str, typer.Argument(help="The audit log names the caller by this name.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help="The token allows this scope: read, recognise, forecast, catalogue or metrics. Repeat the "
            "option for several scopes."
        ),
    ],
    days: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="The token expires after this many days. Without the option it never expires.",
        ),
    ] = None,
) -> None:
    """Generate a bearer token for a caller of the API.

    To replace a token, add the new one under the same name, give it to the caller, and remove the old one.

    The token goes to stderr and is shown only this once. The line to add to serve.tokens_file goes to stdout.
    """
    from fashiontrend.pipeline.context import now
    from fashiontrend.serve.http import tokens

    wrong = [s for s in scope if s not in tokens.SCOPES]
    if wrong:
        raise ConfigError(f"There is no scope {wrong[0]!r}. Use {', '.join(tokens.SCOPES)}.")
    expires = now() + timedelta(days=days) if days else None
    drawn = tokens.draw(name, tuple(scope), expires)  # type: ignore[arg-type]
    console.stderr.print(drawn.text, markup=False)
    line = drawn.record.model_dump(mode="json", exclude_none=True)
    typer.echo(yaml.safe_dump([line], sort_keys=False), nl=False)


@recognitions_app.command("work")
def recognitions_work(
    config: ConfigOption = None,
    once: Annotated[
        bool,
        typer.Option(
            help="The command ends when no job is left, instead of waiting for the next job."
        ),
    ] = False,
) -> None:
    """Work on the catalogue jobs that callers submitted, one after another.

    A killed worker loses nothing: the next one continues with the parts that are not finished.
    """
    from ray_jobs import batch_recognition

    batch_recognition.work(configuration.load(config), once)


def describe_with(
    model: Path | None, server: str | None, threads: int
) -> "Callable[[Sequence[bytes]], list[GarmentPrediction]]":
    """Return the function that recognises pictures: of a model in this process, or of a server."""
    if server is not None:
        from fashiontrend.client import Client

        return Client(server).describe
    from fashiontrend.attrnet.inference.predict import Recogniser

    return Recogniser(model or "", threads).describe
