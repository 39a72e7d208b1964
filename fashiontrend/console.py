"""What a person at a terminal and a log collector see: one line per step, bars on long work."""

import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fashiontrend.errors import FashiontrendError

#: Everything for people goes to stderr; stdout is for results that programs read.
console = Console(stderr=True, highlight=False)
Advance = Callable[[int, str], None]


class Gathered(logging.Handler):
    """Writes lines a moment later, those of that moment together; warnings at once.

    A write and a flush for every line of an audit log cost a server more than making the line.
    A process that is killed takes the last moment's lines along; one that ends writes them.
    """

    def __init__(self, stream: TextIO, wait_s: float = 0.2) -> None:
        super().__init__()
        self.stream, self.wait_s = stream, wait_s
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line; the first one starts the clock."""
        try:
            self._lines.append(self.format(record))
        except Exception:
            self.handleError(record)
            return
        if record.levelno >= logging.WARNING:
            self.flush()
        elif len(self._lines) == 1:
            clock = threading.Timer(self.wait_s, self.flush)
            clock.daemon = True
            clock.start()

    def flush(self) -> None:
        """Write what is kept."""
        with self.lock:  # type: ignore[union-attr]  # only set to None by hand
            lines, self._lines = self._lines, []
            if lines:
                self.stream.write("\n".join(lines) + "\n")
                self.stream.flush()


def setup(verbose: bool = False) -> None:
    """Send the log to the terminal, or as plain lines where there is none."""
    level = logging.DEBUG if verbose else logging.INFO
    if sys.stderr.isatty():
        handler: logging.Handler = RichHandler(console=console, show_path=False, show_level=False)
        logging.basicConfig(level=level, format="%(message)s", handlers=[handler], force=True)
    else:
        logging.basicConfig(
            level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
        )
    for noisy in (
        "ray",
        "botocore",
        "boto3",
        "urllib3",
        "matplotlib",
        "PIL",
        "fontTools",
        "asyncio",
    ):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def guard(action: Callable[[], Any]) -> int:
    """Run a command or a job and return its exit code; an error of ours is told in its own words."""
    setup()
    warnings.simplefilter("ignore", FutureWarning)  # what libraries will change is not for users
    try:
        action()
    except FashiontrendError as error:
        console.print(f"[bold red]✘[/] {type(error).__name__}: ", end="")
        console.print(str(error), markup=False, soft_wrap=True)  # a path stays in one piece
        return error.exit_code
    return 0


@contextmanager
def bar(text: str, total: int) -> Iterator[Advance]:
    """A progress bar; yields `advance(steps, note)`. Without a terminal it prints a line every tenth part."""
    if console.is_terminal:
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(text, total=total, note="")

            def advance(steps: int, note: str = "") -> None:
                progress.update(task, advance=steps, note=note)

            yield advance
    else:
        yield _lines(text, total)


def _lines(text: str, total: int) -> Advance:
    seen, told = 0, -1

    def advance(steps: int, note: str = "") -> None:
        nonlocal seen, told
        seen += steps
        tenth = 10 * seen // max(total, 1)
        if tenth > told:
            told = tenth
            console.print(f"  {text} {seen}/{total} {note}".rstrip(), markup=False)

    return advance
