"""The branch `serve` of the configuration: what the HTTP service takes, how it answers, who may ask."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from fashiontrend.typed_yaml import Section


class FetchConfig(Section):
    """How the server fetches pictures by URL; nothing inside the house is ever reached."""

    enabled: bool = Field(default=True, description="False refuses every URL.")
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="Only these hosts and their sub-domains; any public one if empty.",
    )
    allowed_networks: tuple[str, ...] = Field(
        default=(), description="Private networks (CIDR) that may be reached all the same."
    )
    allowed_ports: tuple[PositiveInt, ...] = (80, 443)
    timeout_s: PositiveFloat = Field(
        default=5.0,
        description="Of one picture, redirects included; it waits as long for its turn before.",
    )
    max_redirects: NonNegativeInt = 3
    concurrency: PositiveInt = Field(
        default=32, description="Fetches of one replica at a time; of one host three quarters."
    )


class ReplicaConfig(Section):
    """How many replicas a deployment has, and what each may hold."""

    min_replicas: NonNegativeInt = 1
    max_replicas: PositiveInt = 4
    target_ongoing_requests: PositiveFloat = Field(
        default=16.0, description="Of one replica, on average; more asks for another replica."
    )
    max_ongoing_requests: PositiveInt = Field(
        default=128,
        description="Whose bodies are there and that one replica answers; beyond it 429 with Retry-After.",
    )
    max_queued_requests: PositiveInt = Field(
        default=128, description="That wait for a replica, as while the first one starts; then 429."
    )
    cpus: PositiveFloat = Field(default=1.0, description="Logical CPUs that Ray reserves.")
    gpus: NonNegativeFloat = 0.0
    upscale_delay_s: NonNegativeFloat = 5.0
    downscale_delay_s: NonNegativeFloat = 60.0
    drain_s: PositiveFloat = Field(
        default=20.0, description="A stopping replica finishes its requests within this time."
    )


class ServeConfig(Section):
    """The HTTP service: limits, batching, tokens and replicas."""

    host: str = "127.0.0.1"
    port: NonNegativeInt = Field(default=8000, le=65535)
    proxy: Literal["serve", "haproxy"] = Field(
        default="serve",
        description="`haproxy` costs a tenth of the CPU a request; replicas then listen on all interfaces.",
    )
    auth: Literal["auto", "required", "none"] = Field(
        default="auto",
        description="Tokens. `auto` is `none` only on loopback behind Ray's own proxy.",
    )
    tokens_file: str | None = Field(
        default=None,
        description="YAML or JSON list of {name, sha256, scopes}; a mounted secret. Tokens are kept as SHA-256 only.",
    )
    public_read: bool = Field(
        default=False, description="True answers GET of tables and pictures without a token."
    )
    max_images: PositiveInt = Field(default=32, description="Of one request.")
    max_image_bytes: PositiveInt = 10_000_000
    max_pixels: PositiveInt = 40_000_000
    min_side_px: PositiveInt = 16
    max_json_bytes: PositiveInt = 4_000_000
    max_body_bytes: PositiveInt = Field(default=64_000_000, description="Of an upload.")
    max_json_depth: PositiveInt = 32
    max_series: PositiveInt = 200
    max_points: PositiveInt = Field(default=500, description="Days of one posted series.")
    body_timeout_s: PositiveFloat = Field(
        default=10.0, description="For a body to arrive, at least."
    )
    max_bodies: PositiveInt = Field(
        default=1024,
        description="On their way to one replica; beyond it the one that has been longest is cut off.",
    )
    max_held_bytes: PositiveInt = Field(
        default=512_000_000, description="Of the bodies of one replica, on their way or answered."
    )
    request_timeout_s: PositiveFloat = Field(default=15.0, description="For the whole answer.")
    retry_after_s: PositiveInt = 2
    max_batch_size: PositiveInt = 16
    batch_wait_s: NonNegativeFloat = Field(
        default=0.002, description="A picture waits so long for others while the model is idle."
    )
    max_waiting: PositiveInt = Field(
        default=256,
        description="Garments of one replica that wait for the model; a request with more is answered in slices.",
    )
    threads: PositiveInt = Field(default=1, description="Of torch in each replica.")
    max_models: PositiveInt = Field(
        default=1,
        description="Recognisers of one replica: the current one, and released ones that callers name by version.",
    )
    release_poll_s: PositiveFloat = Field(
        default=5.0, description="How often the release pointer is read."
    )
    key_prefixes: tuple[str, ...] = Field(
        default=("raw/images/", "uploads/"), description="Store keys that a caller may name."
    )
    rows_per_part: PositiveInt = Field(
        default=2_000, description="Rows of a catalogue job that are committed together."
    )
    fetch: FetchConfig = FetchConfig()
    recogniser: ReplicaConfig = ReplicaConfig()
    tables: ReplicaConfig = ReplicaConfig(cpus=0.5, max_replicas=2)
