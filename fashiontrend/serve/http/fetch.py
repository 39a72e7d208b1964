"""Pictures by URL, without becoming anybody's way into the house (SSRF).

A name is resolved once, every address it has is checked, and the connection goes to a checked
address while Host and SNI keep the name; so a name that answers differently the second time
gains nothing. Redirects are followed here, by the same rules. Environment proxies are not used.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

import httpcore
import httpx

from fashiontrend.config import FetchConfig
from fashiontrend.serve.http.addresses import Address, is_public
from fashiontrend.serve.http.problems import Problem

Resolver = Callable[[str, int], Awaitable[list[str]]]
REDIRECTS = {301, 302, 303, 307, 308}
PORTS = {"http": 80, "https": 443}
MAX_URL = 2_000
USER_AGENT = "fashiontrend"


async def resolve(host: str, port: int) -> list[str]:
    """Every address of a name, as the system knows them (decimal, octal and hex forms too)."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class PinnedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to checked addresses only."""

    def __init__(self, cfg: FetchConfig, resolver: Resolver, inner: Any = None) -> None:
        self.networks = tuple(ipaddress.ip_network(n) for n in cfg.allowed_networks)
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
        """Resolve, check all, connect to the first.

        Raises:
            Problem: the name does not resolve, or one of its addresses is not public.
        """
        try:
            found = await self.resolver(host, port)
        except (OSError, UnicodeError):
            raise _failed("the host's name does not resolve") from None
        for text in found:
            if not is_public(_address(text), self.networks):
                raise _failed("the host is not a public one")
        if not found:
            raise _failed("the host's name does not resolve")
        stream: httpcore.AsyncNetworkStream = await self.inner.connect_tcp(
            found[0], port, timeout, local_address, socket_options
        )
        return stream

    async def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise _failed("sockets of this machine are not reached")

    async def sleep(self, seconds: float) -> None:
        """Between attempts."""
        await self.inner.sleep(seconds)


class FetchSlots:
    """Who fetches now: so many at a time, of one host three quarters, so that one that hangs leaves room.

    A host is what the caller named; where its redirects lead is not counted.
    """

    def __init__(self, count: int) -> None:
        self._free, self._of_one_host = asyncio.Semaphore(count), max(1, count * 3 // 4)
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def take(self, host: str, wait_s: float) -> AsyncIterator[None]:
        """A turn; given back at the end.

        Raises:
            Problem: it did not come in time.
        """
        room = self._hosts.setdefault(host, asyncio.Semaphore(self._of_one_host))
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(wait_s):
                    await held.enter_async_context(room)  # first: who waits for it takes no turn
                    await held.enter_async_context(self._free)
            except TimeoutError:
                reason = f"its turn did not come within {wait_s:g} s; come again, with fewer URLs at once"
                raise _failed(reason, 429) from None
            yield


class Fetcher:
    """Fetches pictures; one for each replica."""

    def __init__(
        self,
        cfg: FetchConfig,
        max_bytes: int,
        resolver: Resolver = resolve,
        ssl_context: ssl.SSLContext | None = None,
        inner: Any = None,
    ) -> None:
        """Nothing is contacted yet.

        Args:
            cfg: what may be reached.
            max_bytes: of one picture.
            resolver: name -> addresses; tests give another.
            ssl_context: tests give another.
            inner: httpcore's backend below the pinned one; tests give another.
        """
        self.cfg, self.max_bytes = cfg, max_bytes
        self._turns = FetchSlots(cfg.concurrency)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=cfg.concurrency,
            network_backend=PinnedBackend(cfg, resolver, inner),
            # No connection is kept: a kept one would answer for a name that has moved since.
            max_keepalive_connections=0,
            http2=False,
        )

    async def __call__(self, url: str) -> bytes:
        """The bytes behind a URL.

        Raises:
            Problem: `fetch_failed` for anything but a 200 answer of a public host in time (429 if
                its turn did not come), `too_large` beyond the limit.
        """
        if not self.cfg.enabled:
            raise _failed("this server fetches no URLs; send the bytes")
        first = self.check(url)
        host = first.raw_host.decode("ascii").rstrip(".")
        async with self._turns.take(host, self.cfg.timeout_s):
            return await self._in_time(first)

    async def _in_time(self, first: httpx.URL) -> bytes:
        try:
            async with asyncio.timeout(self.cfg.timeout_s):
                return await self._follow(first)
        except TimeoutError:
            raise _failed(f"no whole answer within {self.cfg.timeout_s:g} s") from None
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
            raise _failed("the connection failed") from None
        except (httpcore.UnsupportedProtocol, ssl.SSLError, OSError, ValueError):
            raise _failed("the connection failed") from None

    async def _follow(self, first: httpx.URL) -> bytes:
        here = first
        for _ in range(self.cfg.max_redirects + 1):
            answer = await self._get(here)
            if isinstance(answer, bytes):
                return answer
            try:
                here = self.check(str(here.join(answer)))
            except (httpx.InvalidURL, ValueError):
                raise _failed("the redirect leads nowhere") from None
        raise _failed(f"more than {self.cfg.max_redirects} redirects")

    def check(self, text: str) -> httpx.URL:
        """Refuse what the text of a URL already gives away.

        Raises:
            Problem: not http(s), with user information, another port, not an allowed host.
        """
        try:
            url = httpx.URL(text)
            host = url.raw_host.decode("ascii")
        except (httpx.InvalidURL, UnicodeError, TypeError, ValueError):
            raise _failed("it is not a URL") from None
        if len(text) > MAX_URL or any(ord(c) <= 32 or ord(c) == 127 or c == "\\" for c in text):
            raise _failed("it is not a URL")
        if url.scheme not in PORTS:
            raise _failed("only http and https are fetched")
        if url.userinfo or not host:
            raise _failed("a URL with user information, or without a host, is not fetched")
        if (PORTS[url.scheme] if url.port is None else url.port) not in self.cfg.allowed_ports:
            raise _failed("this port is not fetched from")
        if self.cfg.allowed_hosts and not any(
            host == name or host.endswith(f".{name}") for name in self.cfg.allowed_hosts
        ):
            raise _failed("the host is not on the list of allowed ones")
        return url

    async def _get(self, url: httpx.URL) -> bytes | str:
        """The body of a 200, or where a redirect leads."""
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
                raise _failed(f"the host answered {response.status}")
            parts, size = [], 0
            async for part in response.aiter_stream():
                size += len(part)
                if size > self.max_bytes:
                    raise Problem(
                        413, "too_large", f"The picture has more than {self.max_bytes} bytes."
                    )
                parts.append(part)
            return b"".join(parts)

    async def aclose(self) -> None:
        """Close what is open."""
        await self._pool.aclose()


def _address(text: str) -> Address:
    return ipaddress.ip_address(text.split("%", 1)[0])


def _location(headers: list[tuple[bytes, bytes]]) -> str:
    found = [value for name, value in headers if name.lower() == b"location"]
    if len(found) != 1:
        raise _failed("the redirect leads nowhere")
    return found[0].decode("latin-1")


def _failed(reason: str, status: int = 422) -> Problem:
    """Told without the address that was found: an answer must not map the house."""
    return Problem(status, "fetch_failed", f"The picture was not fetched: {reason}.")
