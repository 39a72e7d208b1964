"""What a schedule's pod does: create the day's RayJob, unless the day has one or another is unfinished.

A CronJob may start this twice or not at all; the name of the day makes a second RayJob
impossible, and the store's lock decides if two runs start all the same. Ray is not imported.
"""

import argparse
import json
import logging
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import kubernetes
import urllib3
import yaml

from fashiontrend import console
from fashiontrend.errors import ConfigError, StoreError
from fashiontrend.submit.manifest import fill

log = logging.getLogger(__name__)
GROUP, VERSION, RAYJOBS = "ray.io", "v1", "rayjobs"
INSTANCE = "app.kubernetes.io/instance"
#: `status.jobDeploymentStatus` of a RayJob that will not change any more.
FINISHED = {"Complete", "Failed", "ValidationFailed"}
CONFLICT = 409
#: Seconds to connect and to be answered: a policy that drops packets must not hold a pod for minutes.
PATIENCE = {"_request_timeout": (5, 20)}


@dataclass(frozen=True)
class Decision:
    """Whether to create the day's RayJob, and why."""

    create: bool
    reason: str


def decide(name: str, jobs: Iterable[dict[str, Any]]) -> Decision:
    """One RayJob a day by name, and none while another of the release is unfinished.

    Args:
        name: of the day's RayJob.
        jobs: all RayJobs of the release, as the API server answers.
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


def _state(job: dict[str, Any]) -> str:
    return (job.get("status") or {}).get("jobDeploymentStatus") or "New"


def owner_of(cronjob: Any) -> dict[str, Any]:
    """The reference that lets a RayJob go with its CronJob."""
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": cronjob.metadata.name,
        "uid": cronjob.metadata.uid,
    }


def start(template: str, cronjob: str, day: date) -> Decision:
    """Decide, and create the RayJob if so.

    Raises:
        StoreError: the API server cannot be reached or refuses.
    """
    client = connect()
    try:
        batch, custom = (
            kubernetes.client.BatchV1Api(client),
            kubernetes.client.CustomObjectsApi(client),
        )
        namespace = yaml.safe_load(template)["metadata"]["namespace"]
        owner = owner_of(batch.read_namespaced_cron_job(cronjob, namespace, **PATIENCE))
        job = fill(template, day=str(day))
        job["metadata"]["ownerReferences"] = [owner]
        meta = job["metadata"]
        place = (GROUP, VERSION, namespace, RAYJOBS)
        label = f"{INSTANCE}={meta['labels'][INSTANCE]}"
        found = custom.list_namespaced_custom_object(*place, label_selector=label, **PATIENCE)
        decision = decide(meta["name"], found["items"])
        if decision.create:
            custom.create_namespaced_custom_object(*place, job, **PATIENCE)
        return decision
    except kubernetes.client.ApiException as error:
        if error.status == CONFLICT:
            return Decision(False, f"{meta['name']} was created by another at the same time")
        raise refused(error) from error
    except urllib3.exceptions.HTTPError as error:
        raise StoreError(
            f"the API server does not answer: {error}. Look at the NetworkPolicy reaches-api-server and its addresses."
        ) from error


def connect() -> Any:
    """A client with the pod's service account, or with the caller's kubeconfig outside a cluster.

    Raises:
        ConfigError: neither is there.
    """
    settings = kubernetes.client.Configuration()
    try:
        kubernetes.config.load_config(client_configuration=settings)
    except kubernetes.config.ConfigException as error:
        raise ConfigError(
            f"no way to a cluster: {error} Run in a pod with a service account, or set KUBECONFIG."
        ) from error
    # With pauses: a network lets a new pod through only once it has learnt of it.
    settings.retries = urllib3.Retry(4, backoff_factor=0.5)
    return kubernetes.client.ApiClient(settings)


def refused(error: Any) -> StoreError:
    """What the API server said, with what to do."""
    try:
        said = json.loads(error.body)["message"]
    except (TypeError, ValueError, KeyError):
        said = error.reason
    return StoreError(f"the API server refuses: {error.status} {said}. Compare the chart's Roles.")


def main() -> None:
    """Parse the command line; exit codes as everywhere."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--template", type=Path, required=True, help="RayJob with {day}")
    parser.add_argument("--cronjob", required=True, help="its name; it will own the RayJob")
    parser.add_argument("--day", type=date.fromisoformat, help="UTC day; today if not given")
    arguments = parser.parse_args()

    def act() -> None:
        try:
            template = arguments.template.read_text("utf-8")
        except OSError as error:
            raise ConfigError(f"{arguments.template}: {error.strerror}. Name a file.") from error
        day = arguments.day or datetime.now(tz=UTC).date()
        decision = start(template, arguments.cronjob, day)
        log.info("%s: %s", "created" if decision.create else "nothing to do", decision.reason)

    sys.exit(console.guard(act))


if __name__ == "__main__":
    main()
