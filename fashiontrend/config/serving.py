"""The branch `serve` of the configuration: limits of the HTTP service, access to it, and its replicas."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from fashiontrend.config.networks import NetworkText
from fashiontrend.typed_yaml import Section


class FetchConfig(Section):
    """How the server fetches pictures by URL; private networks are never reached unless allowed."""

    enabled: bool = Field(
        default=True, description="If false, the server refuses every request that names a URL."
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="Only these hosts and their sub-domains are fetched from. If the list is empty, pictures are "
        "fetched from any public host.",
    )
    allowed_networks: tuple[NetworkText, ...] = Field(
        default=(),
        description="Addresses in these private networks (CIDR) may be fetched from too.",
    )
    allowed_ports: tuple[PositiveInt, ...] = Field(
        default=(80, 443),
        description="Pictures are fetched only from these TCP ports; a URL with another port "
        "is refused.",
    )
    timeout_s: PositiveFloat = Field(
        default=5.0,
        description="Fetching one picture, redirects included, takes at most this many seconds, after waiting at "
        "most as long for its turn. A picture that exceeds either limit is reported as failed.",
    )
    concurrency: PositiveInt = Field(
        default=32,
        description="A replica fetches at most this many pictures at a time, and at most three quarters of them "
        "from one host. Further pictures wait for their turn.",
    )


class ReplicaConfig(Section):
    """How many replicas a deployment has, and how much each may hold."""

    min_replicas: NonNegativeInt = Field(
        default=1, description="The deployment keeps at least this many replicas."
    )
    max_replicas: PositiveInt = Field(
        default=4, description="The deployment grows to at most this many replicas."
    )
    target_ongoing_requests: PositiveFloat = Field(
        default=16.0,
        description="The deployment adds replicas while a replica processes more requests than this on average.",
    )
    max_ongoing_requests: PositiveInt = Field(
        default=128,
        description="One replica processes at most this many requests at once; a request counts when its body has "
        "arrived. Further requests get 429 with Retry-After.",
    )
    max_queued_requests: PositiveInt = Field(
        default=128,
        description="At most this many requests wait for a replica, as while the first one starts. Further requests "
        "get 429.",
    )
    cpus: PositiveFloat = Field(
        default=1.0, description="Ray reserves this many logical CPUs for each replica."
    )
    gpus: NonNegativeFloat = Field(
        default=0.0,
        description="Ray reserves this many GPUs, or this fraction of one, for each replica. If it is 0, replicas "
        "compute on the CPU.",
    )
    upscale_delay_s: NonNegativeFloat = Field(
        default=5.0,
        description="The load must stay high for this many seconds before a replica is added.",
    )
    downscale_delay_s: NonNegativeFloat = Field(
        default=60.0,
        description="The load must stay low for this many seconds before a replica is removed.",
    )
    drain_s: PositiveFloat = Field(
        default=20.0,
        description="A stopping replica has this many seconds to finish its requests. Requests that are not "
        "finished by then are cut off.",
    )


class ServeConfig(Section):
    """The HTTP service: limits, batching, tokens and replicas."""

    host: str = Field(default="127.0.0.1", description="The service listens on this address.")
    port: NonNegativeInt = Field(
        default=8000,
        le=65535,
        description="The service listens on this TCP port. If it is 0, a free port is chosen.",
    )
    proxy: Literal["serve", "haproxy"] = Field(
        default="serve",
        description="This setting chooses the HTTP proxy that distributes requests to the replicas. `haproxy` "
        "needs a tenth of the CPU time for a request, but makes replicas listen on all interfaces.",
    )
    auth: Literal["auto", "required", "none"] = Field(
        default="auto",
        description="This setting says whether callers need a token. `auto` requires a token unless the service "
        "listens on loopback behind Ray's own proxy.",
    )
    tokens_file: str | None = Field(
        default=None,
        description="Valid tokens are read from this YAML or JSON list of {name, sha256, scopes}, usually a "
        "mounted secret. The file holds only SHA-256 digests of the tokens.",
    )
    public_read: bool = Field(
        default=False,
        description="If true, tables and pictures can be read (GET) without a token.",
    )
    max_images: PositiveInt = Field(
        default=32,
        description="One request may hold at most this many pictures. A request with more pictures is refused.",
    )
    max_image_bytes: PositiveInt = Field(
        default=10_000_000,
        description="A picture with more bytes than this is reported as `too_large`; the others of its request are "
        "recognised.",
    )
    max_pixels: PositiveInt = Field(
        default=40_000_000,
        description="A picture with more pixels than this is reported as `too_large` without being decoded.",
    )
    max_json_bytes: PositiveInt = Field(
        default=4_000_000,
        description="A JSON body may have at most this many bytes. A larger body gets 413.",
    )
    max_body_bytes: PositiveInt = Field(
        default=64_000_000,
        description="A multipart upload may have at most this many bytes. A larger body gets 413.",
    )
    max_series: PositiveInt = Field(
        default=200,
        description="A forecast request may hold at most this many series. A request with more series gets 413.",
    )
    max_points: PositiveInt = Field(
        default=500,
        description="A series of a forecast request may hold at most this many days. A request with a longer "
        "series gets 413.",
    )
    body_timeout_s: PositiveFloat = Field(
        default=10.0,
        description="A request body has at least this many seconds to arrive. A request whose body takes longer "
        "gets 408.",
    )
    max_bodies: PositiveInt = Field(
        default=1024,
        description="One replica receives at most this many request bodies at a time. If one more arrives, the "
        "body that has been arriving longest is cut off with 429.",
    )
    max_held_bytes: PositiveInt = Field(
        default=512_000_000,
        description="The bodies that one replica is receiving or processing may have at most this many bytes "
        "together. Beyond this limit, the body that has been arriving longest is cut off with 429.",
    )
    request_timeout_s: PositiveFloat = Field(
        default=15.0,
        description="A request gets 504 if its response takes longer than this many seconds after its whole body "
        "has arrived.",
    )
    retry_after_s: PositiveInt = Field(
        default=2,
        description="Responses with 429 or 503 ask the caller to wait this many seconds (Retry-After).",
    )
    max_batch_size: PositiveInt = Field(
        default=16, description="The model recognises at most this many pictures in one batch."
    )
    batch_wait_s: NonNegativeFloat = Field(
        default=0.002,
        description="A picture waits at most this many seconds for others to share its batch while the model is idle.",
    )
    max_waiting: PositiveInt = Field(
        default=256,
        description="At most this many garments of one replica wait for the model. A request with more garments "
        "is processed in slices.",
    )
    threads: PositiveInt = Field(
        default=1, description="PyTorch uses this many CPU threads in each replica."
    )
    max_models: PositiveInt = Field(
        default=1,
        description="One replica holds at most this many recognisers: the current one, and released ones that callers "
        "name by version.",
    )
    release_poll_s: PositiveFloat = Field(
        default=5.0,
        description="A replica reads the release pointer once in this many seconds and then loads a new release.",
    )
    key_prefixes: tuple[str, ...] = Field(
        default=("raw/images/", "uploads/"),
        description="A caller may name keys of the store only if they start with one of these prefixes.",
    )
    fetch: FetchConfig = Field(
        default=FetchConfig(), description="These settings limit how pictures are fetched by URL."
    )
    recogniser: ReplicaConfig = Field(
        default=ReplicaConfig(),
        description="These settings size the deployment that recognises pictures.",
    )
    tables: ReplicaConfig = Field(
        default=ReplicaConfig(cpus=0.5, max_replicas=2),
        description="These settings size the deployment that serves tables, forecasts and the board.",
    )
