"""Options that many commands share."""

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from fashiontrend.errors import ConfigError

ConfigOption = Annotated[
    str | None, typer.Option("--config", "-c", help="YAML file; $FASHIONTREND_CONFIG if not given.")
]
DayOption = Annotated[
    datetime | None,
    typer.Option(
        "--day",
        formats=["%Y-%m-%d"],
        help="Day of the run, in UTC; today if left out. Only archives, platforms with {day} in their base_url, "
        "can be crawled for a day that is over.",
    ),
]


def day_of(day: datetime | None) -> date:
    """The day that was asked for; today, in UTC, if none was."""
    return (day or datetime.now(tz=UTC)).date()


def names_in(text: str) -> tuple[str, ...]:
    """The names of a comma-separated list."""
    return tuple(a for a in text.split(",") if a)


def port_of(port: int) -> int:
    """A port to listen on, if there is one of that number.

    Raises:
        ConfigError: there is none.
    """
    if not 0 <= port <= 65535:
        raise ConfigError(f"--port {port}: there is no such port. Name one from 1 to 65535.")
    return port
