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
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from fashiontrend import documents
from fashiontrend.documents import Section
from fashiontrend.errors import ConfigError
from fashiontrend.serve_config import ServeConfig

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
PREFIX = "FASHIONTREND__"
FILE_VARIABLE = "FASHIONTREND_CONFIG"


class StoreConfig(Section):
    """Where everything lies."""

    url: str = Field(default="build/store", description="Directory, file:// or s3://bucket/prefix.")
    endpoint: str | None = Field(
        default=None, description="Of an S3-compatible server, http(s)://host:port."
    )
    region: str = "us-east-1"
    connect_timeout_s: PositiveFloat = 5.0
    request_timeout_s: PositiveFloat = 30.0


class PlatformConfig(Section):
    """One e-commerce site."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    kind: Literal["shopify", "woocommerce", "schema_org", "replay"] = Field(
        description="How the site states its products; `replay` is filled by `fashiontrend replay`, never crawled."
    )
    base_url: str = Field(
        default="",
        description="Start of the shop. `{day}` in it names an archive that still answers for past days.",
    )
    currency: str | None = Field(
        default=None, description="Used where the shop's payload states none."
    )
    enabled: bool = Field(default=True, description="False stops all requests to this platform.")
    delay_s: NonNegativeFloat = Field(
        default=1.0, description="Least pause between two requests to the host."
    )
    weight: PositiveFloat = Field(
        default=1.0,
        description="Of the platform in pooled shares; fixed, so that an outage is no trend.",
    )


class CrawlConfig(Section):
    """How the crawler behaves."""

    platforms: tuple[PlatformConfig, ...] = ()
    user_agent: str = "fashiontrend/0.1"
    contact_url: str = Field(
        default="",
        description="Page or address that tells a shop who asks; sent with every request.",
    )
    obey_robots: bool = True
    autothrottle: bool = True
    concurrency_per_host: PositiveInt = 1
    timeout_s: PositiveFloat = 30.0
    retries: NonNegativeInt = 2
    daily_request_budget: PositiveInt = Field(
        default=20_000, description="Per platform and day; reaching it ends the crawl as partial."
    )
    max_images_per_listing: PositiveInt = Field(
        default=8, description="Further pictures are counted and left."
    )
    max_image_bytes: PositiveInt = 10_000_000
    full_sweep_days: PositiveInt = Field(
        default=7, description="Pages whose lastmod did not change are fetched again this often."
    )


class IngestConfig(Section):
    """What a picture must be to be used, and how shards are packed."""

    max_pixels: PositiveInt = Field(
        default=40_000_000, description="Above it a picture is put aside as a decompression bomb."
    )
    max_image_bytes: PositiveInt = 10_000_000
    min_side_px: PositiveInt = 16
    shard_bytes: PositiveInt = Field(
        default=64 << 20, description="Target size of a Parquet shard."
    )
    row_group_rows: PositiveInt = 256
    fetch_threads: PositiveInt = 8
    days_per_job: PositiveInt = Field(
        default=30, description="Days of a backfill that one Ray Data job packs."
    )


class HealthConfig(Section):
    """Gate G0: a day that fails is withheld from the series."""

    min_products_ratio: Fraction = Field(default=0.6, description="Of the trailing median.")
    max_products_ratio: PositiveFloat = 1.6
    trailing_days: PositiveInt = 14
    min_image_success: Fraction = 0.95
    min_field_coverage: Fraction = Field(
        default=0.95, description="Listings with id, title, url and a picture."
    )
    max_blocked: Fraction = Field(
        default=0.02, description="Share of blocked or refused responses."
    )
    max_duplicates: Fraction = Field(
        default=0.2, description="Share of listings whose id stands twice."
    )


class LabelsConfig(Section):
    """Where labels come from, and what a closed perplexity gate does about them."""

    titles: bool = Field(default=True, description="Read weak labels from titles and descriptions.")
    title_confidence: Fraction = Field(default=0.8, description="Of a label read from a title.")
    rules: str | None = Field(
        default=None, description="YAML of extra title words: attribute -> value -> [words]."
    )
    annotations: tuple[str, ...] = Field(
        default=(), description="CSV files of annotators, by path or store key."
    )
    imported_sets: tuple[str, ...] = Field(
        default=(), description="Names given to `fashiontrend import`."
    )
    audit: bool = Field(
        default=True,
        description="When a closed perplexity gate names an attribute, drop its title rules that annotations contradict.",
    )
    min_rule_precision: Fraction = Field(
        default=0.6,
        description="Agreement with annotations that a title rule needs to survive an audit.",
    )
    min_rule_support: PositiveInt = Field(
        default=5, description="Annotated pictures a rule needs to be judged."
    )
    min_value_support: PositiveInt = Field(
        default=20, description="Values with fewer training pictures are reported by name."
    )
    max_titles: PositiveInt | None = Field(
        default=None, description="At most this many title-labelled pictures, drawn by seed."
    )


class ResampleConfig(Section):
    """Repeat factors r = max(1, (t / f)^beta) within an attribute; a picture takes its largest."""

    beta: NonNegativeFloat = Field(
        default=0.5, description="0 off, 0.5 square root, 1 full balance."
    )
    threshold: Fraction | None = Field(
        default=None, description="t; 1 / number of values if not given."
    )
    cap: PositiveFloat = 10.0
    boost: dict[str, PositiveFloat] = Field(
        default={}, description="Per attribute, multiplies beta; rounds of the loop set it."
    )


class AttrNetConfig(Section):
    """The recogniser and its training."""

    backbone: str = Field(
        default="small", description="small, lean, or the name of a torchvision network."
    )
    weights: str | None = Field(
        default=None,
        description="Local .safetensors or tensors-only file for the backbone; random if not given.",
    )
    input_px: PositiveInt = Field(default=64, description="Side of the square looked at.")
    keep_aspect: bool = Field(
        default=False, description="Pad pictures to a square instead of stretching them."
    )
    train_px: PositiveInt | None = Field(
        default=None,
        description="Side that training pictures are kept at, views of input_px are cut from them.",
    )
    box_scales: tuple[PositiveFloat, ...] = Field(
        default=(0.8, 1.1, 1.5), description="Boxes around the location, beside the whole picture."
    )
    roi_size: PositiveInt = 4
    region_channels: PositiveInt = Field(
        default=64, description="Of the feature map that regions are cut from."
    )
    colour_channels: int = Field(
        default=0, ge=0, description="Of the learnt colour histogram beside the regions; 0 = none."
    )
    dropout: Fraction = Field(default=0.0, description="Of the vector, before the classifiers.")
    embedding_dim: PositiveInt = 2048
    epochs: PositiveInt = 10
    batch_size: PositiveInt = Field(default=32, description="Over all workers together.")
    learning_rate: PositiveFloat = 4e-4
    weight_decay: NonNegativeFloat = 0.02
    warmup_fraction: Fraction = 0.1
    decay_fraction: Fraction = Field(
        default=1.0,
        description="Last part of training in which the rate falls; before it, it stays.",
    )
    label_smoothing: Fraction = 0.05
    box_loss_weight: NonNegativeFloat = 1.0
    clip_norm: PositiveFloat = Field(
        default=5.0, description="Gradients are scaled down to this norm."
    )
    augment: bool = True
    background_masks: bool = Field(
        default=False, description="Read garment and box of plain shots from their background."
    )
    clutter: Fraction = Field(
        default=0.0, description="Part of the plain product shots that are pasted on clutter."
    )
    ema_decay: Fraction = Field(
        default=0.0, description="Of the running average of the weights that is kept; 0 = none."
    )
    accumulate: PositiveInt = Field(default=1, description="Batches whose gradients make one step.")
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="Of the convolutions in training; bfloat16 by autocast."
    )
    compile: bool = Field(default=False, description="Compile the network with torch.compile.")
    second_look: bool = Field(
        default=False, description="Recognise each picture again, closer, around the found box."
    )
    test_flip: bool = Field(
        default=False, description="Recognise each picture's mirror image too and average."
    )
    threads: PositiveInt = Field(default=1, description="Of torch in each worker.")
    max_passes: PositiveInt | None = Field(
        default=None, description="Pictures drawn in all epochs together; epochs shrink to fit."
    )


class AccuracyGateConfig(Section):
    """A6: opens strictly above both thresholds, on annotated pictures of the natural distribution."""

    threshold: Fraction = Field(default=0.85, description="Mean over attributes of top-1 accuracy.")
    floor: Fraction = Field(default=0.70, description="Wilson lower bound of the worst attribute.")
    min_support: PositiveInt = Field(
        default=100, description="Annotated pictures an attribute needs to be judged."
    )
    max_rounds: PositiveInt = 3
    longer: PositiveFloat = Field(
        default=1.5,
        description="Each further round trains this many times longer, from a new seed.",
    )


class SeriesConfig(Section):
    """How products become shares."""

    window_days: PositiveInt = Field(
        default=7, description="Each distinct product counts once in a window."
    )
    basis: Literal["live", "new_in"] = "live"
    smoothing: NonNegativeFloat = Field(
        default=0.5, description="Jeffreys pseudo-count of each value."
    )
    bootstrap: PositiveInt = Field(default=200, description="Draws for the interval.")
    recognise_workers: PositiveInt = 1
    batch_size: PositiveInt = 64


class ForecasterConfig(Section):
    """The two-layer LSTM and its training."""

    context_length: PositiveInt = Field(
        default=42, description="Days read; earlier days than the history has are padded."
    )
    prediction_length: PositiveInt = Field(default=14, description="Days forecast.")
    hidden_size: PositiveInt = 32
    num_layers: Literal[2] = 2
    epochs: PositiveInt = 15
    batch_size: PositiveInt = 64
    learning_rate: PositiveFloat = 3e-3
    weight_decay: NonNegativeFloat = 1e-3
    dropout: Fraction = 0.1
    origins: PositiveInt = Field(default=8, description="Held-out rolling origins.")
    season_length: PositiveInt = Field(
        default=7, description="Of the seasonal-naive baseline, in days."
    )


class PerplexityGateConfig(Section):
    """A9: opens strictly below the threshold, and only if the model beats naive forecasts."""

    metric: Literal["normalised_perplexity", "perplexity"] = "normalised_perplexity"
    threshold: PositiveFloat = 1.05
    max_pair: PositiveFloat = Field(
        default=1.15, description="Worst (platform, attribute) with enough support."
    )
    min_skill: float = Field(default=0.05, description="1 - ln(model) / ln(best naive).")
    standard_errors: NonNegativeFloat = Field(
        default=2.0, description="By which the paired difference to the best naive must exceed 0."
    )
    coverage: tuple[Fraction, Fraction] = Field(
        default=(0.70, 0.90), description="Band of the 80 % interval's coverage."
    )
    max_interval_width: Fraction = Field(
        default=0.25,
        description="Median width of an attribute's 80 % share interval above which its series is not a measurement.",
    )
    min_days: PositiveInt = 56
    min_origins: PositiveInt = 8
    min_support: PositiveInt = Field(
        default=50, description="Products a pair needs to be held to max_pair."
    )
    max_rounds: PositiveInt = 3


class KeywordsConfig(Section):
    """When a value is called rising, and when there is not enough evidence to call it anything."""

    min_probability: Fraction = Field(
        default=0.8, description="P(change beyond min_change) that makes a direction."
    )
    min_change: Fraction = Field(
        default=0.005, description="Share points; widened to the noise half-width."
    )
    min_support: PositiveInt = Field(default=100, description="Distinct products of the segment.")
    min_days: PositiveInt = 28
    emerging_below: Fraction = 0.03
    rising_below: Fraction = 0.15
    samples: NonNegativeInt = Field(default=6, description="Sample products of a keyword.")
    min_pair_support: PositiveInt = 30
    min_lift: PositiveFloat = 1.2


class RayConfig(Section):
    """What Ray may use."""

    address: str = Field(
        default="local", description="`local` starts one; `auto` joins the cluster of a RayJob."
    )
    num_cpus: PositiveInt = Field(default=2, description="Of a local Ray.")
    object_store_bytes: PositiveInt = 400 << 20
    train_workers: PositiveInt = Field(default=2, description="DDP workers of each training.")
    cpus_per_worker: PositiveFloat = Field(
        default=0.5, description="Keep one whole logical CPU outside all workers for reading."
    )
    use_gpu: bool = False
    max_failures: NonNegativeInt = 2
    first_row_timeout_s: PositiveFloat = Field(
        default=300.0, description="A data job without a row by then is stopped with a reason."
    )


class LoopConfig(Section):
    """When the models are trained again."""

    history_days: PositiveInt = Field(
        default=365, description="Days of pictures that are read, at most."
    )
    retrain_days: PositiveInt = Field(
        default=7, description="A release younger than this is used as it is."
    )


class ReportConfig(Section):
    """The HTML report."""

    truth: str | None = Field(
        default=None, description="Folder with a demo world's or replay's truth, for the scorecard."
    )


class Config(Section):
    """Everything that can be set."""

    seed: NonNegativeInt = 0
    taxonomy: str | None = Field(
        default=None, description="YAML file; the shipped taxonomy if not given."
    )
    attributes: tuple[str, ...] = Field(
        default=(), description="Subset to train; all that are not optional if empty."
    )
    store: StoreConfig = StoreConfig()
    crawl: CrawlConfig = CrawlConfig()
    ingest: IngestConfig = IngestConfig()
    health: HealthConfig = HealthConfig()
    labels: LabelsConfig = LabelsConfig()
    resample: ResampleConfig = ResampleConfig()
    attrnet: AttrNetConfig = AttrNetConfig()
    accuracy_gate: AccuracyGateConfig = AccuracyGateConfig()
    series: SeriesConfig = SeriesConfig()
    forecaster: ForecasterConfig = ForecasterConfig()
    perplexity_gate: PerplexityGateConfig = PerplexityGateConfig()
    keywords: KeywordsConfig = KeywordsConfig()
    ray: RayConfig = RayConfig()
    loop: LoopConfig = LoopConfig()
    report: ReportConfig = ReportConfig()
    serve: ServeConfig = ServeConfig()

    @property
    def digest(self) -> str:
        """Hash of every setting that can change a result."""
        return digest(self.model_dump(mode="json", exclude={"ray", "report", "serve"}))


def digest(value: Any) -> str:
    """Hash of a plain value, independent of the order of keys; 16 hex digits."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def load(path: str | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the file, lay the environment over it, check the whole.

    Args:
        path: YAML file; `FASHIONTREND_CONFIG` if None; all defaults if neither is given.
        environ: where overrides come from.

    Raises:
        ConfigError: one line per mistake, with file, line, dotted path and nearest right name.
    """
    path = path or environ.get(FILE_VARIABLE)
    data: dict[str, Any] = {}
    lines: dict[documents.Path, int] = {}
    if path:
        try:
            text = Path(path).read_text("utf-8")
        except OSError as error:
            raise ConfigError(
                f"configuration {path}: {error.strerror}. Write one with `fashiontrend init`."
            ) from error
        data, lines = documents.parse_yaml(text, path)
        data = data or {}
        if not isinstance(data, dict):
            raise ConfigError(
                f"{path}: expected a mapping of settings, seen {type(data).__name__}."
            )
    for name, value in environ.items():
        if name.startswith(PREFIX):
            _override(data, name, documents.parse_yaml(value, name)[0])
    return documents.check(Config, data, path or "environment", lines)


def _override(data: dict[str, Any], name: str, value: Any) -> None:
    *branch, leaf = name.removeprefix(PREFIX).lower().split("__")
    for part in branch:
        data = data.setdefault(part, {})
        if not isinstance(data, dict):
            raise ConfigError(
                f"{name}: {part!r} is a value, not a branch. Correct the variable's name."
            )
    data[leaf] = value
