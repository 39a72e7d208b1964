"""Options that many commands share."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from fashiontrend.errors import ConfigError

ConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config",
        "-c",
        help="Settings are read from this YAML file. Without this option, $FASHIONTREND_CONFIG names the file, and "
        "without the variable it is ./fashiontrend.yaml, if there is one.",
    ),
]
DayOption = Annotated[
    datetime | None,
    typer.Option(
        "--day",
        formats=["%Y-%m-%d"],
        help="The command works on this day, in UTC. Without this option, the day is today. Only archives, "
        "platforms with {day} in their base_url, can be crawled for a day that is over.",
    ),
]


def day_of(day: datetime | None) -> date:
    """The day of `--day`, or today in UTC without it."""
    return (day or datetime.now(tz=UTC)).date()


def names_in(text: str) -> tuple[str, ...]:
    """The names of a comma-separated list."""
    return tuple(a for a in text.split(",") if a)


def port_of(port: int) -> int:
    """The number of a TCP port to listen on.

    Raises:
        ConfigError: no port has that number.
    """
    if not 0 <= port <= 65535:
        raise ConfigError(f"--port {port}: no port has this number. Name one from 1 to 65535.")
    return port


def write_file(path: Path, data: bytes) -> None:
    """Write a file that the caller named, and its folder.

    Raises:
        ConfigError: it cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}. Name another place."
        ) from error
