"""Tell from shops' pictures what people will want to wear next.

`fashiontrend demo` shows the whole way on a drawn world. `fashiontrend init` writes a
configuration for your own shops, `doctor` checks it, and `run`, once a day, does the rest. A
killed run resumes from its last finished step when the same command is given again.

Exit codes: 0 done, 10 the accuracy gate stayed closed, 11 the perplexity gate stayed closed,
20 no day of data was usable, 30 the configuration is wrong, 40 the store or the cluster cannot be
reached, 1 anything else.
"""

import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from fashiontrend import console
from fashiontrend.commands import parts
from fashiontrend.loop import Step

#: Panels of `fashiontrend --help` in the order of the work, and the commands in each.
PANELS: dict[str, tuple[str, ...]] = {
    "Start here": ("demo", "init", "shop", "doctor", "config", "taxonomy", "version"),
    "The daily loop": ("run", "status", "report", "releases", "forget"),
    "Steps of the loop, in the order of the data": tuple(map(str, Step)),
    "Labels that people give": ("labels",),
    "Labelled sets made by others": ("import", "replay"),
    "The recogniser alone": ("fit-attrnet", "judge-attrnet"),
    "The forecaster alone": ("forecast", "backtest"),
    "The HTTP service": ("serve", "token", "recognitions"),
    "Care of the store": ("fsck", "clean", "backup", "restore"),
    "Jobs on a cluster": ("submit", "jobs", "logs", "exporter"),
}


class WorkOrder(TyperGroup):
    """Lists the commands as `PANELS` does; a command that stands in no panel is not listed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the commands in the order of the work."""
        return [name for names in PANELS.values() for name in names]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, with its panel."""
        command = super().get_command(ctx, cmd_name)
        panels = [title for title, names in PANELS.items() if cmd_name in names]
        if command is not None and panels:
            command.rich_help_panel = panels[0]  # type: ignore[attr-defined]
        return command

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a package that it lacks is an error that names the extra to install."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            raise parts.missing(ctx.invoked_subcommand, error) from error


app = typer.Typer(
    cls=WorkOrder,
    help=__doc__,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
parts.add_commands(
    app,
    ("setting", "loop", "labels", "pictures", "series", "serving", "operation", "upkeep"),
    (name for names in PANELS.values() for name in names),
)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command; an error of this package prints its message and ends with its exit code."""
    sys.exit(console.guard(lambda: app(args=arguments)))
