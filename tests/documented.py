"""The commands that the documents tell a reader to type."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "k8s/README.md")),
        *(p for p in ROOT.glob("docs/**/*.md") if "reference" not in p.parts),
    ]
)
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.M | re.S)
_HEADING = re.compile(r"^#+ (.+)$", re.M)
_SPAN = re.compile(r"`([^`\n]+)`")
_SHELLS = {"sh", "bash", "console"}


@dataclass(frozen=True)
class Command:
    """One line that a reader types, without its comment."""

    document: str
    heading: str
    text: str

    @property
    def parts(self) -> tuple[tuple[str, ...], ...]:
        """The words of each simple command of the line, split at pipes, redirections and `&&`."""
        lexer = shlex.shlex(self.text, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        parts: list[list[str]] = [[]]
        for word in lexer:
            if set(word) <= set("&|;()<>"):
                parts.append([])
            else:
                parts[-1].append(word)
        return tuple(tuple(p) for p in parts if p)


def commands(document: Path) -> Iterator[Command]:
    """Every line of the document's shell blocks, with continued lines joined."""
    text = document.read_text("utf-8")
    for fence in _FENCE.finditer(text):
        language, body = fence.groups()
        if language in _SHELLS:
            *_, heading = ["", *_HEADING.findall(text[: fence.start()])]
            for line in body.replace("\\\n", " ").splitlines():
                if typed := _without_comment(line):
                    yield Command(str(document.relative_to(ROOT)), heading, typed)


def _without_comment(line: str) -> str:
    return re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()


def unmarked_blocks(document: Path) -> list[str]:
    """Blocks that hold our command and do not say that they are for a shell."""
    found = _FENCE.findall(document.read_text("utf-8"))
    return [
        body for kind, body in found if kind not in _SHELLS and "\nfashiontrend " in "\n" + body
    ]


def spans(document: Path) -> Iterator[Command]:
    """Mentions of our command within the prose."""
    text = _FENCE.sub("", document.read_text("utf-8"))
    for span in _SPAN.findall(text):
        if span.startswith("fashiontrend "):
            yield Command(str(document.relative_to(ROOT)), "", span)
