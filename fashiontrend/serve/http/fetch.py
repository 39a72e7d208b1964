"""Fetches pictures by URL, protected against server-side request forgery (SSRF).

A host name is resolved once, all its addresses are checked, and the connection goes to a checked
address while Host and SNI keep the name; so a name that resolves differently the second time gains
an attacker nothing. Redirects are followed here, by the same rules. Proxies of the environment are
not used.
"""

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

import httpcore
import httpx

from fashiontrend.addresses import AddressGuard, AddressRefused, Resolver, SystemResolver
from fashiontrend.config import FetchConfig
from fashiontrend.serve.schemas.problems import Problem

REDIRECTS = {301, 302, 303, 307, 308}
PORTS = {"http": 80, "https": 443}
MAX_URL = 2_000
#: A shop redirects to its content network and perhaps to a renamed address; more is a loop.
MAX_REDIRECTS = 3
USER_AGENT = "fashiontrend"


class PinnedBackend(httpcore.AsyncNetworkBackend):
    """A network backend that connects to checked addresses only."""

    def __init__(self, cfg: FetchConfig, resolver: Resolver, inner: Any = None) -> None:
        self.guard = AddressGuard(tuple(ipaddress.ip_network(n) for n in cfg.allowed_networks))
        self.resolver = resolver
        self.inner = inner or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve the host, check all its addresses, and connect to one of them.

        Raises:
            Problem: 422 if the name does not resolve, or if one of its addresses is not public.
        """
        try:
            found = await self.resolver(host, port)
        except (OSError, UnicodeError):
            raise _failed("the host name does not resolve") from None
        if not found:
            raise _failed("the host name does not resolve")
        try:
            self.guard.check(host, port, found)
        except (AddressRefused, ValueError):
            raise _failed("the host is not public") from None
        return await self._connect(found, port, timeout, local_address, socket_options)

    async def _connect(
        self, found: list[str], port: int, *more: Any
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of the checked addresses that takes the connection."""
        for text in found[:-1]:
            with contextlib.suppress(httpcore.ConnectError):
                return await self._connect_one(text, port, *more)
        return await self._connect_one(found[-1], port, *more)

    async def _connect_one(self, text: str, port: int, *more: Any) -> httpcore.AsyncNetworkStream:
        stream: httpcore.AsyncNetworkStream = await self.inner.connect_tcp(text, port, *more)
        return stream

    async def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        """Refuse every Unix socket."""
        raise _failed("sockets of this machine are not allowed")

    async def sleep(self, seconds: float) -> None:
        """Wait between two attempts."""
        await self.inner.sleep(seconds)


