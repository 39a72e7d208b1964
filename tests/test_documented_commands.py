"""What the documents tell a reader to type exists: commands, options, targets, modules, files.

`tests/integration/test_readme.py` really types the README's blocks.
"""

import re
from collections.abc import Iterator
from datetime import date
from importlib.util import find_spec
from typing import Any

import pytest
import typer

from fashiontrend import cli
from fashiontrend import config as configuration
from tests.documented import DOCUMENTS, ROOT, Command, commands, spans, unmarked_blocks

COMMANDS = [c for document in DOCUMENTS for c in commands(document)]
SPANS = [c for document in DOCUMENTS for c in spans(document)]


def after(program: str, typed: list[Command] = COMMANDS) -> list[tuple[str, ...]]:
    """The words after a program's name, wherever it is typed."""
    return [p[1:] for c in typed for p in c.parts if p[0] == program]


def resolve(words: tuple[str, ...]) -> tuple[Any, list[str]]:
    """The sub-command's context, and the words that are left for it."""
    command, left = typer.main.get_command(cli.app), list(words)
    context = command.context_class(command, info_name="fashiontrend")
    while hasattr(command, "resolve_command") and left and not left[0].startswith("-"):
        name, command, left = command.resolve_command(context, left)
        context = command.context_class(command, info_name=name, parent=context)
    return context, left


def options(context: Any) -> set[str]:
    """Every option of a command, by all of its names."""
    return {o for p in context.command.get_params(context) for o in (*p.opts, *p.secondary_opts)}


def test_the_documents_hold_commands():
    assert len(after("fashiontrend")) > 15
    assert {c.document for c in COMMANDS} >= {"README.md", "docs/deploy.md", "docs/operations.md"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_a_block_of_commands_says_that_it_is_for_a_shell(document):
    assert unmarked_blocks(document) == []


@pytest.mark.parametrize("words", after("fashiontrend"), ids=" ".join)
def test_a_typed_command_is_one_that_the_parser_takes(words):
    context, left = resolve(words)
    context.command.make_context(context.info_name, left, parent=context.parent)


@pytest.mark.parametrize("words", sorted(set(after("fashiontrend", SPANS))), ids=" ".join)
def test_a_mentioned_command_exists_with_its_options(words):
    context, left = resolve(words)
    named = {w.split("=")[0] for w in left if re.match("--?[a-z]", w)}
    assert named <= options(context)


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("runn", "--config", "my.yaml"), "No such command"),
        (("run", "--konfig", "my.yaml"), "No such option"),
        (("forecast", "--series", "weekly.csv"), "horizon"),
        (("submit",), "stage"),
        (("run", "--day", "tomorrow"), "does not match"),
    ],
    ids=["command", "option", "missing option", "missing argument", "value"],
)
def test_a_wrong_command_would_be_found(words, wrong):
    with pytest.raises(Exception, match=wrong):
        test_a_typed_command_is_one_that_the_parser_takes(words)


def test_every_make_target_exists():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.M))
    typed = {w for words in after("make") for w in words if "=" not in w}
    assert typed
    assert typed <= targets


def modules() -> Iterator[str]:
    for words in (*after("python"), *after("fashiontrend")):
        yield from (words[n + 1] for n, w in enumerate(words[:-1]) if w == "-m")


def test_every_module_that_is_run_exists():
    assert [m for m in modules() if find_spec(m) is None] == []


def test_every_file_of_the_repository_that_is_named_exists():
    ours = {p.name for p in ROOT.iterdir() if p.is_dir()} - {"build"}
    words = {w for c in COMMANDS for part in c.parts for w in part if "/" in w and "*" not in w}
    named = {w for w in words if w.split("/")[0] in ours}
    assert named
    assert [w for w in sorted(named) if not (ROOT / w).exists()] == []


def asks_live_shops(words: tuple[str, ...]) -> bool:
    """Whether a command may ask shops that show what they sell today."""
    files = [words[n + 1] for n, w in enumerate(words[:-1]) if w in ("--config", "-c")]
    if not files or not (ROOT / files[0]).exists():
        return True
    crawl = configuration.load(str(ROOT / files[0])).crawl
    return any(not p.archive for p in crawl.crawled)


def has_day(words: tuple[str, ...]) -> bool:
    return any(re.fullmatch(r"(--day=)?\d{4}-\d\d-\d\d", w) for w in words) and "--day" in str(
        words
    )


@pytest.mark.parametrize("words", after("fashiontrend"), ids=" ".join)
def test_no_day_is_written_out_where_a_shop_can_be_asked_for_today_only(words):
    """Seen: the README's third command named a day, and ended with 20 on every other day."""
    assert not (has_day(words) and asks_live_shops(words))


def test_a_day_that_is_written_out_would_be_found():
    words = ("run", "--config", "my.yaml", "--day", str(date(2026, 11, 23)))
    assert has_day(words)
    assert asks_live_shops(words)
