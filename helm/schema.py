"""Writes values.schema.json from the typed configuration tree and the chart's own keys.

`make render` calls `python helm/schema.py`; a test holds the file current.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

from fashiontrend.config import Config

TARGET = Path(__file__).parent / "fashiontrend" / "values.schema.json"
Map = dict[str, Any]
Texts = dict[str, str]
Port = Annotated[int, Field(ge=1, le=65535)]
Digest = Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")]
Name = Annotated[str, Field(pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$", max_length=253)]
Short = Annotated[str, Field(pattern=r"^([a-z]([-a-z0-9]*[a-z0-9])?)?$", max_length=28)]
Tag = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9._-]*$", json_schema_extra={"not": {"const": "latest"}})
]


def _field(value: str) -> str:
    """Pattern of one cron field: values, ranges and steps of what `value` matches, or `*`."""
    span = rf"({value})(-({value}))?"
    return rf"(\*|{span})(/[0-9]+)?(,(\*|{span})(/[0-9]+)?)*"


def _names(text: str) -> str:
    return "|".join((*text.split(), *text.upper().split()))


_MONTH = f"0?[1-9]|1[0-2]|{_names('jan feb mar apr may jun jul aug sep oct nov dec')}"
_FIELDS = ("[0-5]?[0-9]", "[01]?[0-9]|2[0-3]", "0?[1-9]|[12][0-9]|3[01]", _MONTH)
_WEEKDAY = f"[0-6]|{_names('sun mon tue wed thu fri sat')}"
#: Checked here, because the API server refuses a wrong one only when half of a release is installed.
Cron = Annotated[str, Field(pattern=f"^{' '.join(map(_field, (*_FIELDS, _WEEKDAY)))}$")]
Cidr = Annotated[str, Field(pattern=r"^[0-9a-fA-F.:]+/[0-9]{1,3}$")]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|[MGTPE]i?)?$")]
Overrides = dict[Annotated[str, Field(pattern=r"^FASHIONTREND__[A-Z0-9_]+$")], str]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Stage = Literal[
    "run",
    "crawl",
    "ingest",
    "label",
    "train-attrnet",
    "recognise",
    "shares",
    "train-forecaster",
    "publish",
]


class Block(BaseModel):
    """A branch of the values: a misspelt key is refused."""

    model_config = ConfigDict(extra="forbid")


class Image(Block):
    """An image by tag or by digest."""

    repository: Annotated[str, Field(min_length=1)]
    tag: Tag = ""
    digest: Digest = ""


class OurImage(Image):
    """The image of this package, which head, workers, jobs, crawl and exporter run."""

    pullPolicy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"  # noqa: N815
    pullSecrets: list[Name] = []  # noqa: N815


class Resources(Block):
    """Requests and limits of a container."""

    requests: dict[str, Quantity | int | float] = {}
    limits: dict[str, Quantity | int | float] = {}


class Pod(Block):
    """Settings that pods of the chart share."""

    labels: Texts = {}
    annotations: Texts = {}
    env: list[Map] = []
    envFrom: list[Map] = []  # noqa: N815
    volumes: list[Map] = []
    volumeMounts: list[Map] = []  # noqa: N815
    nodeSelector: Texts = {}  # noqa: N815
    tolerations: list[Map] = []
    affinity: Map = {}
    topologySpreadConstraints: list[Map] = []  # noqa: N815
    priorityClassName: Name = ""  # noqa: N815


class SharedPod(Pod):
    """The shared block of all pods, with the user of the containers."""

    runAsUser: PositiveInt = 1000  # noqa: N815


class Autoscaler(Block):
    """The autoscaler beside every Ray head."""

    enabled: bool = True
    idleTimeoutSeconds: PositiveInt = 60  # noqa: N815
    resources: Resources = Resources()


class Ray(Block):
    """Settings that all Ray clusters share."""

    version: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]
    tokenSecret: Name = ""  # noqa: N815
    autoscaler: Autoscaler = Autoscaler()
    terminationGracePeriodSeconds: PositiveInt = 60  # noqa: N815


class Head(Block):
    """The head of a Ray cluster."""

    resources: Resources = Resources()


class Workers(Head):
    """A group of Ray workers."""

    minReplicas: NonNegativeInt = 1  # noqa: N815
    maxReplicas: PositiveInt = 1  # noqa: N815


class GpuWorkers(Workers):
    """A group of Ray workers with GPUs."""

    enabled: bool = False
    gpus: PositiveInt = 1
    resourceName: str = "nvidia.com/gpu"  # noqa: N815


#: A label's value, as Kueue reads the names of queues and priorities.
Label = Annotated[str, Field(pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$", max_length=63)]


class Queue(Block):
    """Kueue's queue in which Ray clusters wait for their quota."""

    name: Label = ""
    priorityClass: Label = ""  # noqa: N815


