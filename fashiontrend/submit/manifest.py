"""Configuration and stage to a RayJob that a namespace with Pod Security `restricted` admits."""

from typing import Any

import yaml

from fashiontrend.config import ClusterConfig, PodConfig
from fashiontrend.errors import ConfigError
from fashiontrend.submit.jobs import Request

GROUP, VERSION, PLURAL = "ray.io", "v1", "rayjobs"
CONFIG_FOLDER = "/etc/fashiontrend"
CONFIG_FILE = "config.yaml"
#: Ports that a PodMonitor names.
PORTS = {"gcs": 6379, "dashboard": 8265, "client": 10001, "metrics": 8080}
HEAD_PORTS = {**PORTS, "as-metrics": 44217, "dash-metrics": 44227}
AUTOSCALER = PodConfig(cpu="500m", memory="512Mi")


def rayjob(request: Request, cfg: ClusterConfig) -> dict[str, Any]:
    """The RayJob of a request, as plain JSON.

    It has a cluster of its own that ends with it, runs once (a second attempt is a second
    submission, which goes on after the last finished step), and is deleted after a while.

    Raises:
        ConfigError: no image is named.
    """
    if not cfg.image:
        raise ConfigError("cluster.image is empty: name the image of the jobs, with tag or digest.")
    labels = {
        "app.kubernetes.io/name": "fashiontrend",
        "app.kubernetes.io/component": "job",
        "fashiontrend/stage": request.stage,
        **cfg.labels,
    }
    queue = {"kueue.x-k8s.io/queue-name": cfg.queue} if cfg.queue else {}
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "RayJob",
        "metadata": {
            "name": request.name,
            "namespace": cfg.namespace,
            "labels": {**labels, **queue},
            "annotations": {"fashiontrend/day": str(request.day)},
        },
        "spec": {
            "entrypoint": request.entrypoint,
            # A submitter pod would follow the log, and fail the job where that breaks off (adr/0014).
            "submissionMode": "HTTPMode",
            "suspend": bool(cfg.queue),
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": cfg.ttl_s,
            "activeDeadlineSeconds": cfg.deadline_s,
            "backoffLimit": 0,
            "rayClusterSpec": _cluster(cfg, labels),
        },
    }


def fill(template: str, **words: str) -> dict[str, Any]:
    """The RayJob of one of the chart's templates, in which `{stage}` and `{day}` stand.

    Raises:
        ConfigError: it is not a RayJob, or a word is left to fill in.
    """
    for word, value in words.items():
        template = template.replace(f"{{{word}}}", value)
    job = yaml.safe_load(template)
    if not isinstance(job, dict) or job.get("kind") != "RayJob":
        raise ConfigError(
            "the template holds no RayJob. It is the ConfigMap <release>-rayjobs of the chart; render it again."
        )
    left = f"{job['metadata']['name']}, {job['spec']['entrypoint']}"
    if "{" in left:
        raise ConfigError(f"the template has words that were not filled in: {left}.")
    return dict(job)


def _cluster(cfg: ClusterConfig, labels: dict[str, str]) -> dict[str, Any]:
    scaled = cfg.max_workers > cfg.min_workers
    secret = {"secretName": cfg.auth_secret} if cfg.auth_secret else {}
    autoscaler = {
        "enableInTreeAutoscaling": True,
        "autoscalerOptions": {
            "version": "v2",
            "resources": _resources(AUTOSCALER),
            "securityContext": _confined(),
        },
    }
    head = _pod(cfg, labels, "ray-head", cfg.head, HEAD_PORTS)
    # The autoscaler beside the head asks the API server for pods.
    head["spec"]["automountServiceAccountToken"] = scaled
    worker = _pod(cfg, labels, "ray-worker", cfg.worker, {"metrics": PORTS["metrics"]})
    worker["spec"]["nodeSelector"] = dict(cfg.node_selector)
    return {
        "rayVersion": cfg.ray_version,
        "authOptions": {"mode": "token", **secret},
        **(autoscaler if scaled else {}),
        "headGroupSpec": {
            "rayStartParams": {"num-cpus": "0", "dashboard-host": "0.0.0.0"},  # noqa: S104 - the operator is another pod
            "template": head,
        },
        "workerGroupSpecs": [
            {
                "groupName": "workers",
                "replicas": cfg.min_workers,
                "minReplicas": cfg.min_workers,
                "maxReplicas": max(cfg.min_workers, cfg.max_workers),
                "rayStartParams": {},
                "template": worker,
            }
        ],
    }


_TMP = {"name": "tmp", "emptyDir": {}}
_TMP_MOUNT = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108 - where Ray keeps its sessions


def _pod(
    cfg: ClusterConfig, labels: dict[str, str], name: str, size: PodConfig, ports: dict[str, int]
) -> dict[str, Any]:
    container = {
        "name": name,
        "image": cfg.image,
        "imagePullPolicy": "IfNotPresent",
        "env": [
            {"name": "FASHIONTREND_CONFIG", "value": f"{CONFIG_FOLDER}/{CONFIG_FILE}"},
            {"name": "FASHIONTREND__RAY__ADDRESS", "value": "auto"},
            {"name": "HOME", "value": "/tmp"},  # noqa: S108 - the root file system is read-only
            {"name": "RAY_ENABLE_UV_RUN_RUNTIME_ENV", "value": "0"},
        ],
        "envFrom": [{"secretRef": {"name": s}} for s in cfg.secrets],
        "ports": [{"name": n, "containerPort": port} for n, port in ports.items()],
        "resources": _resources(size),
        "securityContext": _confined(),
        "volumeMounts": [
            _TMP_MOUNT,
            {"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True},
        ],
    }
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": cfg.uid,
            "runAsGroup": cfg.uid,
            "fsGroup": cfg.uid,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "imagePullSecrets": [{"name": s} for s in cfg.image_pull_secrets],
        "containers": [container],
        "volumes": [_TMP, {"name": "config", "configMap": {"name": cfg.config_map}}],
    }
    if cfg.service_account:
        spec["serviceAccountName"] = cfg.service_account
    if cfg.priority_class:
        spec["priorityClassName"] = cfg.priority_class
    return {"metadata": {"labels": dict(labels)}, "spec": spec}


def _confined() -> dict[str, Any]:
    """Of every container: no way to more rights, nothing written outside its volumes."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _resources(size: PodConfig) -> dict[str, dict[str, str]]:
    """Requests equal limits: Ray reads the limit, and the scheduler the request."""
    asked = {"cpu": size.cpu, "memory": size.memory}
    if size.gpus:
        asked["nvidia.com/gpu"] = str(size.gpus)
    return {"requests": dict(asked), "limits": dict(asked)}
