"""Branches of the configuration for the operators of a cluster; no result depends on them."""

from pydantic import Field, PositiveFloat

from fashiontrend.typed_yaml import Section


class ExporterConfig(Section):
    """The metrics that Prometheus reads from the ledger."""

    refresh_s: PositiveFloat = Field(
        default=60.0,
        description="The exporter reads the store once in this many seconds, however often it is scraped.",
    )
    worker_hour_price: PositiveFloat | None = Field(
        default=None,
        description="This is the price of one hour of one recognition worker, in any currency. If it is not set, "
        "no cost is exported.",
    )


class ClusterConfig(Section):
    """The release of the Helm chart whose RayJobs `fashiontrend submit` creates."""

    namespace: str = Field(
        default="fashiontrend",
        description="Jobs are created and looked up in this Kubernetes namespace.",
    )
    template: str | None = Field(
        default=None,
        description="This ConfigMap of the chart, <release>-rayjobs, holds the RayJob that `submit` fills in. If "
        "it is not set, `submit` needs --address.",
    )
