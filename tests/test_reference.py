"""The reference pages are those of the code, and everything in them is a sentence."""

import re

import pytest

from docs.pages import commands, settings
from docs.pages.__main__ import SETTINGS as LIST
from docs.pages.__main__ import pages
from fashiontrend import cli

#: A description that begins with one of these has no subject: "Of one request", "Instead of serve.port".
FRAGMENTS = ("As", "By", "For", "Instead", "Of", "On", "That", "To", "Until", "Which", "Whose")
LEAST_WORDS = 5
PAGES = pages()


SETTINGS = [(s.path, s.description) for s in settings.settings()]
COMMANDS = [(c.name, c.text.split("\n\n")[0]) for c in commands.commands()]
PARAMETERS = [
    (f"{c.name} {p.name}", p.description) for c in commands.commands() for p in c.parameters
]


def faults(text: str) -> list[str]:
    """What keeps a text from being a whole sentence, as far as a program can see.

    The rule: it begins with a capital letter or a quoted name, ends with a full stop, has at
    least five words, and does not begin with a word that leaves it without a subject.
    """
    found = []
    if not re.match(r"[A-Z`$]", text):
        found.append("it does not begin with a capital letter")
    if not text.endswith("."):
        found.append("it does not end with a full stop")
    if len(text.split()) < LEAST_WORDS:
        found.append(f"it has fewer than {LEAST_WORDS} words")
    if text.split(" ")[0] in FRAGMENTS:
        found.append("it begins without a subject")
    return found


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "fewer than 5 words"),
        ("Of one request.", "without a subject"),
        ("days that are read, at most.", "capital letter"),
        ("A run reads at most this many days", "full stop"),
        ("A run reads at most this many days.", ""),
    ],
)
def test_the_rule_sees_fragments(text, fault):
    assert fault in " ".join(faults(text))
    assert bool(faults(text)) == bool(fault)


@pytest.mark.parametrize(("path", "text"), SETTINGS, ids=[path for path, _ in SETTINGS])
def test_every_setting_is_described_by_a_sentence(path, text):
    assert faults(text) == []


@pytest.mark.parametrize(("name", "text"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_command_is_described_by_a_sentence(name, text):
    assert faults(text) == []


@pytest.mark.parametrize(("name", "text"), PARAMETERS, ids=[name for name, _ in PARAMETERS])
def test_every_option_and_argument_is_described_by_a_sentence(name, text):
    assert faults(text) == []


def test_the_settings_are_those_of_the_list():
    """A setting is added or removed on purpose: the list changes with it, and so does this count."""
    listed = LIST.read_text("utf-8").splitlines()
    assert [path for path, _ in SETTINGS] == listed, "make reference"
    assert len([path for path in listed if not path.startswith("attrnet.")]) <= 200


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_page_is_that_of_the_code(path):
    assert path.read_text("utf-8") == PAGES[path], "make reference"


def test_every_command_stands_in_one_panel_of_the_help():
    registered = {
        command.name or command.callback.__name__
        for part in cli.app.registered_groups
        for command in part.typer_instance.registered_commands
    }
    groups = {
        group.name
        for part in cli.app.registered_groups
        for group in part.typer_instance.registered_groups
    }
    listed = [name for names in cli.PANELS.values() for name in names]
    assert sorted(listed) == sorted(registered | groups)
