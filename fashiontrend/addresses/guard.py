"""The one guard for addresses that a caller, a shop's page, a redirect or a name server states.

The guard looks at the addresses that a connection would go to, never at the name alone: a name that
means a public address now may mean a private one a second later.
"""

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from fashiontrend.addresses.public import Address, Network, is_public

DEFAULT_PORTS = {"http": 80, "https": 443}
#: Private addresses that a *name* of the operator may mean: loopback, private and shared networks.
#: Link-local addresses are left out, because clouds serve credentials there.
INNER_NETWORKS: tuple[Network, ...] = tuple(
    ipaddress.ip_network(n)
    for n in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
        *("::1/128", "fc00::/7"),
    )
)
#: Last labels that no public name ends with (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`, Kubernetes).
INNER_SUFFIXES = {"localhost", "local", "internal", "svc", "lan", "intranet", "home", "corp"}
_NUMERIC = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+)){0,3}\.?", re.IGNORECASE)


class AddressRefused(Exception):
    """An address may not be asked; the message names the host as it was stated, never the address."""


class Origin(NamedTuple):
    """A host and a port that the operator named himself."""

    host: str  # lower case, without brackets and without a final dot
    port: int


def origin_of(url: str) -> Origin:
    """Return host and port of an http(s) address; the port is the scheme's if none is stated.

    Raises:
        ValueError: the address has no host, or its port is no number.
    """
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError(f"{url} has no host")
    return Origin(normal_host(parts.hostname), parts.port or DEFAULT_PORTS.get(parts.scheme, 0))


def normal_host(host: str) -> str:
    """Return a host in lower case, without brackets and without a final dot."""
    return host.strip("[]").rstrip(".").lower()


def literal(host: str) -> Address | None:
    """Return the address that a host spells in digits, in any base and number of parts; else None.

    `127.1`, `0177.0.0.1`, `0x7f000001` and `2130706433` all spell 127.0.0.1 (inet_aton(3)).
    """
    text = normal_host(host).split("%", 1)[0]
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        pass
    if not _NUMERIC.fullmatch(text):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(text))
    except OSError:
        return None


def lies_inside(host: str) -> bool:
    """Return whether a host's text alone says that it lies in a private network."""
    address = literal(host)
    if address is not None:
        return not is_public(address)
    labels = normal_host(host).split(".")
    return len(labels) == 1 or labels[-1] in INNER_SUFFIXES


@dataclass(frozen=True)
class AddressGuard:
    """Decides whether a connection to the addresses of a host is allowed.

    Attributes:
        networks: private networks that the operator allows.
        own: hosts and ports that the operator named himself and that may lie in a private network,
            such as a proxy, or a platform's `base_url` whose text says that it lies there.
    """

    networks: tuple[Network, ...] = ()
    own: tuple[Origin, ...] = ()

    def check_text(self, host: str, port: int) -> None:
        """Refuse a host that spells a private address, or is a name of the inner network.

        Raises:
            AddressRefused: as told.
        """
        address = literal(host)
        if address is not None:
            self.check(host, port, [str(address)])
        elif lies_inside(host) and not self._is_own(host, port) and not self.networks:
            raise _refused(host)

    def check(self, host: str, port: int, found: Sequence[str]) -> list[str]:
        """Return the addresses of a host if every one of them may be asked.

        Args:
            host: as the address states it.
            port: TCP port.
            found: what the host's name means now.

        Raises:
            AddressRefused: one of them may not be asked, or there is none.
        """
        if not found:
            raise AddressRefused(f"{host}: the name means no address")
        for text in found:
            address = ipaddress.ip_address(text.split("%", 1)[0])
            if not is_public(address, self.networks) and not self._is_own_address(
                host, port, address
            ):
                raise _refused(host)
        return list(found)

    def _is_own(self, host: str, port: int) -> bool:
        """Whether a host and port are the operator's; port 0 stands for any."""
        name = normal_host(host)
        return any(name == own.host and port in (0, own.port) for own in self.own)

    def _is_own_address(self, host: str, port: int, address: Address) -> bool:
        if self._is_own(host, port):
            stated = literal(host)
            inner = any(address in n for n in INNER_NETWORKS if n.version == address.version)
            return inner if stated is None else stated == address
        # A page may spell the operator's own address in another way, such as 127.0.0.1 for localhost.
        return any(port == own.port and _means(own.host, address) for own in self.own)


def _means(own: str, address: Address) -> bool:
    stated = literal(own)
    return address == stated if stated is not None else own == "localhost" and address.is_loopback


def _refused(host: str) -> AddressRefused:
    return AddressRefused(f"{host} lies in a private network")
