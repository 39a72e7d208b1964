"""The two clients of S3, made from the same settings: pyarrow's for bulk bytes, boto3's for conditions."""

import os
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import boto3
import botocore.config
import pyarrow.fs as pafs

from fashiontrend.config import StoreConfig
from fashiontrend.config.sources import check_endpoint
from fashiontrend.errors import ConfigError

#: Where the AWS tools look for the server, in this order; `store.endpoint` comes first.
ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
#: Where operators name a file of certificate authorities, in this order.
AUTHORITY_VARIABLES = ("AWS_CA_BUNDLE", "SSL_CERT_FILE")
#: A server that does not accept a connection within this many seconds is not there.
CONNECT_TIMEOUT_S = 5.0


def find_endpoint(config: StoreConfig) -> str | None:
    """The S3 server that both clients ask; None for AWS.

    Raises:
        ConfigError: the environment names an address that cannot be one.
    """
    if config.endpoint:
        return config.endpoint
    name = next((n for n in ENDPOINT_VARIABLES if os.environ.get(n)), None)
    if name is None:
        return None
    try:
        return check_endpoint(os.environ[name])
    except ValueError as error:
        raise ConfigError(f"environment variable {name}: {error}") from None


def choose_addressing(config: StoreConfig) -> str:
    """Where the bucket's name stands: in the path, as most servers need it, or in the host's name."""
    if config.addressing_style == "auto":
        return "path" if find_endpoint(config) else "virtual"
    return config.addressing_style


def find_authorities() -> str | None:
    """The file of certificate authorities that the environment names, PEM; None for the usual ones.

    Each client of S3 looks at other variables by itself, or at none; here both heed the same.
    """
    return next((os.environ[n] for n in AUTHORITY_VARIABLES if os.environ.get(n)), None)


def find_proxy(config: StoreConfig) -> str | None:
    """The proxy that the environment names for the S3 server; boto3 finds it by itself, pyarrow does not."""
    parts = urlsplit(find_endpoint(config) or f"https://s3.{config.region}.amazonaws.com")
    if proxy_bypass(parts.netloc):
        return None
    proxy = getproxies().get(parts.scheme)
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def make_filesystem(config: StoreConfig) -> pafs.S3FileSystem:
    """The file system that Ray Data and Ray Train read and write with."""
    options: dict[str, Any] = {}
    endpoint = find_endpoint(config)
    if endpoint:
        parts = urlsplit(endpoint)
        options = {"endpoint_override": parts.netloc, "scheme": parts.scheme}
    options |= {"tls_ca_file_path": authorities} if (authorities := find_authorities()) else {}
    options |= {"proxy_options": proxy} if (proxy := find_proxy(config)) else {}
    # Servers other than AWS may refuse the checksums that newer SDKs append to a body.
    os.environ.setdefault("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        # The SDK looks for credentials at EC2's metadata address even if keys are given. If nothing
        # responds there, that costs three seconds for every file system.
        os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    return pafs.S3FileSystem(
        region=config.region,
        connect_timeout=CONNECT_TIMEOUT_S,
        request_timeout=config.request_timeout_s,
        force_virtual_addressing=choose_addressing(config) == "virtual",
        **options,
    )


def make_client(config: StoreConfig) -> Any:
    """The client for puts with a condition, with a session of its own.

    The shared default session keeps the first credentials it ever read.
    """
    return boto3.session.Session().client(
        "s3",
        endpoint_url=find_endpoint(config),
        region_name=config.region,
        verify=find_authorities(),
        config=botocore.config.Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=config.request_timeout_s,
            retries={"mode": "standard", "max_attempts": 4},
            max_pool_connections=32,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": choose_addressing(config)},
        ),
    )
