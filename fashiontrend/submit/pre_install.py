"""The pod before an install or upgrade: does a KubeRay operator watch this namespace?

An operator may watch some namespaces only, and nobody but its administrator can read which. So it is tried: a
RayCluster that is suspended, and so makes no pod, is created, and whoever watches it writes its status.
"""

import logging
import time

from fashiontrend.errors import ConfigError
from fashiontrend.submit import hooks
from fashiontrend.submit.kube import RAYCLUSTERS, KubeClient
from fashiontrend.submit.manifest import Resource

log = logging.getLogger(__name__)
#: KubeRay writes a status two seconds after an object appears; a busy operator has ten times as long.
WAIT_S = 20.0


def suspended_cluster(name: str) -> Resource:
    """A RayCluster without pods. Its image is never pulled."""
    head = {"containers": [{"name": "ray-head", "image": "fashiontrend"}]}
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {"name": name},
        "spec": {
            "suspend": True,
            "headGroupSpec": {"rayStartParams": {}, "template": {"spec": head}},
        },
    }


def ask_operator(name: str, client: KubeClient, wait_s: float = WAIT_S) -> float:
    """Create a suspended RayCluster, wait until an operator has written its status, and delete it.

    Args:
        name: of the RayCluster; one of an earlier try is replaced.
        client: of the namespace to try.
        wait_s: seconds to wait.

    Returns:
        The seconds that it took.

    Raises:
        ConfigError: no operator wrote anything.
        StoreError: the API server cannot be reached or refuses.
    """
    client.delete(RAYCLUSTERS, name)
    client.create(RAYCLUSTERS, suspended_cluster(name))
    begin = time.monotonic()
    try:
        while not client.read(RAYCLUSTERS, name).get("status"):
            if time.monotonic() - begin > wait_s:
                raise ConfigError(
                    f"no KubeRay operator watches namespace {client.namespace}: it wrote nothing on RayCluster {name} in "
                    f"{wait_s:.0f} s. Add the namespace to `watchNamespace` of the operator's values "
                    "(k8s/operator-values.yaml) and upgrade the operator, or start it if it does not run."
                )
            time.sleep(1.0)
    finally:
        client.delete(RAYCLUSTERS, name)
    return time.monotonic() - begin


def _report(name: str, client: KubeClient) -> None:
    seconds = ask_operator(name, client)
    log.info("a KubeRay operator watches %s; it took %.0f s", client.namespace, seconds)


if __name__ == "__main__":
    hooks.run(str(__doc__), "The RayCluster that is tried has this name.", _report)