class FetchSlots:
    """Limits concurrent fetches: `count` in all, three quarters of them from one host.

    So a host that hangs leaves room for others. A fetch counts for the host in the caller's URL;
    hosts that its redirects lead to are not counted.
    """

    def __init__(self, count: int) -> None:
        self._free, self._per_host = asyncio.Semaphore(count), max(1, count * 3 // 4)
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def acquire(self, host: str, wait_s: float) -> AsyncIterator[None]:
        """Hold a slot for the time of one fetch.

        Raises:
            Problem: 429 if none became free within `wait_s` seconds.
        """
        of_host = self._hosts.setdefault(host, asyncio.Semaphore(self._per_host))
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(wait_s):
                    await held.enter_async_context(of_host)  # first: waiting for it takes no slot
                    await held.enter_async_context(self._free)
            except TimeoutError:
                reason = (
                    f"no fetch slot became free within {wait_s:g} s. Retry with fewer URLs at once"
                )
                raise _failed(reason, 429) from None
            yield


class Fetcher:
    """Fetches pictures; a replica has one."""

    def __init__(
        self,
        cfg: FetchConfig,
        max_bytes: int,
        resolver: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
        inner: Any = None,
    ) -> None:
        """Set up without contacting anything.

        Args:
            cfg: allowed hosts, ports and networks, time limits.
            max_bytes: largest picture in bytes.
            resolver: resolves a host name to addresses, the system's by default; tests replace it.
            ssl_context: tests replace it.
            inner: httpcore's backend below the pinned one; tests replace it.
        """
        self.cfg, self.max_bytes = cfg, max_bytes
        self._slots = FetchSlots(cfg.concurrency)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=cfg.concurrency,
            network_backend=PinnedBackend(cfg, resolver or SystemResolver(), inner),
            # A kept connection would go on serving a name that has moved since.
            max_keepalive_connections=0,
            http2=False,
        )

    async def __call__(self, url: str) -> bytes:
        """Fetch the bytes of a URL.

        Raises:
            Problem: `fetch_failed` (422) unless a public host responds with 200 in time, or with 429
                if no fetch slot became free; `too_large` beyond the limit.
        """
        if not self.cfg.enabled:
            raise _failed("this server does not fetch URLs. Upload the picture instead")
        first = self.check(url)
        host = first.raw_host.decode("ascii").rstrip(".")
        async with self._slots.acquire(host, self.cfg.timeout_s):
            return await self._in_time(first)

    async def _in_time(self, first: httpx.URL) -> bytes:
        try:
            async with asyncio.timeout(self.cfg.timeout_s):
                return await self._follow(first)
        except TimeoutError:
            raise _failed(f"no complete response came within {self.cfg.timeout_s:g} s") from None
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
            raise _failed("the connection failed") from None
        except (httpcore.UnsupportedProtocol, ssl.SSLError, OSError, ValueError):
            raise _failed("the connection failed") from None

    async def _follow(self, first: httpx.URL) -> bytes:
        here = first
        for _ in range(MAX_REDIRECTS + 1):
            found = await self._get(here)
            if isinstance(found, bytes):
                return found
            try:
                here = self.check(str(here.join(found)))
            except (httpx.InvalidURL, ValueError):
                raise _failed("the redirect has no valid target") from None
        raise _failed(f"there were more than {MAX_REDIRECTS} redirects")

    def check(self, text: str) -> httpx.URL:
        """Parse a URL, and refuse what its text alone shows to be not allowed.

        Raises:
            Problem: 422 for another scheme than http(s), user information, or a port or host that
                the settings do not allow.
        """
        try:
            url = httpx.URL(text)
            host = url.raw_host.decode("ascii")
        except (httpx.InvalidURL, UnicodeError, TypeError, ValueError):
            raise _failed("it is not a valid URL") from None
        if len(text) > MAX_URL or any(ord(c) <= 32 or ord(c) == 127 or c == "\\" for c in text):
            raise _failed("it is not a valid URL")
        if url.scheme not in PORTS:
            raise _failed("only http and https are allowed")
        if url.userinfo or not host:
            raise _failed("a URL with user information, or without a host, is not allowed")
        if (PORTS[url.scheme] if url.port is None else url.port) not in self.cfg.allowed_ports:
            raise _failed("this port is not allowed")
        if self.cfg.allowed_hosts and not any(
            host == name or host.endswith(f".{name}") for name in self.cfg.allowed_hosts
        ):
            raise _failed("the host is not on the list of allowed hosts")
        return url

    async def _get(self, url: httpx.URL) -> bytes | str:
        """Return the body of a 200 as bytes, or the target of a redirect as text."""
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        headers = {
            "Host": url.netloc.decode("ascii"),
            "User-Agent": USER_AGENT,
            "Accept": "image/*",
            "Accept-Encoding": "identity",
        }
        async with self._pool.stream("GET", target, headers=list(headers.items())) as response:
            if response.status in REDIRECTS:
                return _location(response.headers)
            if response.status != 200:
                raise _failed(f"the host responded with status {response.status}")
            parts, size = [], 0
            async for part in response.aiter_stream():
                size += len(part)
                if size > self.max_bytes:
                    raise Problem(
                        413, "too_large", f"The picture is larger than {self.max_bytes} bytes."
                    )
                parts.append(part)
            return b"".join(parts)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


def _location(headers: list[tuple[bytes, bytes]]) -> str:
    found = [value for name, value in headers if name.lower() == b"location"]
    if len(found) != 1:
        raise _failed("the redirect has no valid target")
    return found[0].decode("latin-1")


def _failed(reason: str, status: int = 422) -> Problem:
    """Make the problem without the resolved address: it would reveal the internal network."""
    return Problem(status, "fetch_failed", f"The picture was not fetched: {reason}.")
