"""Draw sentences to be read aloud by somebody new: `python -m tests.read_aloud [--seed 0] [--number 20]`.

The same seed and tree give the same sentences. The sources are descriptions of settings, public docstrings, help of
commands, error texts of the API, and the pages of the documentation.
"""

import argparse
import ast
import inspect
import random
import re
from collections.abc import Iterator
from pathlib import Path

from tests.house_counts import ROOT, SOURCES, arguments, commands, settings

#: Pages that are read by people; generated references repeat what other sources hold.
PAGES = sorted(
    [
        *(p for p in ROOT.glob("docs/**/*.md") if "reference" not in p.parts),
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    ]
)
#: A sentence ends with a mark that white space and a capital, a digit or a quote follow.
END = re.compile(r"(?<=[.!?:])\s+(?=[A-Z0-9`\"(\[*])")
SHORTEST = 3
#: Beginnings of the sections of a docstring, which are lists and no sentences.
SECTION = re.compile(r"\n\s*(Args|Attributes|Returns|Raises|Yields|Example|Examples):\s*\n")


def sentences(text: str) -> list[str]:
    """The sentences of a text, each in one line."""
    found = [" ".join(part.split()) for part in END.split(text)]
    return [s for s in found if len(s.split()) >= SHORTEST]


def of_settings() -> list[str]:
    """Sentences of the settings' descriptions, each after the name of its setting."""
    return [f"{s.name}: {each}" for s in settings() for each in sentences(s.description or "")]


def of_commands() -> list[str]:
    """Sentences of the help of commands and of their arguments."""
    texts = [(path, command.help or "") for path, command in commands()]
    texts += [(a.name, a.description or "") for a in arguments()]
    return [f"{name}: {each}" for name, text in texts for each in sentences(text)]


def of_docstrings() -> list[str]:
    """Sentences of the docstrings of public modules, classes and functions, sections of lists left out."""
    return [
        f"{path.relative_to(ROOT)}: {each}"
        for path in SOURCES
        for text in _docstrings(ast.parse(path.read_text("utf-8")))
        for each in sentences(SECTION.split(text)[0])
    ]


def of_api_errors() -> list[str]:
    """Texts that the server may answer with: what is handed to a `Problem` or to `busy`; values appear as `{...}`."""
    return [
        f"{path.relative_to(ROOT)}: {each}"
        for path in SOURCES
        if path.is_relative_to(ROOT / "fashiontrend/serve")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and _called(node) in ("Problem", "busy")
        for text in map(_text, node.args)
        for each in sentences(text)
    ]


def of_pages() -> list[str]:
    """Sentences of the pages without code, tables, headings and diagrams."""
    return [
        f"{page.relative_to(ROOT)}: {each}"
        for page in PAGES
        for paragraph in _paragraphs(page)
        for each in sentences(paragraph)
    ]


SOURCES_OF_TEXT = {
    "descriptions of settings": of_settings,
    "public docstrings": of_docstrings,
    "help of commands": of_commands,
    "error texts of the API": of_api_errors,
    "pages of the documentation": of_pages,
}


def draw(seed: int, number: int) -> dict[str, list[str]]:
    """As many sentences of each source, drawn without repetition; all of a source that has fewer."""
    found = {}
    for name, read in SOURCES_OF_TEXT.items():
        known = sorted(set(read()))
        found[name] = random.Random(f"{seed} {name}").sample(known, min(number, len(known)))
    return found


def _docstrings(tree: ast.Module) -> Iterator[str]:
    kinds = ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
    for node in ast.walk(tree):
        public = isinstance(node, ast.Module) or (
            isinstance(node, kinds) and not node.name.startswith("_")
        )
        if public and (text := ast.get_docstring(node)):
            yield inspect.cleandoc(text)


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _text(node: ast.expr) -> str:
    """A text that is written in the code, joined; empty if it is no text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return f"{{{ast.unparse(node.value)}}}"
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    return ""


def _paragraphs(page: Path) -> Iterator[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.S | re.M)
    for block in re.split(r"\n\s*\n|\n(?=[-*] |\d+\. )", text):
        lines = [
            line for line in block.splitlines() if not line.lstrip().startswith(("|", "#", "!"))
        ]
        yield re.sub(r"^(?:[-*]|\d+\.) ", "", " ".join(lines).strip())


def main() -> None:
    """Print the drawn sentences, numbered, source by source."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="Seed of the draw.")
    parser.add_argument("--number", type=int, default=20, help="Sentences of each source.")
    options = parser.parse_args()
    for name, found in draw(options.seed, options.number).items():
        print(f"\n## {name}\n", *(f"{n}. {s}" for n, s in enumerate(found, 1)), sep="\n")


if __name__ == "__main__":
    main()
