"""The pod before an uninstall: delete the RayService and its clusters while Redis is still there.

KubeRay clears a cluster's keys in Redis by a job of its own; without Redis that job would
hold up the namespace until it gives up.
"""

import logging
import time

from fashiontrend.errors import StoreError
from fashiontrend.submit import hooks
from fashiontrend.submit.kube import RAYCLUSTERS, RAYSERVICES, KubeClient

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


if __name__ == "__main__":
    hooks.run(str(__doc__), "The RayService of this name is deleted.", delete_service)
