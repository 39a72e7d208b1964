"""The store, the shops, and which pictures and days are accepted."""

from datetime import date, datetime
from difflib import get_close_matches
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
)

from fashiontrend.config.networks import NetworkText
from fashiontrend.typed_yaml import Fraction, Section


def check_endpoint(endpoint: str) -> str:
    """Return the address of an S3 server if both S3 clients can use it.

    Raises:
        ValueError: it has another scheme than http and https, no host, user information, or a path. The
            message does not repeat it, since it may hold a password.
    """
    try:
        parts = urlsplit(endpoint)
        secret = parts.username is not None or parts.password is not None
        known = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        raise ValueError("is no address. Write http://host:port or https://host:port.") from None
    if secret:
        raise ValueError(
            "holds user information. Remove it, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    if not known:
        raise ValueError("must begin with http:// or https://, followed by host and port.")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(
            "has a path after host and port. S3 clients take none: put the prefix into store.url."
        )
    return f"{parts.scheme}://{parts.netloc}"


class StoreConfig(Section):
    """The object store that holds everything a run reads and writes."""

    url: str = Field(
        default="build/store",
        description="Everything is stored under this directory, file:// URL or s3://bucket/prefix.",
    )
    endpoint: str | None = Field(
        default=None,
        description="S3 requests go to this server, http(s)://host:port, instead of AWS. If it is not set, the "
        "environment variables AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL name the server.",
    )
    addressing_style: Literal["auto", "path", "virtual"] = Field(
        default="auto",
        description="The bucket's name stands in the path of S3 requests (`path`) or in the name of the host "
        "(`virtual`). `auto` uses `path` for a server with an endpoint and `virtual` for AWS.",
    )
    region: str = Field(
        default="us-east-1",
        description="S3 requests are signed for this region. S3-compatible servers other than AWS often ignore "
        "the region.",
    )
    request_timeout_s: PositiveFloat = Field(
        default=30.0,
        description="An S3 request that receives no data for this many seconds is tried again, at most three "
        "times. If all attempts fail, the step ends with exit code 40.",
    )

    @field_validator("url")
    @classmethod
    def _names_a_bucket(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme == "s3" and not parts.netloc:
            raise ValueError("names no bucket. Write s3://bucket or s3://bucket/prefix.")
        return url

    @field_validator("endpoint")
    @classmethod
    def _is_a_server(cls, endpoint: str | None) -> str | None:
        return None if endpoint is None else check_endpoint(endpoint)


class PlatformConfig(Section):
    """One e-commerce site."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")] = Field(
        description="The platform has this name in keys, tables and reports: lower-case letters, digits and hyphens."
    )
    kind: Literal["shopify", "woocommerce", "schema_org", "replay"] = Field(
        description="The site states its products in this form. `fashiontrend replay` fills a `replay` platform, "
        "which is never crawled."
    )
    base_url: str = Field(
        default="",
        description="The shop starts at this http(s):// address. `{day}` in the address marks an archive that "
        "still serves past days.",
    )
    currency: str | None = Field(
        default=None,
        description="Prices are taken to be in this currency if the shop's pages state none.",
    )
    enabled: bool = Field(
        default=True,
        description="If false, no request is made to this platform and its earlier days are left out of runs.",
    )
    delay_s: NonNegativeFloat = Field(
        default=1.0,
        description="The crawler pauses at least this many seconds between two requests to the host. The shop's "
        "robots.txt can only lengthen the pause.",
    )
    sitemaps: tuple[str, ...] = Field(
        default=(),
        description="The shop's sitemaps are at these addresses, or at these paths of its host. If the list is "
        "empty, they are found by robots.txt and at the usual addresses. Only the kind `schema_org` reads sitemaps.",
    )
    include: tuple[str, ...] = Field(
        default=(),
        description="Only pages of the sitemaps whose whole address fits one of these patterns are read; `*` stands for "
        "any text, as in `*/products/*`. If the list is empty, every page is read.",
    )
    exclude: tuple[str, ...] = Field(
        default=(),
        description="Pages and sitemaps whose whole address fits one of these patterns are left out; `*` stands "
        "for any text.",
    )
    time_zone: str = Field(
        default="UTC",
        description="The shop's day begins at midnight in this time zone, an IANA name such as `Asia/Shanghai`. A crawl "
        "counts for the day that it is there at that moment, which may be the day before or after the run's own, in UTC.",
    )
    weight: PositiveFloat = Field(
        default=1.0,
        description="The platform has this weight in pooled shares. The weight does not depend on volume, so an outage "
        "does not look like a trend.",
    )

    @property
    def archive(self) -> bool:
        """Whether the shop still serves past days; other shops show what they sell today."""
        return "{day}" in self.base_url

    def day_at(self, moment: datetime) -> date:
        """The shop's own day at a moment, which has a time zone."""
        return moment.astimezone(ZoneInfo(self.time_zone)).date()

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in available_timezones():
            near = get_close_matches(name, available_timezones(), 1)
            raise ValueError(
                f"is no IANA time zone. {f'Is {near[0]} meant?' if near else 'Write Europe/Berlin.'}"
            )
        return name

    @field_validator("base_url")
    @classmethod
    def _can_be_requested(cls, url: str, info: ValidationInfo) -> str:
        if info.data.get("kind", "replay") != "replay" and not _starts_a_shop(url):
            raise ValueError(
                "the shop cannot be reached there; write http:// or https://, its host and at most a path, "
                "such as https://shop.example"
            )
        return url


def _starts_a_shop(url: str) -> bool:
    """Whether paths can be added to this URL and requested over HTTP; `{day}` stands for a day."""
    if any(c.isspace() for c in url):  # urlsplit takes some of them out
        return False
    try:
        parts = urlsplit(url.replace("{day}", "2026-01-01"))
        _ = parts.port  # raises if it is not a number
    except ValueError:
        return False
    reachable = (
        "@" not in parts.netloc and parts.scheme in ("http", "https") and bool(parts.hostname)
    )
    return reachable and not parts.query and not parts.fragment


class CrawlConfig(Section):
    """How the crawler behaves."""

    platforms: tuple[PlatformConfig, ...] = Field(
        default=(), description="The loop follows these e-commerce sites."
    )
    user_agent: str = Field(
        default="fashiontrend/0.1",
        description="The crawler identifies itself with this User-Agent, followed by `contact_url`.",
    )
    contact_url: str = Field(
        default="",
        description="Every request to a shop carries this page or mail address, where the shop can reach you.",
    )
    obey_robots: bool = Field(
        default=True,
        description="If true, the crawler follows each shop's robots.txt.",
    )
    autothrottle: bool = Field(
        default=True,
        description="If true, the crawler slows down when a shop responds slowly.",
    )
    concurrency_per_host: PositiveInt = Field(
        default=1,
        description="The crawler has at most this many concurrent requests to one host.",
    )
    timeout_s: PositiveFloat = Field(
        default=30.0,
        description="A request to a shop is given up after this many seconds and tried again up to `retries` times.",
    )
    retries: NonNegativeInt = Field(
        default=2,
        description="A request that failed is tried again at most this many times; then its page or picture is rejected.",
    )
    daily_request_budget: PositiveInt = Field(
        default=20_000,
        description="A platform gets at most this many requests a day. When these requests are spent, the crawl "
        "ends as partial.",
    )
    time_budget_s: PositiveFloat = Field(
        default=4 * 3600.0,
        description="A platform's crawl takes at most this many seconds a day. A crawl that reaches this limit "
        "ends as partial, and the next crawl resumes from there. Keep this limit well below the job's "
        "deadline, because a stopped job loses what it found.",
    )
    allowed_networks: tuple[NetworkText, ...] = Field(
        default=(),
        description="Addresses in these private networks (CIDR) may be crawled too. Otherwise the crawler asks a "
        "private address only if a platform's `base_url` itself names one, and only that host and port.",
    )
    max_images_per_listing: PositiveInt = Field(
        default=8,
        description="At most this many pictures of a listing are fetched. Further pictures are counted and left out.",
    )
    full_sweep_days: PositiveInt = Field(
        default=7,
        description="Once in this many days, pages are fetched again even if their lastmod did not change.",
    )
    keep_pages_days: NonNegativeInt = Field(
        default=7,
        description="The pages of the catalogue are kept in the store as the shop sent them, compressed, for this many "
        "days. With 0 they are not kept. A page can be read again later with a better reader, and cannot be "
        "fetched again as it was.",
    )

    @field_validator("platforms")
    @classmethod
    def _have_names_of_their_own(
        cls, platforms: tuple[PlatformConfig, ...]
    ) -> tuple[PlatformConfig, ...]:
        names = [platform.name for platform in platforms]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"two platforms have the name {', '.join(twice)}; give each a name of its own, "
                "because a name is a key of the store"
            )
        return platforms

    @property
    def crawled(self) -> tuple[PlatformConfig, ...]:
        """The platforms that the crawler visits."""
        return tuple(p for p in self.platforms if p.enabled and p.kind != "replay")


class IngestConfig(Section):
    """What a picture must be to be used, and how shards are packed."""

    max_pixels: PositiveInt = Field(
        default=40_000_000,
        description="A picture with more pixels than this is rejected as a decompression bomb.",
    )
    max_image_bytes: PositiveInt = Field(
        default=10_000_000,
        description="A picture with more bytes than this is rejected as too large, before or after its download.",
    )
    min_side_px: PositiveInt = Field(
        default=16,
        description="A picture with a side shorter than this many pixels is rejected as too small.",
    )
    shard_bytes: PositiveInt = Field(
        default=64 << 20,
        description="A Parquet file of pictures is closed when its pictures reach this many bytes. A task may "
        "hold up to eight times as many bytes in memory.",
    )


class HealthConfig(Section):
    """Gate G0: a day that fails is withheld from the series."""

    min_products_ratio: Fraction = Field(
        default=0.6,
        description="A day fails if its number of products is below this fraction of the trailing median.",
    )
    max_products_ratio: PositiveFloat = Field(
        default=1.6,
        description="A day fails if its number of products exceeds the trailing median times this factor.",
    )
    trailing_days: PositiveInt = Field(
        default=14,
        description="The trailing median is taken over this many good days before the day.",
    )
    min_image_success: Fraction = Field(
        default=0.95,
        description="A day fails if a smaller fraction of its pictures could be used.",
    )
    min_field_coverage: Fraction = Field(
        default=0.95,
        description="A day fails if a smaller fraction of its listings has an id, a title, a URL and a picture.",
    )
    max_blocked: Fraction = Field(
        default=0.02,
        description="A day fails if a larger fraction of the shop's responses was blocked or refused.",
    )
    max_duplicates: Fraction = Field(
        default=0.2,
        description="A day fails if a larger fraction of its listings repeats the id of another listing.",
    )
