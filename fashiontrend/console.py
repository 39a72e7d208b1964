"""Output for people and log collectors: the log, progress bars, and errors with their exit code."""

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

#: Output for people goes here; stdout is for results that programs read.
stderr = Console(stderr=True, highlight=False)
Advance = Callable[[int, str], None]


class BufferedHandler(logging.Handler):
    """Writes log lines in groups after a short wait, and warnings at once.

    A write and a flush for every line of an audit log cost a server more than formatting the line.
    A process that ends normally writes all lines; one that is killed loses those of the last
    `wait_s` seconds.
    """

    def __init__(self, stream: TextIO, wait_s: float = 0.2) -> None:
        super().__init__()
        self.stream, self.wait_s = stream, wait_s
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line; the first one starts the timer."""
        try:
            self._lines.append(self.format(record))
        except Exception:
            self.handleError(record)
            return
        if record.levelno >= logging.WARNING:
            self.flush()
        elif len(self._lines) == 1:
            timer = threading.Timer(self.wait_s, self.flush)
            timer.daemon = True
            timer.start()

    def flush(self) -> None:
        """Write the lines that were kept."""
        with self.lock:  # type: ignore[union-attr]  # only set to None by hand
            lines, self._lines = self._lines, []
            if lines:
                self.stream.write("\n".join(lines) + "\n")
                self.stream.flush()


def setup(verbose: bool = False) -> None:
    """Send the log to the terminal, or write plain lines to stderr if there is no terminal."""
    level = logging.DEBUG if verbose else logging.INFO
    if sys.stderr.isatty():
        handler: logging.Handler = RichHandler(console=stderr, show_path=False, show_level=False)
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
    """Run a command or a job and return its exit code.

    A `FashiontrendError` is printed as one message, without a traceback, and decides the exit code.
    """
    setup()
    warnings.simplefilter("ignore", FutureWarning)  # users cannot act on what libraries will change
    try:
        action()
    except FashiontrendError as error:
        stderr.print(f"[bold red]✘[/] {type(error).__name__}: ", end="")
        stderr.print(str(error), markup=False, soft_wrap=True)  # a path stays in one piece
        return error.exit_code
    return 0


@contextmanager
def bar(text: str, total: int) -> Iterator[Advance]:
    """Show a progress bar; yields `advance(steps, note)`.

    Without a terminal, a line is printed for every tenth of the total.
    """
    if stderr.is_terminal:
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=stderr, transient=True) as progress:
            task = progress.add_task(text, total=total, note="")

            def advance(steps: int, note: str = "") -> None:
                progress.update(task, advance=steps, note=note)

            yield advance
    else:
        yield _lines(text, total)


def _lines(text: str, total: int) -> Advance:
    done, printed = 0, -1

    def advance(steps: int, note: str = "") -> None:
        nonlocal done, printed
        done += steps
        tenth = 10 * done // max(total, 1)
        if tenth > printed:
            printed = tenth
            stderr.print(f"  {text} {done}/{total} {note}".rstrip(), markup=False)

    return advance
