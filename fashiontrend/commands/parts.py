"""The parts of the package that are installed apart, and what a command says whose part is missing.

`pip install fashiontrend` brings the API's client and the commands that need no data. Everything else is an
extra of pyproject.toml, because torch and Ray take gigabytes that a caller of the API never uses.
"""

import importlib
from collections.abc import Iterable
from typing import NoReturn

import typer

from fashiontrend.errors import ConfigError
from fashiontrend.loop import Step

#: What a command needs beside the plain package; commands that are not named need nothing.
EXTRAS: dict[str, str] = {
    **dict.fromkeys(("demo", "run", *map(str, Step)), "all"),
    **dict.fromkeys(("status", "report", "releases", "forget", "doctor", "exporter"), "train"),
    "shop": "crawl",
    **dict.fromkeys(("fsck", "clean", "backup", "restore"), "train"),
    **dict.fromkeys(("import", "replay", "labels", "fit-attrnet", "judge-attrnet"), "train"),
    **dict.fromkeys(("forecast", "backtest"), "train"),
    **dict.fromkeys(("serve", "recognitions"), "serve"),
}
_OWN = ("fashiontrend", "ray_jobs")


def missing(command: str | None, error: ModuleNotFoundError) -> ConfigError:
    """The error of a command that needs a package which is not installed.

    Raises:
        ModuleNotFoundError: the module is one of this package, so that no extra brings it.
    """
    module = (error.name or "").split(".")[0]
    if module in _OWN or not command:
        raise error
    extra = EXTRAS.get(command, "all")
    return ConfigError(
        f"fashiontrend {command} needs the Python package {module}, which is not installed: "
        f"pip install 'fashiontrend[{extra}]'"
    )


def add_commands(app: typer.Typer, modules: Iterable[str], names: Iterable[str]) -> None:
    """Add the commands of each module to the command line.

    A module that cannot be imported because a package is missing is left out. Each of `names` that no
    module brings then still is a command: its help names the extra, and it ends with exit code 30.

    Args:
        app: gets the commands.
        modules: names of modules in this folder with a `typer.Typer` named `app`.
        names: all commands of the command line.
    """
    failed: ModuleNotFoundError | None = None
    for module in modules:
        try:
            app.add_typer(importlib.import_module(f"{__package__}.{module}").app)
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] in _OWN:
                raise
            failed = error
    if failed is not None:
        known = set(typer.main.get_group(app).commands)
        for name in names:
            if name not in known:
                _add_stand_in(app, name, failed)


def _add_stand_in(app: typer.Typer, name: str, error: ModuleNotFoundError) -> None:
    def stand_in() -> NoReturn:
        raise missing(name, error)

    extra = EXTRAS.get(name, "all")
    anything = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command(
        name,
        help=f"This command is not installed: pip install 'fashiontrend[{extra}]'",
        context_settings=anything,
    )(stand_in)
