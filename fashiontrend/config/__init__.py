"""The configuration: one tree, its branches in the order of the data; see `tree`."""

from fashiontrend.config.cluster import ClusterConfig, ExporterConfig
from fashiontrend.config.operation import LoopConfig, RayConfig
from fashiontrend.config.recogniser import (
    AccuracyGateConfig,
    AttrNetConfig,
    LabelsConfig,
    ResampleConfig,
)
from fashiontrend.config.removed import REMOVED, drop_removed
from fashiontrend.config.serving import FetchConfig, ReplicaConfig, ServeConfig
from fashiontrend.config.sources import (
    CrawlConfig,
    HealthConfig,
    IngestConfig,
    PlatformConfig,
    StoreConfig,
)
from fashiontrend.config.tree import FILE_VARIABLE, NO_RESULT, PREFIX, Config, digest, load
from fashiontrend.config.trend import (
    ForecasterConfig,
    KeywordsConfig,
    MemberConfig,
    PerplexityGateConfig,
    ReportConfig,
    SeriesConfig,
    UnivariateConfig,
)

__all__ = [
    "FILE_VARIABLE",
    "NO_RESULT",
    "PREFIX",
    "REMOVED",
    "AccuracyGateConfig",
    "AttrNetConfig",
    "ClusterConfig",
    "Config",
    "CrawlConfig",
    "ExporterConfig",
    "FetchConfig",
    "ForecasterConfig",
    "HealthConfig",
    "IngestConfig",
    "KeywordsConfig",
    "LabelsConfig",
    "LoopConfig",
    "MemberConfig",
    "PerplexityGateConfig",
    "PlatformConfig",
    "RayConfig",
    "ReplicaConfig",
    "ReportConfig",
    "ResampleConfig",
    "SeriesConfig",
    "ServeConfig",
    "StoreConfig",
    "UnivariateConfig",
    "digest",
    "drop_removed",
    "load",
]
