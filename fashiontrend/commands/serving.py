"""The commands around the HTTP service: `serve`, `token`, `recognitions work`."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from fashiontrend import config as configuration
from fashiontrend import console
from fashiontrend.commands.options import ConfigOption, port_of
from fashiontrend.errors import ConfigError

recognitions_app = typer.Typer(help="Catalogue jobs of the server.", no_args_is_help=True)
app = typer.Typer()
app.add_typer(recognitions_app, name="recognitions")


@app.command()
def serve(
    config: ConfigOption = None,
    folder: Annotated[
        Path | None, typer.Option(help="Of a demo: its configuration and release are served.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Instead of serve.port.")] = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="serveConfigV2 of a RayService; nothing starts.")
    ] = False,
) -> None:
    """Answer over HTTP: the trend board at /, the API below /v1. Stop it with Ctrl-C; it drains."""
    path = str(folder / "fashiontrend.yaml") if folder else config
    settings = configuration.load(path)
    if port is not None:
        chosen = settings.serve.model_copy(update={"port": port_of(port)})
        settings = settings.model_copy(update={"serve": chosen})
    from fashiontrend.serve import environment

    for name, value in environment.variables(settings.serve).items():
        os.environ.setdefault(
            name, value
        )  # read by Ray once, when it is imported; what is set stays
    from ray_jobs import serve as job

    if print_config:
        typer.echo(yaml.safe_dump(job.describe(settings), sort_keys=False), nl=False)
        return
    job.run(settings)


@app.command()
def token(
    name: Annotated[str, typer.Argument(help="Of the caller, for the audit log.")],
    scope: Annotated[
        list[str], typer.Option(help="read, recognise, forecast, catalogue, metrics; repeat it.")
    ],
) -> None:
    """Draw a bearer token: the token on stderr, once; its line for serve.tokens_file on stdout."""
    from fashiontrend.serve.http import tokens

    wrong = [s for s in scope if s not in tokens.SCOPES]
    if wrong:
        raise ConfigError(f"no scope {wrong[0]!r}; there are {', '.join(tokens.SCOPES)}.")
    drawn = tokens.draw(name, tuple(scope))  # type: ignore[arg-type]
    console.stderr.print(drawn.text, markup=False)
    line = drawn.record.model_dump(mode="json")
    typer.echo(yaml.safe_dump([line], sort_keys=False), nl=False)


@recognitions_app.command("work")
def recognitions_work(
    config: ConfigOption = None,
    once: Annotated[bool, typer.Option(help="End when no job is left.")] = False,
) -> None:
    """Take up catalogue jobs, outside the path of any request; killed, it goes on where it stopped."""
    from ray_jobs import batch_recognition

    batch_recognition.work(configuration.load(config), once)


def describe_with(model: Path | None, server: str | None, threads: int) -> Any:
    """Who answers pictures: a model in this process, or a server."""
    if server is not None:
        from fashiontrend.client import Client

        return Client(server).describe
    from fashiontrend.attrnet.inference.predict import Recogniser

    return Recogniser(model or "", threads).describe
