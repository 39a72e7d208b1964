"""The one configuration tree: YAML file, overridden by the environment, misspelt keys refused.

`FASHIONTREND_CONFIG` names the file and `FASHIONTREND__ATTRNET__EPOCHS=4` overrides one
leaf; no other variable is read. Secrets are not in the tree: the storage clients read them
from their own environment (`AWS_*`) or from a mounted identity.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeInt

from fashiontrend import typed_yaml
from fashiontrend.config.cluster import ClusterConfig, ExporterConfig
from fashiontrend.config.operation import LoopConfig, RayConfig
from fashiontrend.config.recogniser import (
    AccuracyGateConfig,
    AttrNetConfig,
    LabelsConfig,
    ResampleConfig,
)
from fashiontrend.config.removed import REMOVED
from fashiontrend.config.serving import ServeConfig
from fashiontrend.config.sources import (
    CrawlConfig,
    HealthConfig,
    IngestConfig,
    StoreConfig,
)
from fashiontrend.config.trend import (
    ForecasterConfig,
    KeywordsConfig,
    PerplexityGateConfig,
    ReportConfig,
    SeriesConfig,
)
from fashiontrend.errors import ConfigError
from fashiontrend.typed_yaml import Section

PREFIX = "FASHIONTREND__"
#: Branches on which no result depends: the place of a run, and its observers.
NO_RESULT = {"ray", "report", "serve", "exporter", "cluster"}
FILE_VARIABLE = "FASHIONTREND_CONFIG"
#: The file that `fashiontrend init` writes; every command finds it in the working folder.
HERE = "fashiontrend.yaml"


class Config(Section):
    """All settings of the package, as one tree."""

    seed: NonNegativeInt = Field(
        default=0,
        description="Everything random is drawn from this seed. The same seed and inputs give the same result.",
    )
    taxonomy: str | None = Field(
        default=None,
        description="Attributes and values are read from this YAML file. If it is not set, the shipped taxonomy "
        "is used.",
    )
    attributes: tuple[str, ...] = Field(
        default=(),
        description="Only these attributes of the taxonomy are used. If the list is empty, all attributes that "
        "are not optional are used.",
    )
    store: StoreConfig = Field(
        default=StoreConfig(), description="These settings say where everything is stored."
    )
    crawl: CrawlConfig = Field(
        default=CrawlConfig(),
        description="These settings name the platforms and say how they are crawled.",
    )
    ingest: IngestConfig = Field(
        default=IngestConfig(),
        description="These settings say which pictures are accepted and how they are packed.",
    )
    health: HealthConfig = Field(
        default=HealthConfig(),
        description="These settings define gate G0, which withholds a bad day from the series.",
    )
    labels: LabelsConfig = Field(
        default=LabelsConfig(), description="These settings say where labels come from."
    )
    resample: ResampleConfig = Field(
        default=ResampleConfig(),
        description="These settings say how often pictures of rare values are repeated.",
    )
    attrnet: AttrNetConfig = Field(
        default=AttrNetConfig(),
        description="These settings configure the recogniser and its training.",
    )
    accuracy_gate: AccuracyGateConfig = Field(
        default=AccuracyGateConfig(),
        description="These settings define gate G1, which a recogniser has to pass.",
    )
    series: SeriesConfig = Field(
        default=SeriesConfig(), description="These settings say how products become shares."
    )
    forecaster: ForecasterConfig = Field(
        default=ForecasterConfig(),
        description="These settings configure the forecaster and its training.",
    )
    perplexity_gate: PerplexityGateConfig = Field(
        default=PerplexityGateConfig(),
        description="These settings define gate G2, which a forecaster has to pass.",
    )
    keywords: KeywordsConfig = Field(
        default=KeywordsConfig(),
        description="These settings are the rules by which values become keywords.",
    )
    ray: RayConfig = Field(default=RayConfig(), description="These settings say what Ray may use.")
    loop: LoopConfig = Field(
        default=LoopConfig(),
        description="These settings say how much history is read and when models are trained again.",
    )
    report: ReportConfig = Field(
        default=ReportConfig(), description="These settings configure the HTML report."
    )
    serve: ServeConfig = Field(
        default=ServeConfig(), description="These settings configure the HTTP service."
    )
    exporter: ExporterConfig = Field(
        default=ExporterConfig(),
        description="These settings define the metrics that Prometheus reads.",
    )
    cluster: ClusterConfig = Field(
        default=ClusterConfig(),
        description="These settings name the release of the chart that `submit` uses.",
    )

    @property
    def digest(self) -> str:
        """Hash of every setting that can change a result."""
        return digest(self.model_dump(mode="json", exclude=NO_RESULT))


def digest(value: Any) -> str:
    """Hash of a plain value, independent of the order of keys; 16 hex digits."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def load(path: str | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the file, override it by the environment, and check the whole.

    Args:
        path: YAML file; if None, `FASHIONTREND_CONFIG`, then `fashiontrend.yaml` in the working folder;
            all defaults if there is none.
        environ: the environment variables, for overrides.

    Raises:
        ConfigError: one line per mistake, with file, line, dotted path and nearest right name.
    """
    path = path or environ.get(FILE_VARIABLE) or (HERE if Path(HERE).is_file() else None)
    data: dict[str, Any] = {}
    lines: dict[typed_yaml.KeyPath, int] = {}
    if path:
        try:
            text = Path(path).read_text("utf-8")
        except OSError as error:
            raise ConfigError(
                f"configuration {path}: {error.strerror}. Write one with `fashiontrend init`."
            ) from error
        data, lines = typed_yaml.parse_yaml(text, path)
        data = data or {}
        if not isinstance(data, dict):
            raise ConfigError(
                f"{path}: expected a mapping of settings, seen {type(data).__name__}."
            )
    for name, value in environ.items():
        if name.startswith(PREFIX):
            _override(data, name, typed_yaml.parse_yaml(value, name)[0])
    return typed_yaml.check(Config, data, path or "environment", lines, REMOVED)


def _override(data: dict[str, Any], name: str, value: Any) -> None:
    *branch, leaf = name.removeprefix(PREFIX).lower().split("__")
    for part in branch:
        data = data.setdefault(part, {})
        if not isinstance(data, dict):
            raise ConfigError(
                f"{name}: {part!r} is a value, not a branch. Correct the variable's name."
            )
    data[leaf] = value
