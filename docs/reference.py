"""Writes the reference pages and the list of settings: `python docs/reference.py` (make reference).

Every page is a function of the code: settings of the configuration's models, commands of the
command line, routes of the OpenAPI document. `tests/test_reference.py` holds pages and code equal.
"""

import json
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic
import typer
from pydantic_core import PydanticUndefined

from fashiontrend import cli
from fashiontrend.config import PREFIX, Config
from fashiontrend.typed_yaml import model_in

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference"
SETTINGS = ROOT / "tests" / "settings.txt"
MARK = "<!-- Written by docs/reference.py (make reference); do not edit. -->"
TYPES = {"Path": "path", "str": "text", "int": "integer", "float": "number"}
KINDS = {"integer": "integer", "number": "number", "string": "text", "boolean": "true or false"}
Schema = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """A leaf of the configuration: its dotted path, and what the reference says about it."""

    path: str
    kind: str
    default: str
    limits: str
    description: str


@dataclass(frozen=True)
class Branch:
    """A branch of the configuration with its own settings; branches below it are not among them."""

    path: str
    summary: str
    settings: tuple[Setting, ...]


def branches(
    model: type[pydantic.BaseModel] = Config, path: str = "", defaults: Any = None
) -> Iterator[Branch]:
    """All branches in the order of the configuration, each before those below it."""
    properties = model.model_json_schema()
    own, below = [], []
    for name, field in model.model_fields.items():
        here = f"{path}.{name}" if path else name
        default = getattr(defaults, name) if defaults is not None else _default(field)
        inner = model_in(field.annotation)
        if inner is None:
            own.append(_setting(here, properties, name, default, field.description or ""))
        else:
            many = not isinstance(default, pydantic.BaseModel)
            below.append((inner, f"{here}[]" if many else here, None if many else default))
    yield Branch(path, (model.__doc__ or "").split("\n")[0], tuple(own))
    for inner, here, default in below:
        yield from branches(inner, here, default)


def settings() -> list[Setting]:
    """All settings in the order of the configuration."""
    return [setting for branch in branches() for setting in branch.settings]


def _default(field: pydantic.fields.FieldInfo) -> Any:
    return "required" if field.default is PydanticUndefined else field.default


def _setting(path: str, whole: Schema, name: str, default: Any, text: str) -> Setting:
    schema = whole["properties"][name]
    given = default if default == "required" else _plain(default)
    return Setting(path, _kind(schema, whole), given, _limits(schema, whole), text)


def _plain(value: Any) -> str:
    if isinstance(value, float) and value == int(value):
        value = int(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return {"null": "none", '""': '""'}.get(text, text)


def _options(schema: Schema, whole: Schema) -> list[Schema]:
    """The alternatives of a property, `null` aside, with references followed."""
    found = schema.get("anyOf", [schema])
    return [o for o in found if o.get("type") != "null"]


def _kind(schema: Schema, whole: Schema) -> str:
    (one, *_) = _options(schema, whole)
    if "enum" in one:
        return "one of " + ", ".join(f"`{v}`" for v in one["enum"])
    if one.get("type") == "array":
        items = one.get("items") or (one.get("prefixItems") or [{}])[0]
        return f"list of {_kind(items, whole)}"
    if one.get("type") == "object":
        return f"mapping of text to {_kind(one.get('additionalProperties', {}), whole)}"
    return KINDS.get(str(one.get("type")), "text")


def _limits(schema: Schema, whole: Schema) -> str:
    (one, *_) = _options(schema, whole)
    if one.get("type") == "array":
        inner = one.get("items") or (one.get("prefixItems") or [{}])[0]
        return _limits(inner, whole)
    if one.get("type") == "object":
        return _limits(one.get("additionalProperties", {}), whole)
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    parts = [f"{sign} {_plain(one[key])}" for key, sign in signs.items() if key in one]
    if "pattern" in one:
        parts.append(f"matches `{one['pattern']}`")
    return ", ".join(parts)


def settings_page() -> str:
    """docs/reference/settings.md."""
    lines = [
        MARK, "# Settings", "",
        "A configuration is a YAML file, named with `--config` or `FASHIONTREND_CONFIG`. A variable such as "
        f"`{PREFIX}ATTRNET__EPOCHS=4` overrides one setting. A key that does not exist is refused with the nearest "
        "right name; one that an earlier version had is refused with what to do.",
    ]  # fmt: skip
    for branch in branches():
        lines += ["", f"## {branch.path}" if branch.path else "## Top", "", branch.summary]
        if not branch.settings:
            continue
        lines += ["", "| setting | type | default | range | description |", "|---|---|---|---|---|"]
        for s in branch.settings:
            row = (f"`{s.path}`", s.kind, f"`{s.default}`", s.limits, s.description)
            lines.append("| " + " | ".join(_cell(c) for c in row) + " |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


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
    return TYPES.get(one.bare_type(), one.bare_type()) + ",".join(limits) + repeated


def cli_page() -> str:
    """docs/reference/cli.md."""
    lines = [MARK, "# Commands", "", textwrap.dedent(cli.__doc__ or "").strip()]
    panel = ""
    for command in commands():
        if command.panel != panel:
            panel = command.panel
            lines += ["", f"## {panel}"]
        lines += ["", f"### {command.name}", "", command.text]
        if command.parameters:
            lines += ["", "| option | type | default | description |", "|---|---|---|---|"]
        for p in command.parameters:
            row = (f"`{p.name}`", p.kind, f"`{p.default}`" if p.default else "", p.description)
            lines.append("| " + " | ".join(_cell(c) for c in row) + " |")
    return "\n".join(lines) + "\n"


def settings_list() -> str:
    """tests/settings.txt: the path of every setting, one a line."""
    return "".join(f"{setting.path}\n" for setting in settings())


def pages() -> Mapping[Path, str]:
    """Everything that this script writes."""
    return {
        SETTINGS: settings_list(),
        FOLDER / "settings.md": settings_page(),
        FOLDER / "cli.md": cli_page(),
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, "utf-8")
