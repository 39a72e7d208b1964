"""Resolves host names without threads, so that names that are slow to resolve delay nobody else."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import aiodns
from aiodns.error import DNSError

from fashiontrend.addresses.guard import literal, normal_host

#: Returns all addresses of a host name for a TCP port; raises `OSError` if there is none.
Resolver = Callable[[str, int], Awaitable[list[str]]]
#: A name server is given this many seconds, and is asked this many times.
TIMEOUT_S, TRIES = 2.0, 2


class SystemResolver:
    """Resolves by /etc/hosts and the name servers of /etc/resolv.conf, as c-ares reads them.

    The resolver belongs to the event loop that it is first used in. A question that nobody answers
    costs a socket for a few seconds and no thread.
    """

    def __init__(self) -> None:
        self._dns: aiodns.DNSResolver | None = None

    async def __call__(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host; decimal, octal and hexadecimal forms are read without asking.

        Raises:
            OSError: the name does not resolve.
        """
        address = literal(host)
        if address is not None:
            return [str(address)]
        if self._dns is None:
            self._dns = aiodns.DNSResolver(timeout=TIMEOUT_S, tries=TRIES)
        try:
            found = await self._dns.getaddrinfo(
                normal_host(host), port=port, type=socket.SOCK_STREAM, family=socket.AF_UNSPEC
            )
        except (DNSError, asyncio.InvalidStateError) as error:
            raise OSError(f"{host} does not resolve: {error}") from None
        return list(dict.fromkeys(_text(node.addr[0]) for node in found.nodes))

    async def aclose(self) -> None:
        """Close the sockets of the resolver."""
        if self._dns is not None:
            await self._dns.close()
            self._dns = None


def _text(address: str | bytes) -> str:
    return address.decode("ascii") if isinstance(address, bytes) else address
