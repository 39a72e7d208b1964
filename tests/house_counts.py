"""Count what the house promises to keep small: `python -m tests.house_counts [--list]`.

Every number is counted from the tree, so the table shows what the code is and not what somebody remembers.
The rule of each count is the docstring of its function.
"""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import click
import grimp
import typer
from pydantic import BaseModel

from fashiontrend.cli import app
from fashiontrend.config import Config

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("fashiontrend/**/*.py"), *ROOT.glob("ray_jobs/**/*.py")])

#: A description that begins with one of these words needs the reader to guess what it continues.
CONTINUING = re.compile(
    "about|as|by|for|instead|of|over|than|that|then|to|under|until|which|who|whose", re.I
)
FEWEST_WORDS = 4


@dataclass(frozen=True)
class Described:
    """A setting or an argument: its name as people type it, and its description, None if it has none."""

    name: str
    description: str | None


@dataclass(frozen=True)
class Count:
    """One row of the table. A target of None is stated by no issue."""

    measure: str
    value: int
    target: str | None = None
    examples: tuple[str, ...] = ()


def modules_at_the_top() -> list[str]:
    """Modules directly under `fashiontrend/`, without `__init__` and `__main__`."""
    return sorted(
        {p.stem for p in ROOT.glob("fashiontrend/*.py")} - {"__init__", "__main__"},
    )


def jobs_without_ray() -> list[str]:
    """Modules of `ray_jobs/`, `__init__` aside, with no import of Ray, not even inside a function."""
    return [
        p.name
        for p in sorted(ROOT.glob("ray_jobs/*.py"))
        if p.name != "__init__.py" and "ray" not in _imported(p)
    ]


def steps_named_by_strings() -> list[str]:
    """Texts in the code that are exactly the dotted name of a module of `ray_jobs` or `fashiontrend.pipeline`.

    A module that is named so is found by no checker when it moves.
    """
    modules = {
        ".".join(p.relative_to(ROOT).with_suffix("").parts)
        for p in SOURCES
        if p.is_relative_to(ROOT / "ray_jobs") or p.is_relative_to(ROOT / "fashiontrend/pipeline")
    }
    return [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.value}"
        for path in SOURCES
        for node in ast.walk(_parsed(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.split(":")[0] in modules
    ]


def module_cycles() -> list[str]:
    """Groups of modules that import one another in a circle: strongly connected parts of the import graph."""
    graph = grimp.build_graph("fashiontrend", "ray_jobs")
    reached = {m: graph.find_upstream_modules(m) for m in graph.modules}
    groups = {
        frozenset(m for m in upstream if module in reached[m]) | {module}
        for module, upstream in reached.items()
    }
    return sorted(" ".join(sorted(group)) for group in groups if len(group) > 1)


def loose_mappings() -> list[str]:
    """Lines of code that mention `dict[str, Any]`."""
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in SOURCES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if "dict[str, Any]" in line
    ]


def repeated_class_names() -> list[str]:
    """Names that more than one class at the top of a module has; names with a leading underscore are left out."""
    homes: dict[str, list[str]] = defaultdict(list)
    for path in SOURCES:
        for node in _parsed(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(str(path.relative_to(ROOT)))
    return [
        f"{name}: {', '.join(files)}" for name, files in sorted(homes.items()) if len(files) > 1
    ]


def settings() -> list[Described]:
    """The fields of every class of the configuration; a class that stands in two places counts once.

    Branches count too, as the issue's figure of 288 did.
    """
    found: dict[tuple[type[BaseModel], str], Described] = {}
    for name, model, field, description in _fields(Config, ""):
        found.setdefault((model, field), Described(name, description))
    return list(found.values())


def arguments() -> list[Described]:
    """Every option and argument of every command, but for those that Typer adds to install completion."""
    return [
        Described(f"{path} {parameter.name}", getattr(parameter, "help", None))
        for path, command in commands()
        for parameter in command.params
        if parameter.name not in ("install_completion", "show_completion")
    ]


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command and group of commands with its path, such as `fashiontrend releases list`."""
    waiting: list[tuple[str, click.Command]] = [("fashiontrend", typer.main.get_command(app))]
    while waiting:
        path, command = waiting.pop(0)
        yield path, command
        inner = getattr(command, "commands", {})
        waiting += [(f"{path} {name}", each) for name, each in inner.items()]


def is_fragment(description: str) -> bool:
    """Whether a description is less than a phrase that stands by itself.

    It is a fragment if it does not end with a full stop, has fewer than four words, or begins with a word
    that continues a phrase which is not there (`CONTINUING`). A phrase without a verb that says what is set,
    such as "Maximum number of retries of a request.", is none.
    """
    words = re.findall(r"[\w'-]+", description)
    return (
        not description.rstrip().endswith((".", "?", ".)"))
        or len(words) < FEWEST_WORDS
        or CONTINUING.fullmatch(words[0]) is not None
    )


def fragments(described: list[Described]) -> list[str]:
    """Descriptions that are fragments; a missing one is counted elsewhere."""
    return [
        f"{d.name}: {d.description}"
        for d in described
        if d.description and is_fragment(d.description)
    ]


def all_counts() -> list[Count]:
    """The rows of the table, in the order of the issue."""
    known, options = settings(), arguments()
    outside = [s for s in known if not s.name.startswith("attrnet.")]
    return [
        _count("modules at the top of the package", modules_at_the_top(), "at most 10"),
        _count("modules of `ray_jobs/` that do not import Ray", jobs_without_ray(), "0"),
        _count("steps named by strings", steps_named_by_strings(), "0"),
        _count("module cycles", module_cycles(), "0"),
        _count("`dict[str, Any]`", loose_mappings(), "under 100"),
        _count("class names that stand for several ideas", repeated_class_names(), "under 5"),
        Count("settings", len(known)),
        Count("settings outside `attrnet`", len(outside), "at most 200"),
        _count("settings without a description", [s.name for s in known if not s.description], "0"),
        _count("fragments as descriptions of settings", fragments(known), "0"),
        Count("arguments of commands", len(options)),
        _count(
            "arguments without a description", [o.name for o in options if not o.description], "0"
        ),
        _count("fragments as descriptions of arguments", fragments(options), "0"),
    ]


def as_markdown(counts: list[Count]) -> str:
    """The table as docs/results.md takes it."""
    rows = [f"| {c.measure} | {c.value} | {c.target or ''} |" for c in counts]
    return "\n".join(["| measure | value | target |", "|---|---|---|", *rows])


def _count(measure: str, found: list[str], target: str | None) -> Count:
    return Count(measure, len(found), target, tuple(found))


def _fields(
    model: type[BaseModel], above: str
) -> Iterator[tuple[str, type[BaseModel], str, str | None]]:
    for field, info in model.model_fields.items():
        yield above + field, model, field, info.description
        for inner in _models(info.annotation):
            yield from _fields(inner, f"{above}{field}.")


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _imported(path: Path) -> set[str]:
    """First parts of the names of all modules that a file imports."""
    names = set()
    for node in ast.walk(_parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def main() -> None:
    """Print the table and, if `--list` is given, what stands behind each number."""
    counts = all_counts()
    print(as_markdown(counts))
    for count in counts if "--list" in sys.argv else ():
        print(f"\n{count.measure}:", *count.examples, sep="\n  ")


if __name__ == "__main__":
    main()
