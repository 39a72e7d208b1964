"""What runs before an uninstall: the RayService goes, and its clusters, while Redis is still there.

KubeRay clears a cluster's keys in Redis by a job of its own; without Redis that job would
hold up the namespace until it gives up.
"""

import argparse
import logging
import sys
import time

import kubernetes

from fashiontrend import console
from fashiontrend.errors import StoreError
from fashiontrend.submit.schedule import GROUP, PATIENCE, VERSION, connect, refused

log = logging.getLogger(__name__)
#: Label that KubeRay puts on the clusters of a RayService.
ORIGIN = "ray.io/originated-from-cr-name"
NOT_FOUND = 404
WAIT_S = 200.0


def retire(name: str, namespace: str, wait_s: float = WAIT_S) -> None:
    """Delete a RayService and wait until no cluster of it is left.

    Raises:
        StoreError: the API server refuses, or a cluster is still there after `wait_s` seconds.
    """
    custom = kubernetes.client.CustomObjectsApi(connect())
    try:
        custom.delete_namespaced_custom_object(
            GROUP, VERSION, namespace, "rayservices", name, **PATIENCE
        )
    except kubernetes.client.ApiException as error:
        if error.status != NOT_FOUND:
            raise refused(error) from error
    label = f"{ORIGIN}={name}"
    end = time.monotonic() + wait_s
    while left := custom.list_namespaced_custom_object(
        GROUP, VERSION, namespace, "rayclusters", label_selector=label, **PATIENCE
    )["items"]:
        names = ", ".join(c["metadata"]["name"] for c in left)
        if time.monotonic() > end:
            raise StoreError(
                f"{names}: still there after {wait_s:.0f} s. Look at the KubeRay operator's log, then uninstall again."
            )
        log.info("waiting for %s", names)
        time.sleep(2.0)


def main() -> None:
    """Parse the command line; exit codes as everywhere."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="of the RayService")
    parser.add_argument("--namespace", help="the pod's own if not given")
    arguments = parser.parse_args()
    sys.exit(console.guard(lambda: retire(arguments.name, arguments.namespace or _namespace())))


def _namespace() -> str:
    with open("/var/run/secrets/kubernetes.io/serviceaccount/namespace", encoding="utf-8") as file:
        return file.read()


if __name__ == "__main__":
    main()
