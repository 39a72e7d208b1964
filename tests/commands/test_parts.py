"""What a plain `pip install fashiontrend` can do, and what a command says whose packages are missing."""

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fashiontrend import cli
from fashiontrend.commands import parts

ROOT = Path(__file__).parents[2]
#: What the dependencies of the plain package bring; everything else is hidden from the process below.
PLAIN = {"httpx", "httpcore", "pydantic", "pydantic_core", "yaml", "rich", "typer", "click"}
HIDE = """
import importlib.abc, json, sys
hidden, commands = json.loads(sys.argv[1]), json.loads(sys.argv[2])

class Hide(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hide())
import fashiontrend.client
from typer.testing import CliRunner
from fashiontrend import cli
from fashiontrend.errors import FashiontrendError

for command in commands:
    try:
        done = CliRunner().invoke(cli.app, command, catch_exceptions=False)
        print(json.dumps([done.exit_code, done.output]))
    except FashiontrendError as error:
        print(json.dumps([error.exit_code, str(error)]))
"""


def others():
    """Every package of others that this one imports."""
    found = set()
    for file in [*(ROOT / "fashiontrend").rglob("*.py"), *(ROOT / "ray_jobs").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {name.name.split(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"fashiontrend", "ray_jobs"}


HELP = [[name, "--help"] for names in cli.PANELS.values() for name in names]
PLAINLY = {
    "version": ["version"],
    "the settings": ["config", "show"],
    "their schema": ["config", "schema"],
    "the taxonomy": ["taxonomy", "show"],
}  # fmt: skip
WANTING = {
    "run": "all",
    "crawl": "all",
    "forecast --series sales.csv": "train",
    "fit-attrnet pictures --out model": "train",
    "status": "train",
    "serve": "serve",
    "doctor": "train",
}


@pytest.fixture(scope="module")
def told():
    """What commands answered in a process that sees the plain package only: (exit code, text)."""
    commands = [*HELP, *PLAINLY.values(), *(text.split() for text in WANTING)]
    names = [*(name for name, _ in HELP), *PLAINLY, *WANTING]
    given = [json.dumps(sorted(others() - PLAIN)), json.dumps(commands)]
    done = subprocess.run(
        [sys.executable, "-c", HIDE, *given], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        "help": dict(zip(names, answers[: len(HELP)], strict=False)),
        "done": dict(zip(names[len(HELP) :], answers[len(HELP) :], strict=True)),
    }


def test_every_command_of_the_plain_package_has_help(told):
    assert {name: code for name, (code, _) in told["help"].items() if code} == {}


@pytest.mark.parametrize("name", PLAINLY)
def test_a_plain_package_shows(told, name):
    assert told["done"][name][0] == 0


@pytest.mark.parametrize(("command", "extra"), WANTING.items())
def test_a_command_whose_packages_are_missing_names_the_extra(told, command, extra):
    code, text = told["done"][command]
    assert (code, f"pip install 'fashiontrend[{extra}]'" in text) == (30, True), text


def test_a_missing_module_of_this_package_is_a_fault_and_no_missing_extra():
    with pytest.raises(ModuleNotFoundError):
        parts.missing("run", ModuleNotFoundError("x", name="fashiontrend.lost"))


def test_every_extra_that_a_command_names_exists():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(parts.EXTRAS.values()) <= set(project["optional-dependencies"])
    assert set(parts.EXTRAS) <= {name for names in cli.PANELS.values() for name in names}
