"""The calls to the Kubernetes API that this package makes (`pip install fashiontrend[kubernetes]`)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fashiontrend.errors import ConfigError, Conflict, FashiontrendError, StoreError
from fashiontrend.submit.manifest import Resource

GROUP, VERSION = "ray.io", "v1"
RAYJOBS, RAYSERVICES, RAYCLUSTERS = "rayjobs", "rayservices", "rayclusters"
NOT_FOUND = 404
#: Where a pod with a service account finds the name of its namespace.
NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
#: Seconds to connect and to wait for a response: a policy that drops packets must not hold a pod for minutes.
PATIENCE = {"_request_timeout": (5, 20)}
#: HTTP status -> class of the error and what to do.
ADVICE: dict[int, tuple[type[FashiontrendError], str]] = {
    400: (ConfigError, "Correct the chart's values that render the object."),
    401: (StoreError, "Log in again, or name another account in KUBECONFIG."),
    403: (StoreError, "Give this account the permissions of the chart's Roles."),
    404: (ConfigError, "Check the name, the namespace, and that KubeRay is installed."),
    409: (Conflict, "It exists already: see `fashiontrend jobs`."),
    422: (ConfigError, "Correct the chart's values that render the object."),
}


@dataclass(frozen=True)
class ConfigMap:
    """A ConfigMap: its texts by key, and the uid by which other objects name it as their owner."""

    texts: dict[str, str]
    uid: str


@dataclass(frozen=True)
class KubeClient:
    """A namespace of a Kubernetes cluster.

    Every method raises StoreError if the API server cannot be reached or refuses, ConfigError if
    the object is missing or invalid, and Conflict if it exists already.

    Attributes:
        namespace: that of all objects.
        objects: the official client's CustomObjectsApi.
        core: its CoreV1Api.
        batch: its BatchV1Api.
    """

    namespace: str
    objects: Any
    core: Any
    batch: Any

    def create(self, plural: str, resource: Resource) -> None:
        """Create an object of Ray."""
        with explain(f"create {resource['metadata']['name']}"):
            self.objects.create_namespaced_custom_object(
                GROUP, VERSION, self.namespace, plural, resource, **PATIENCE
            )

    def read(self, plural: str, name: str) -> Resource:
        """Read an object of Ray."""
        with explain(f"read {name}"):
            found: Resource = self.objects.get_namespaced_custom_object(
                GROUP, VERSION, self.namespace, plural, name, **PATIENCE
            )
        return found

    def find(self, plural: str, selector: str) -> list[Resource]:
        """The objects of Ray that have the labels."""
        with explain(f"list {plural}"):
            found = self.objects.list_namespaced_custom_object(
                GROUP, VERSION, self.namespace, plural, label_selector=selector, **PATIENCE
            )
        return list(found["items"])

    def delete(self, plural: str, name: str) -> None:
        """Delete an object of Ray; one that is gone already is no error."""
        import kubernetes

        with explain(f"delete {name}"):
            try:
                self.objects.delete_namespaced_custom_object(
                    GROUP, VERSION, self.namespace, plural, name, **PATIENCE
                )
            except kubernetes.client.ApiException as error:
                if error.status != NOT_FOUND:
                    raise

    def config_map(self, name: str) -> ConfigMap:
        """Read a ConfigMap."""
        with explain(f"read ConfigMap {name}"):
            found = self.core.read_namespaced_config_map(name, self.namespace, **PATIENCE)
        return ConfigMap(dict(found.data or {}), str(found.metadata.uid))

    def cron_job_uid(self, name: str) -> str:
        """The uid of a CronJob."""
        with explain(f"read CronJob {name}"):
            found = self.batch.read_namespaced_cron_job(name, self.namespace, **PATIENCE)
        return str(found.metadata.uid)

    def pod_log(self, selector: str, container: str) -> str | None:
        """The log of the newest pod that has the labels; None if there is no such pod."""
        with explain(f"list pods of {selector}"):
            pods = self.core.list_namespaced_pod(
                self.namespace, label_selector=selector, **PATIENCE
            ).items
        if not pods:
            return None
        with explain(f"read the log of {selector}"):
            return str(
                self.core.read_namespaced_pod_log(
                    pods[-1].metadata.name, self.namespace, container=container, **PATIENCE
                )
            )


def connect(namespace: str) -> KubeClient:
    """A client with the pod's service account, or with the caller's kubeconfig outside a cluster.

    Raises:
        ConfigError: the official client is not installed, or no cluster is configured.
    """
    try:
        import kubernetes
        import urllib3
    except ImportError as error:
        raise ConfigError(
            "the Kubernetes client is not installed: pip install 'fashiontrend[kubernetes]', "
            "or use --address of a running Ray cluster."
        ) from error
    settings = kubernetes.client.Configuration()
    try:
        kubernetes.config.load_config(client_configuration=settings)
    except kubernetes.config.ConfigException as error:
        raise ConfigError(
            f"no Kubernetes cluster is configured: {error}. Set KUBECONFIG, run in a pod with a service account, or use "
            "--address of a running Ray cluster."
        ) from error
    # With pauses: a network lets a new pod through only once it has learnt of it.
    settings.retries = urllib3.Retry(4, backoff_factor=0.5)
    client = kubernetes.client.ApiClient(settings)
    return KubeClient(
        namespace,
        kubernetes.client.CustomObjectsApi(client),
        kubernetes.client.CoreV1Api(client),
        kubernetes.client.BatchV1Api(client),
    )


@contextmanager
def explain(what: str) -> Iterator[None]:
    """Turn what the official client raises into an error that says what to do."""
    import kubernetes
    import urllib3

    try:
        yield
    except kubernetes.client.ApiException as error:
        kind, advice = ADVICE.get(
            error.status, (StoreError, "Try again, or look at the API server.")
        )
        seen = f"{what}: the API server responds {error.status} {error.reason}: {_message(error)}"
        raise kind(f"{seen}. {advice}") from error
    except urllib3.exceptions.HTTPError as error:
        raise StoreError(
            f"{what}: the API server cannot be reached: {error}. Check KUBECONFIG and the network; in a pod, the "
            "NetworkPolicy reaches-api-server and its addresses."
        ) from error


def _message(error: Any) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.body or "")[:300]
