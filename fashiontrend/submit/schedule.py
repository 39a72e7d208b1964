"""The pod of a schedule: create the day's RayJob, unless it exists or another one is unfinished.

A CronJob may start this twice or not at all. The day in its name makes a second RayJob
impossible, and the store's lock decides if two runs start all the same. Ray is not imported.
"""

import argparse
import logging
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from fashiontrend import console
from fashiontrend.errors import ConfigError, Conflict
from fashiontrend.submit.kube import RAYJOBS, KubeClient, connect
from fashiontrend.submit.manifest import Resource, fill, own

log = logging.getLogger(__name__)
INSTANCE = "app.kubernetes.io/instance"
#: `status.jobDeploymentStatus` of a RayJob that will not change any more.
FINISHED = {"Complete", "Failed", "ValidationFailed"}


@dataclass(frozen=True)
class Decision:
    """Whether to create the day's RayJob, and why."""

    create: bool
    reason: str


def decide(name: str, jobs: Iterable[Resource]) -> Decision:
    """One RayJob a day by name, and none while another of the release is unfinished.

    Args:
        name: of the day's RayJob.
        jobs: all RayJobs of the release, as the API server returns them.
    """
    states = {j["metadata"]["name"]: _state(j) for j in jobs}
    if name in states:
        return Decision(False, f"{name} exists already ({states[name]})")
    unfinished = sorted(n for n, state in states.items() if state not in FINISHED)
    if unfinished:
        return Decision(
            False, f"{', '.join(unfinished)} is unfinished ({states[unfinished[0]]}); not {name}"
        )
    return Decision(True, f"{name}: nothing else is running")


def _state(job: Resource) -> str:
    return (job.get("status") or {}).get("jobDeploymentStatus") or "New"


def outlived(jobs: Iterable[Resource], keep: timedelta, now: datetime) -> list[str]:
    """Names of the RayJobs that ended longer ago than they are to be kept.

    KubeRay deletes them by rules of the RayJob, but takes no rules for one that a queue may suspend.
    """
    return sorted(
        job["metadata"]["name"]
        for job in jobs
        if _state(job) in FINISHED and (end := _end(job)) is not None and now - end > keep
    )


def _end(job: Resource) -> datetime | None:
    text = (job.get("status") or {}).get("endTime")
    return datetime.fromisoformat(text) if text else None


def clear(job: Resource, keep: timedelta, client: KubeClient, now: datetime) -> list[str]:
    """Delete the RayJobs of a release that have outlived their time, and return their names.

    Args:
        job: a RayJob of the release, which names it.
        keep: how long a RayJob stays after its end.
        client: of the RayJob's namespace.
        now: the current time, with its zone.

    Raises:
        StoreError: the API server cannot be reached or refuses.
    """
    release = job["metadata"]["labels"][INSTANCE]
    names = outlived(client.find(RAYJOBS, f"{INSTANCE}={release}"), keep, now)
    for name in names:
        client.delete(RAYJOBS, name)
    return names


def start(job: Resource, cronjob: str, client: KubeClient) -> Decision:
    """Decide whether to create the day's RayJob, and create it if so.

    Args:
        job: the day's RayJob.
        cronjob: name of the CronJob that will own it.
        client: of the RayJob's namespace.

    Raises:
        StoreError: the API server cannot be reached or refuses.
    """
    own(job, "batch/v1", "CronJob", cronjob, client.cron_job_uid(cronjob))
    name, labels = job["metadata"]["name"], job["metadata"]["labels"]
    decision = decide(name, client.find(RAYJOBS, f"{INSTANCE}={labels[INSTANCE]}"))
    if not decision.create:
        return decision
    try:
        client.create(RAYJOBS, job)
    except Conflict:
        return Decision(False, f"{name} was created by another at the same time")
    return decision


def main() -> None:
    """Parse the command line; exit codes as everywhere."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--template", type=Path, required=True, help="This file holds a RayJob with {day}."
    )
    parser.add_argument(
        "--cronjob",
        required=True,
        help="This CronJob will own the RayJob, which is deleted with it.",
    )
    parser.add_argument(
        "--day", type=date.fromisoformat, help="The RayJob runs this UTC day. Default: today."
    )
    parser.add_argument(
        "--keep-seconds",
        type=int,
        help="RayJobs of the release that ended longer ago are deleted. Default: none is.",
    )
    arguments = parser.parse_args()

    def act() -> None:
        try:
            template = arguments.template.read_text("utf-8")
        except OSError as error:
            raise ConfigError(f"{arguments.template}: {error.strerror}. Name a file.") from error
        now = datetime.now(tz=UTC)
        job = fill(template, day=str(arguments.day or now.date()))
        client = connect(job["metadata"]["namespace"])
        decision = start(job, arguments.cronjob, client)
        log.info("%s: %s", "created" if decision.create else "nothing to do", decision.reason)
        if arguments.keep_seconds is not None:
            for name in clear(job, timedelta(seconds=arguments.keep_seconds), client, now):
                log.info("deleted %s, which had ended long ago", name)

    sys.exit(console.guard(act))


if __name__ == "__main__":
    main()
