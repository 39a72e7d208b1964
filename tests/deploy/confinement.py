"""Looks into every container of a namespace once, while it runs: who it is and what it may do."""

import subprocess
import threading
from collections.abc import Mapping

from tests.deploy.cluster import SPACE

COMPONENT = "app.kubernetes.io/component"
LOOK = (
    "grep -E '^(Uid|Gid|CapEff|NoNewPrivs|Seccomp):' /proc/1/status;"
    "if (echo > /a-file) 2>/dev/null; then echo Root: writable; else echo Root: read-only; fi"
)
#: One user and group, no capability, no way to more rights, a seccomp filter.
CONFINED = {
    "Uid": "1000 1000 1000 1000",
    "Gid": "1000 1000 1000 1000",
    "CapEff": "0000000000000000",
    "NoNewPrivs": "1",
    "Seccomp": "2",
    "Root": "read-only",
}


class Confinement(threading.Thread):
    """What was seen: (component of the pod, container) -> lines of /proc/1/status."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__(daemon=True)
        self.environment, self.ended = dict(environment), threading.Event()
        self.seen: dict[tuple[str, str], list[dict[str, str]]] = {}
        self.known: set[tuple[str, str]] = set()

    def run(self) -> None:
        """Follow the pods until `stop`."""
        import kubernetes

        client = kubernetes.config.new_client_from_config(self.environment["KUBECONFIG"])
        core = kubernetes.client.CoreV1Api(client)
        while not self.ended.is_set():
            try:
                stream = kubernetes.watch.Watch().stream(
                    core.list_namespaced_pod, SPACE, timeout_seconds=5
                )
                for event in stream:
                    self._look_at(event["object"])
            except (
                kubernetes.client.ApiException,
                OSError,
            ):  # the namespace is gone, or not there yet
                self.ended.wait(1.0)

    def stop(self) -> None:
        """End, and wait for it."""
        self.ended.set()
        self.join(30)

    def _look_at(self, pod: object) -> None:
        name, component = pod.metadata.name, (pod.metadata.labels or {}).get(COMPONENT)
        component = component or (pod.metadata.labels or {}).get("app.kubernetes.io/name", name)
        for status in pod.status.container_statuses or []:
            key = (pod.metadata.uid, status.name)
            if key in self.known or not (status.state and status.state.running):
                continue
            told = self._ask(name, status.name)
            if told:  # else it has ended meanwhile, or is asked again at the next event
                self.known.add(key)
                self.seen.setdefault((component, status.name), []).append(told)

    def _ask(self, pod: str, container: str) -> dict[str, str] | None:
        command = ["kubectl", "-n", SPACE, "exec", pod, "-c", container, "--", "sh", "-c", LOOK]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment)
        if done.returncode:
            return None
        lines = (line.split(":", 1) for line in done.stdout.splitlines())
        return {key: " ".join(value.split()) for key, value in lines}
