"""Branches of the configuration that say where jobs run and who watches them; no result depends on them."""

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from fashiontrend.typed_yaml import Section


class ExporterConfig(Section):
    """The metrics that Prometheus reads of the ledger."""

    refresh_s: PositiveFloat = Field(
        default=60.0, description="The store is read this often, whatever the number of scrapes."
    )
    worker_hour_price: PositiveFloat | None = Field(
        default=None,
        description="Of one recognise worker, in any currency; no cost is exported without it.",
    )


class PodConfig(Section):
    """What a pod of a submitted job asks for, and may use at most."""

    cpu: str = "2"
    memory: str = "8Gi"
    gpus: NonNegativeInt = 0


class ClusterConfig(Section):
    """The RayJobs that `fashiontrend submit` makes on Kubernetes."""

    namespace: str = "fashiontrend"
    template: str | None = Field(
        default=None,
        description="ConfigMap of the chart (<release>-rayjobs) with a stage's RayJob, instead of what follows.",
    )
    image: str = Field(default="", description="With tag or digest, of head and workers.")
    image_pull_secrets: tuple[str, ...] = ()
    ray_version: str = Field(default="2.60.0", description="That the image holds.")
    config_map: str = Field(
        default="fashiontrend-config", description="Holds `config.yaml`, this tree."
    )
    secrets: tuple[str, ...] = Field(
        default=(), description="Secrets whose keys become environment variables (`AWS_*`)."
    )
    auth_secret: str | None = Field(
        default=None, description="Ray's token under `auth_token`; KubeRay makes one if not given."
    )
    service_account: str | None = None
    labels: dict[str, str] = Field(
        default={}, description="Of the job and its pods; network policies may select by them."
    )
    node_selector: dict[str, str] = Field(default={}, description="Of worker pods.")
    priority_class: str | None = None
    queue: str | None = Field(default=None, description="Kueue's LocalQueue; starts suspended.")
    uid: PositiveInt = Field(default=1000, description="Numeric user and group of all containers.")
    head: PodConfig = PodConfig(cpu="1", memory="4Gi")
    worker: PodConfig = PodConfig()
    min_workers: NonNegativeInt = 1
    max_workers: PositiveInt = Field(default=1, description="More than min_workers: autoscaling.")
    deadline_s: PositiveInt = Field(default=6 * 3600, description="The job is stopped then.")
    ttl_s: PositiveInt = Field(default=3600, description="A finished job is kept this long.")
