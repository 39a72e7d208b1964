"""A submitted job, as both ways of submitting see it: as a RayJob, or through a running Ray's job API."""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from fashiontrend.errors import ConfigError
from fashiontrend.loop import Step

#: What can be submitted: the whole loop, and each of its steps.
STAGES = ("run", *map(str, Step))
POLL_S = 3.0
_EXIT_CODE = re.compile(r"exit code (\d+)")


class State(StrEnum):
    """The state of a job."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"


ENDED = (State.SUCCEEDED, State.FAILED, State.STOPPED)


@dataclass(frozen=True)
class Request:
    """A stage of a day's run to submit, and the name of the job."""

    stage: str
    day: date
    name: str

    @property
    def entrypoint(self) -> str:
        """The command that runs it on the cluster, without the name of the configuration file."""
        step = "" if self.stage == "run" else f" {self.stage}"
        return f"python -m ray_jobs.run{step} --day {self.day}"


@dataclass(frozen=True)
class Job:
    """The state of a submitted job; `message` is what the cluster says about its end."""

    name: str
    entrypoint: str
    state: State
    started: datetime | None = None
    ended: datetime | None = None
    exit_code: int | None = None
    message: str = ""

    @property
    def result(self) -> int:
        """The exit code that a command ends with for the job: the job's own, or 1 if that is unknown."""
        if self.state in (State.FAILED, State.STOPPED):
            return self.exit_code or 1
        return 0


class Cluster(Protocol):
    """A cluster to which jobs can be submitted. Every method raises StoreError if the cluster cannot be reached."""

    def submit(self, request: Request) -> str:
        """Submit a job and return its name."""

    def jobs(self) -> list[Job]:
        """All jobs that the cluster still knows, oldest first."""

    def find(self, name: str) -> Job:
        """One job.

        Raises:
            ConfigError: there is no job of that name.
        """

    def logs(self, name: str) -> str:
        """The log that the job's driver has written so far."""


def make_request(stage: str, day: date, now: datetime) -> Request:
    """A request whose name no earlier one has: stage, day and time of day.

    Raises:
        ConfigError: there is no such stage; the message names the nearest.
    """
    if stage not in STAGES:
        near = difflib.get_close_matches(stage, STAGES, n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"there is no stage {stage!r}; there are: {', '.join(STAGES)}.{hint}")
    return Request(stage, day, f"{stage}-{day:%Y%m%d}-{now:%H%M%S}")


def read_exit_code(message: str) -> int | None:
    """The exit code in a message of Ray's: `Job entrypoint command failed with exit code 10, ...`."""
    found = _EXIT_CODE.search(message)
    return int(found[1]) if found else None


def wait(cluster: Cluster, name: str, pause: Callable[[float], None]) -> Job:
    """Wait for a job to end and return it; `pause` is called between two looks."""
    while (job := cluster.find(name)).state not in ENDED:
        pause(POLL_S)
    return job


def last_lines(text: str, lines: int) -> str:
    """The last lines of a log."""
    return "\n".join(text.rstrip().splitlines()[-lines:])
