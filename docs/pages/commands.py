"""The page of commands, from the command line itself."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer

from docs.pages.markdown import MARK, table
from fashiontrend import cli

TYPES = {"Path": "path", "str": "text", "int": "integer", "float": "number"}


@dataclass(frozen=True)
class Parameter:
    """An option or an argument of a command."""

    name: str
    kind: str
    default: str
    description: str


@dataclass(frozen=True)
class Command:
    """A command as it is typed, its panel in `fashiontrend --help`, its text and its parameters."""

    name: str
    panel: str
    text: str
    parameters: tuple[Parameter, ...]


def commands() -> list[Command]:
    """All commands in the order of `fashiontrend --help`; a group stands before its commands."""
    root = typer.main.get_command(cli.app)
    return list(_commands(root, "fashiontrend", ""))


def _commands(group: Any, name: str, panel: str) -> Iterator[Command]:
    context = typer.Context(group)
    for one in group.list_commands(context):
        command = group.get_command(context, one)
        inside = panel or str(getattr(command, "rich_help_panel", ""))
        parameters = () if hasattr(command, "commands") else tuple(_parameters(command))
        text = textwrap.dedent(command.help or "").strip()
        yield Command(f"{name} {one}", inside, text, parameters)
        if hasattr(command, "commands"):
            yield from _commands(command, f"{name} {one}", inside)


def _parameters(command: Any) -> Iterator[Parameter]:
    for one in command.params:
        if one.name == "help":
            continue
        argument = one.param_type_name == "argument"
        name = one.name.upper() if argument else ", ".join([*one.opts, *one.secondary_opts])
        default = one.default() if callable(one.default) else one.default
        shown = "required" if one.required else "" if default in (None, ()) else str(default)
        yield Parameter(name, _type_name(one), shown, one.help or "")


def _type_name(one: Any) -> str:
    if getattr(one, "is_flag", False):
        return "flag"
    limits = [f" ≥ {one.min}"] if one.min is not None else []
    limits += [f" ≤ {one.max}"] if one.max is not None else []
    repeated = ", repeatable" if one.multiple or one.nargs == -1 else ""
    kind = str(one.bare_type())
    return TYPES.get(kind, kind) + ",".join(limits) + repeated


def page() -> str:
    """The page of commands."""
    lines = [MARK, "# Commands", "", textwrap.dedent(cli.__doc__ or "").strip()]
    panel = ""
    for command in commands():
        if command.panel != panel:
            panel = command.panel
            lines += ["", f"## {panel}"]
        lines += ["", f"### {command.name}", "", command.text]
        rows = [
            (f"`{p.name}`", p.kind, f"`{p.default}`" if p.default else "", p.description)
            for p in command.parameters
        ]
        lines += table(("option", "type", "default", "description"), rows)
    return "\n".join(lines) + "\n"