class BatchQueue(Queue):
    """The queue of jobs, whose clusters may grow within it."""

    elastic: bool = False


class Cluster(Block):
    """A Ray cluster."""

    head: Head = Head()
    cpuWorkers: Workers = Workers()  # noqa: N815
    gpuWorkers: GpuWorkers = GpuWorkers()  # noqa: N815
    priorityClassName: Name = ""  # noqa: N815


class KeepCluster(Block):
    """How many seconds a cluster stays after its job."""

    succeeded: NonNegativeInt = 60
    failed: NonNegativeInt = 600


class Batch(Cluster):
    """The Ray clusters of jobs, each of which lives as long as its job."""

    queue: BatchQueue = BatchQueue()
    submissionMode: Literal["HTTPMode", "K8sJobMode", "SidecarMode"] = "HTTPMode"  # noqa: N815
    submitter: Head = Head()
    backoffLimit: NonNegativeInt = 1  # noqa: N815
    activeDeadlineSeconds: PositiveInt = 21600  # noqa: N815
    preRunningDeadlineSeconds: PositiveInt = 900  # noqa: N815
    keepClusterSeconds: KeepCluster = KeepCluster()  # noqa: N815
    keepJobSeconds: PositiveInt = 604800  # noqa: N815


class Schedule(Block):
    """When a schedule starts the loop, and with which overrides."""

    enabled: bool = True
    cron: Cron
    suspend: bool = False
    env: Overrides = {}


class Schedules(Block):
    """The schedules of the loop."""

    timeZone: Annotated[str, Field(pattern=r"^[A-Za-z_]+(/[A-Za-z0-9_+-]+)*$")] = "Etc/UTC"  # noqa: N815
    startingDeadlineSeconds: Annotated[int, Field(ge=10)] = 3600  # noqa: N815
    resources: Resources = Resources()
    daily: Schedule
    retrain: Schedule


class Job(Block):
    """One RayJob, which runs a step of a day."""

    stage: Stage
    day: Day
    env: Overrides = {}


class Upgrade(Block):
    """How a changed serving cluster replaces the one before."""

    type: Literal["NewCluster", "NewClusterWithIncrementalUpgrade", "None"] = "NewCluster"
    gatewayClassName: Name = ""  # noqa: N815
    stepSizePercent: Annotated[int, Field(ge=1, le=100)] = 10  # noqa: N815
    intervalSeconds: PositiveInt = 10  # noqa: N815
    maxSurgePercent: Annotated[int, Field(ge=1, le=100)] = 50  # noqa: N815


class DisruptionBudget(Block):
    """The PodDisruptionBudget of the serving workers."""

    enabled: bool = True
    maxUnavailable: PositiveInt = 1  # noqa: N815


