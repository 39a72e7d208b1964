"""The pod before an uninstall: delete the RayService and its clusters while Redis is still there.

KubeRay clears a cluster's keys in Redis by a job of its own; without Redis that job would
hold up the namespace until it gives up.
"""

import argparse
import logging
import sys
import time

from fashiontrend import console
from fashiontrend.errors import StoreError
from fashiontrend.submit.kube import (
    NAMESPACE_FILE,
    RAYCLUSTERS,
    RAYSERVICES,
    KubeClient,
    connect,
)

log = logging.getLogger(__name__)
#: Label that KubeRay puts on the clusters of a RayService.
ORIGIN = "ray.io/originated-from-cr-name"
WAIT_S = 200.0


def delete_service(name: str, client: KubeClient, wait_s: float = WAIT_S) -> None:
    """Delete a RayService and wait until no cluster of it is left.

    Raises:
        StoreError: the API server refuses, or a cluster is still there after `wait_s` seconds.
    """
    client.delete(RAYSERVICES, name)
    end = time.monotonic() + wait_s
    while left := client.find(RAYCLUSTERS, f"{ORIGIN}={name}"):
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
    parser.add_argument("name", help="The RayService of this name is deleted.")
    parser.add_argument(
        "--namespace", help="The RayService lies in this namespace. Default: that of the pod."
    )
    arguments = parser.parse_args()

    def act() -> None:
        namespace = arguments.namespace or NAMESPACE_FILE.read_text("utf-8")
        delete_service(arguments.name, connect(namespace))

    sys.exit(console.guard(act))


if __name__ == "__main__":
    main()
