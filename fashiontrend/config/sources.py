"""Where pictures come from: store, shops, what is accepted."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
)

from fashiontrend.typed_yaml import Fraction, Section


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
        description="http(s):// start of the shop. `{day}` in it names an archive that still answers for past days.",
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

    @property
    def archive(self) -> bool:
        """Whether it still answers for past days; others show what they sell today."""
        return "{day}" in self.base_url

    @field_validator("base_url")
    @classmethod
    def _can_be_asked(cls, url: str, info: ValidationInfo) -> str:
        if info.data.get("kind", "replay") != "replay" and not _starts_a_shop(url):
            raise ValueError(
                "the shop cannot be asked there; write http:// or https://, its host and at most a path, "
                "such as https://shop.example"
            )
        return url


def _starts_a_shop(url: str) -> bool:
    """Whether paths can be added to this and asked over HTTP; `{day}` stands for a day."""
    if any(c.isspace() for c in url):  # urlsplit takes some of them out
        return False
    try:
        parts = urlsplit(url.replace("{day}", "2026-01-01"))
        _ = parts.port  # what stands there may be no number
    except ValueError:
        return False
    asked = parts.scheme in ("http", "https") and bool(parts.hostname)
    return asked and not parts.query and not parts.fragment


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
    time_budget_s: PositiveFloat = Field(
        default=4 * 3600.0,
        description="Per platform and day; reaching it ends the crawl as partial, and the next one "
        "goes on from there. Must lie well below the job's deadline: what a stopped job found is lost.",
    )
    max_images_per_listing: PositiveInt = Field(
        default=8, description="Further pictures are counted and left."
    )
    max_image_bytes: PositiveInt = 10_000_000
    full_sweep_days: PositiveInt = Field(
        default=7, description="Pages whose lastmod did not change are fetched again this often."
    )

    @property
    def crawled(self) -> tuple[PlatformConfig, ...]:
        """The platforms that the crawler asks."""
        return tuple(p for p in self.platforms if p.enabled and p.kind != "replay")


class IngestConfig(Section):
    """What a picture must be to be used, and how shards are packed."""

    max_pixels: PositiveInt = Field(
        default=40_000_000, description="Above it a picture is put aside as a decompression bomb."
    )
    max_image_bytes: PositiveInt = 10_000_000
    min_side_px: PositiveInt = 16
    shard_bytes: PositiveInt = Field(
        default=64 << 20,
        description="A Parquet file of pictures ends with the one that reaches it; a task holds up to 8 times as much.",
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
