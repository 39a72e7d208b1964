"""A third application beside the two that answer: while it starts, KubeRay leaves an upgrade's traffic where it is.

KubeRay points the service at a new cluster as soon as every application is RUNNING. It does not ask whether Kubernetes
has found the new workers ready, which its probe notices seconds later; until then the service has no address to send a
request to. This application has no route and no work. Its replica is started only when the proxy of a worker has
answered for so long that the probe has seen it (docs/adr/0146-traffic-moves-after-the-probe.md).
"""

import http.client
import logging
import time
from collections.abc import Callable, Iterable

import ray
from ray import serve

from fashiontrend.serve.schemas.responses import JsonObject

log = logging.getLogger(__name__)
NAME, DEPLOYMENT = "standby", "Standby"
#: What a proxy answers with 200 once it has a replica to send requests to; the chart's readiness probe asks it too.
HEALTH_PATH = "/-/healthz"
#: Seconds that a proxy has to answer without a break: two periods of the chart's probe, one of its timeouts, and a second
#: for Kubernetes to pass the address on.
SETTLED_S = 10.0
POLL_S = 1.0
TIMEOUT_S = 2.0
#: Resource that Ray gives to the node of the head, whose proxy gets no traffic.
HEAD = "node:__internal_head__"


class Standby:
    """The replica. Its start is all that it does.

    Args:
        port: of the proxies.
    """

    def __init__(self, port: int) -> None:
        address = await_worker(lambda: answering(workers(), port), time.monotonic, time.sleep)
        log.info("the proxy of %s has answered for %.0f s: traffic may come", address, SETTLED_S)


def await_worker(
    look: Callable[[], set[str]], clock: Callable[[], float], pause: Callable[[float], None]
) -> str:
    """Return the first worker that was found at every look of the last `SETTLED_S` seconds.

    Args:
        look: addresses of the workers whose proxies answer now.
        clock: seconds of a clock that never goes back.
        pause: is called with `POLL_S` between two looks.
    """
    since: dict[str, float] = {}
    while True:
        now = clock()
        since = {address: since.get(address, now) for address in look()}
        settled = sorted(a for a, begin in since.items() if now - begin >= SETTLED_S)
        if settled:
            return settled[0]
        pause(POLL_S)


def workers() -> list[str]:
    """Addresses of the nodes that are alive, without the head's."""
    return [
        node["NodeManagerAddress"]
        for node in ray.nodes()
        if node["Alive"] and HEAD not in node["Resources"]
    ]


def answering(addresses: Iterable[str], port: int) -> set[str]:
    """Those of the addresses whose proxy says that it can serve."""
    return {address for address in addresses if _healthy(address, port)}


def _healthy(address: str, port: int) -> bool:
    """Ask as the kubelet does: directly, whatever proxy the pod's environment names."""
    connection = http.client.HTTPConnection(address, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", HEALTH_PATH)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def standby_app(args: JsonObject) -> serve.Application:
    """Build the application; `args["port"]` is the port of the proxies."""
    deployment = serve.deployment(
        name=DEPLOYMENT, ray_actor_options={"num_cpus": 0}, graceful_shutdown_timeout_s=1.0
    )
    return deployment(Standby).bind(args["port"])


def application(port: int) -> JsonObject:
    """Its entry in the configuration of Ray Serve. It has no route, so no request reaches it."""
    return {
        "name": NAME,
        "route_prefix": None,
        "import_path": f"{__name__}:{standby_app.__name__}",
        "args": {"port": port},
    }
