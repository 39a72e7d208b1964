"""Jobs as RayJobs on Kubernetes, from the template that a release of the chart keeps."""

from datetime import datetime

from fashiontrend.config import ClusterConfig
from fashiontrend.errors import ConfigError
from fashiontrend.submit.jobs import Job, Request, State, read_exit_code
from fashiontrend.submit.kube import RAYJOBS, KubeClient, connect
from fashiontrend.submit.manifest import Resource, fill, own

#: RayJobs of this package among those of a namespace.
SELECTOR = "app.kubernetes.io/name=fashiontrend"
#: Key of the template in the chart's ConfigMap.
TEMPLATE = "stage.yaml"
#: `jobDeploymentStatus` of a RayJob that has ended though Ray never gave it a status.
DEAD = ("Failed", "ValidationFailed")
STATES = {
    "PENDING": State.WAITING,
    "RUNNING": State.RUNNING,
    "SUCCEEDED": State.SUCCEEDED,
    "FAILED": State.FAILED,
    "STOPPED": State.STOPPED,
}


class RayJobs:
    """The RayJobs of a namespace.

    Args:
        cfg: branch `cluster`.
        client: the Kubernetes API; that of the pod or of the kubeconfig if None.
    """

    def __init__(self, cfg: ClusterConfig, client: KubeClient | None = None) -> None:
        self.cfg = cfg
        self.client = connect(cfg.namespace) if client is None else client

    def submit(self, request: Request) -> str:
        """Create the RayJob."""
        job = self.manifest(request)
        self.client.create(RAYJOBS, job)
        return str(job["metadata"]["name"])

    def manifest(self, request: Request) -> Resource:
        """The RayJob of a request, from the template of the chart's release.

        Raises:
            ConfigError: no template is named, or there is none of that name; the message says
                how to find one.
        """
        name = template_of(self.cfg)
        try:
            found = self.client.config_map(name)
        except ConfigError as error:
            raise ConfigError(f"{error} {_how_to_find(self.cfg.namespace)}") from error
        if TEMPLATE not in found.texts:
            raise ConfigError(
                f"ConfigMap {name} holds no {TEMPLATE}. {_how_to_find(self.cfg.namespace)}"
            )
        job = fill(found.texts[TEMPLATE], stage=request.stage, day=str(request.day))
        # Owned by the release's templates, so that an uninstall leaves no job behind.
        own(job, "v1", "ConfigMap", name, found.uid)
        return job

    def jobs(self) -> list[Job]:
        """All RayJobs of this package, oldest first."""
        items = self.client.find(RAYJOBS, SELECTOR)
        items.sort(key=lambda item: item["metadata"].get("creationTimestamp") or "")
        return [read_job(item) for item in items]

    def find(self, name: str) -> Job:
        """One RayJob."""
        return read_job(self.client.read(RAYJOBS, name))

    def logs(self, name: str) -> str:
        """The submitter's log, which follows the driver's; without its pod, the end that the status keeps."""
        job = self.find(name)
        return self.client.pod_log(f"job-name={name}", "ray-job-submitter") or job.message


def template_of(cfg: ClusterConfig) -> str:
    """The name of the ConfigMap with the chart's templates.

    Raises:
        ConfigError: none is set; the message says how to find one.
    """
    if cfg.template is None:
        raise ConfigError(
            "cluster.template is not set, and a RayJob is made from the chart's template only. "
            f"{_how_to_find(cfg.namespace)} Or name a running Ray cluster with --address."
        )
    return cfg.template


def _how_to_find(namespace: str) -> str:
    return (
        f"Find the template with: kubectl --namespace {namespace} get configmap --selector "
        "app.kubernetes.io/component=rayjobs; then set cluster.template "
        "(FASHIONTREND__CLUSTER__TEMPLATE) to its name, <release>-rayjobs."
    )


def read_job(item: Resource) -> Job:
    """A RayJob as the API server holds it; one without a status yet is waiting."""
    status = item.get("status") or {}
    message = str(status.get("message") or status.get("reason") or "")
    state = STATES.get(str(status.get("jobStatus") or ""), State.WAITING)
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
