"""RayJobs through the Kubernetes API, with the official client (`pip install fashiontrend[kubernetes]`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from fashiontrend.config import ClusterConfig
from fashiontrend.errors import ConfigError, Conflict, StoreError
from fashiontrend.submit.jobs import Job, Request, State, read_exit_code
from fashiontrend.submit.manifest import GROUP, PLURAL, VERSION, fill, rayjob

#: Ours among the RayJobs of a namespace.
SELECTOR = "app.kubernetes.io/name=fashiontrend"
#: Key of the chart's ConfigMap.
TEMPLATE = "stage.yaml"
#: What KubeRay says of a job that will not go on, though Ray never gave it a status.
DEAD = ("Failed", "ValidationFailed")
STATES = {
    "PENDING": State.WAITING,
    "RUNNING": State.RUNNING,
    "SUCCEEDED": State.SUCCEEDED,
    "FAILED": State.FAILED,
    "STOPPED": State.STOPPED,
}


class Kubernetes:
    """The jobs of a namespace.

    Args:
        cfg: branch `cluster`.
        objects: the client's CustomObjectsApi; that of the pod or of the kubeconfig if None.
        pods: its CoreV1Api.
    """

    def __init__(self, cfg: ClusterConfig, objects: Any = None, pods: Any = None) -> None:
        self.cfg = cfg
        if objects is None:
            objects, pods = _connect()
        self.objects, self.pods = objects, pods

    def submit(self, request: Request) -> str:
        """Create the RayJob."""
        job = self.manifest(request)
        name = str(job["metadata"]["name"])
        with _told(f"create RayJob {name}"):
            self.objects.create_namespaced_custom_object(
                GROUP, VERSION, self.cfg.namespace, PLURAL, job
            )
        return name

    def manifest(self, request: Request) -> dict[str, Any]:
        """The RayJob of a request: from the chart's template where one is named, else from the settings."""
        if self.cfg.template is None:
            return rayjob(request, self.cfg)
        with _told(f"read ConfigMap {self.cfg.template}"):
            found = self.pods.read_namespaced_config_map(self.cfg.template, self.cfg.namespace)
        if TEMPLATE not in (found.data or {}):
            raise ConfigError(f"ConfigMap {self.cfg.template} holds no {TEMPLATE}.")
        job = fill(found.data[TEMPLATE], stage=request.stage, day=str(request.day))
        # Owned by the release's templates, so that an uninstall leaves no job behind.
        owner = {"name": self.cfg.template, "uid": found.metadata.uid}
        job["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", **owner}]
        return job

    def jobs(self) -> list[Job]:
        """All RayJobs of ours, oldest first."""
        with _told("list RayJobs"):
            found = self.objects.list_namespaced_custom_object(
                GROUP, VERSION, self.cfg.namespace, PLURAL, label_selector=SELECTOR
            )
        items = sorted(found["items"], key=lambda i: i["metadata"].get("creationTimestamp") or "")
        return [read_job(item) for item in items]

    def find(self, name: str) -> Job:
        """One RayJob."""
        with _told(f"read RayJob {name}"):
            return read_job(
                self.objects.get_namespaced_custom_object(
                    GROUP, VERSION, self.cfg.namespace, PLURAL, name
                )
            )

    def logs(self, name: str) -> str:
        """The submitter's log, which follows the driver's; its end is kept in the status when the pod is gone."""
        job = self.find(name)
        with _told(f"list pods of {name}"):
            pods = self.pods.list_namespaced_pod(
                self.cfg.namespace, label_selector=f"job-name={name}"
            ).items
        if not pods:
            return job.message
        with _told(f"read the log of {name}"):
            text: str = self.pods.read_namespaced_pod_log(
                pods[-1].metadata.name, self.cfg.namespace, container="ray-job-submitter"
            )
        return text or job.message


def read_job(item: dict[str, Any]) -> Job:
    """A RayJob as the API server holds it; one without a status yet is waiting."""
    status = item.get("status") or {}
    told = str(status.get("jobStatus") or "")
    message = str(status.get("message") or status.get("reason") or "")
    state = STATES.get(told, State.WAITING)
    if status.get("jobDeploymentStatus") in DEAD and state is not State.STOPPED:
        state = State.FAILED
    return Job(
        item["metadata"]["name"],
        item["spec"].get("entrypoint", ""),
        state,
        _time(status.get("startTime")),
        _time(status.get("endTime")),
        0 if state is State.SUCCEEDED else read_exit_code(message),
        message,
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _connect() -> tuple[Any, Any]:
    try:
        import kubernetes
    except ImportError as error:
        raise ConfigError(
            "the Kubernetes client is not installed: pip install 'fashiontrend[kubernetes]', "
            "or use --address of a running Ray cluster."
        ) from error
    try:
        kubernetes.config.load_config()
    except kubernetes.config.ConfigException as error:
        raise ConfigError(
            f"no Kubernetes cluster is configured: {error}. "
            "Set KUBECONFIG, run inside a pod, or use --address of a running Ray cluster."
        ) from error
    return kubernetes.client.CustomObjectsApi(), kubernetes.client.CoreV1Api()


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn what the client raises into an error that says what to do."""
    import kubernetes
    import urllib3

    try:
        yield
    except kubernetes.client.ApiException as error:
        raise _explain(what, error) from error
    except urllib3.exceptions.HTTPError as error:
        raise StoreError(
            f"{what}: the API server does not answer: {error}. Check KUBECONFIG and the network."
        ) from error


def _explain(what: str, error: Any) -> Exception:
    said = f"{what}: {error.status} {error.reason}: {_message(error)}"
    if error.status == 404:
        return ConfigError(
            f"{said}. Check the name (`fashiontrend jobs`), cluster.namespace, and that KubeRay is installed."
        )
    if error.status == 409:
        return Conflict(f"{said}. It was submitted already: `fashiontrend jobs`.")
    if error.status in (400, 422):
        return ConfigError(f"{said}. Correct the branch `cluster` of the configuration.")
    if error.status in (401, 403):
        return StoreError(
            f"{said}. The account needs create, get and list of rayjobs.ray.io, and reads of pods and their logs."
        )
    return StoreError(f"{said}. Try again, or look at the API server.")


def _message(error: Any) -> str:
    import json

    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.body or "")[:300]