class Ingress(Block):
    """The Ingress before the service."""

    enabled: bool = False
    className: Name = ""  # noqa: N815
    annotations: Texts = {}
    host: Annotated[str, Field(pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
    tlsSecret: Name = ""  # noqa: N815


class HttpRoute(Block):
    """The HTTPRoute of a Gateway before the service."""

    enabled: bool = False
    parentRefs: list[Map] = []  # noqa: N815
    hostnames: list[str] = []


class Serving(Cluster):
    """The RayService."""

    enabled: bool = True
    queue: Queue = Queue()
    tokenSecret: Name = ""  # noqa: N815
    port: Port = 8000
    gcsFaultTolerance: bool = True  # noqa: N815
    upgrade: Upgrade = Upgrade()
    clusterDeletionDelaySeconds: NonNegativeInt = 60  # noqa: N815
    podDisruptionBudget: DisruptionBudget = DisruptionBudget()  # noqa: N815
    ingress: Ingress
    httpRoute: HttpRoute = HttpRoute()  # noqa: N815


class Persistence(Block):
    """A volume claim in place of an emptyDir."""

    enabled: bool = False
    size: Quantity
    storageClassName: Name = ""  # noqa: N815


class ExternalRedis(Block):
    """A Redis that the chart does not install."""

    address: Annotated[str, Field(pattern=r"^((rediss?://)?[A-Za-z0-9.-]+:[0-9]+)?$")] = ""


class Redis(Block):
    """The Redis that keeps the serving cluster's control store when its head restarts."""

    external: ExternalRedis = ExternalRedis()
    existingSecret: Name = ""  # noqa: N815
    passwordKey: str = "password"  # noqa: N815
    image: Image
    persistence: Persistence
    resources: Resources = Resources()


class DevelopmentS3(Block):
    """An S3 server for development: SeaweedFS in one pod."""

    enabled: bool = False
    image: Image
    existingSecret: Name = ""  # noqa: N815
    persistence: Persistence
    resources: Resources = Resources()


class Exporter(Block):
    """The exporter of metrics from the ledger."""

    enabled: bool = True
    port: Port = 9464
    resources: Resources = Resources()


#: An absolute address, or nothing.
Url = Annotated[str, Field(pattern=r"^(https?://[^\s\"]+)?$")]


class Links(Block):
    """Addresses that alerts and dashboards lead to."""

    runbook: Url = ""
    board: Url = ""
    report: Url = ""


class Monitoring(Block):
    """Objects for the Prometheus operator and Grafana."""

    enabled: bool = True
    labels: Texts = {}
    interval: Annotated[str, Field(pattern=r"^[0-9]+(s|m)$")] = "30s"
    rules: bool = True
    dashboards: bool = True
    dashboardLabels: Texts = {}  # noqa: N815
    links: Links = Links()


class Dns(Block):
    """Labels by which network policies find the cluster's DNS."""

    namespaceLabels: Texts = {}  # noqa: N815
    podLabels: Texts = {}  # noqa: N815


class Outside(Block):
    """Addresses outside the cluster."""

    cidrs: list[Cidr] = []
    except_: Annotated[list[Cidr], Field(alias="except")] = []
    ports: list[Port] = []


class Address(Block):
    """One address and port."""

    cidr: Cidr
    port: Port


class NetworkPolicy(Block):
    """Network policies: everything is denied except what is named here."""

    enabled: bool = True
    operatorNamespace: Name  # noqa: N815
    monitoringNamespace: Name  # noqa: N815
    dns: Dns
    apiServer: Outside  # noqa: N815
    store: Outside
    shops: Outside
    cloudIdentity: list[Address] = []  # noqa: N815
    clients: list[Map] = []
    redisCidrs: list[Cidr] = []  # noqa: N815


class Account(Block):
    """A service account."""

    annotations: Texts = {}


class ServiceAccounts(Block):
    """The service accounts of pods that reach the store."""

    batch: Account
    serving: Account
    exporter: Account


class StoreKeys(Block):
    """The secret that holds the store's access keys."""

    existingSecret: Name = ""  # noqa: N815
    accessKeyIdKey: str = "AWS_ACCESS_KEY_ID"  # noqa: N815
    secretAccessKeyKey: str = "AWS_SECRET_ACCESS_KEY"  # noqa: N815


class Preflight(Block):
    """The check before an install or an upgrade."""

    enabled: bool = True
    deadlineSeconds: Annotated[int, Field(ge=10, le=300)] = 50  # noqa: N815


class Cleanup(Block):
    """The hook that deletes the RayService before an uninstall."""

    enabled: bool = True


class Crds(Block):
    """What the chart does if KubeRay's CRDs are missing."""

    onMissing: Literal["fail", "skip", "render"] = "fail"  # noqa: N815


class Values(Block):
    """Values of the fashiontrend chart."""

    nameOverride: Short = ""  # noqa: N815
    fullnameOverride: Short = ""  # noqa: N815
    crds: Crds
    image: OurImage
    config: Config
    files: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")], str] = {}
    store: StoreKeys
    pod: SharedPod
    gpuPod: Pod  # noqa: N815
    ray: Ray
    batch: Batch
    schedules: Schedules
    jobs: list[Job] = []
    serving: Serving
    redis: Redis
    s3: DevelopmentS3
    exporter: Exporter
    monitoring: Monitoring
    networkPolicy: NetworkPolicy  # noqa: N815
    serviceAccounts: ServiceAccounts  # noqa: N815
    preflight: Preflight
    cleanup: Cleanup
    global_: Annotated[Map, Field(alias="global")] = {}


def schema() -> dict[str, Any]:
    """JSON Schema of all values. Defaults stand in values.yaml, so they are left out here."""
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Written by helm/schema.py (make render); do not edit.",
        **Values.model_json_schema(),
    }
    return _plain(whole)


def _plain(node: Any) -> Any:
    """Without titles and defaults, which say nothing that values.yaml does not."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {}
    for key, value in node.items():
        if key in ("title", "default") and not isinstance(value, dict | list):
            continue
        if key == "default":
            continue
        names = key in ("properties", "$defs")
        kept[key] = {n: _plain(v) for n, v in value.items()} if names else _plain(value)
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    return kept


if __name__ == "__main__":
    TARGET.write_text(json.dumps(schema(), indent=1, ensure_ascii=False) + "\n", "utf-8")
