"""The `fashiontrend` command: one sub-command a stage, `run` for the whole loop, and what surrounds them.

Exit codes: 0 done, 10 accuracy gate closed, 11 perplexity gate closed, 20 data health,
30 configuration, 40 store or cluster unreachable, 1 anything else.
"""

import sys
from typing import NoReturn

import typer

from fashiontrend import console
from fashiontrend.commands import loop, operation, pictures, series, serving, setting

app = typer.Typer(
    help=__doc__,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _part in (loop, pictures, series, serving, operation, setting):
    app.add_typer(_part.app)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command; a `FashiontrendError` prints its message and decides the exit code."""
    sys.exit(console.guard(lambda: app(args=arguments)))
