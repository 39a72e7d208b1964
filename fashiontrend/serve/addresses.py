"""Which addresses a server may reach on behalf of a stranger: public ones, nothing of the house."""

import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
#: Not private by any registry, and yet never a shop: local NAT64 (RFC 8215), Teredo, 6to4's relay,
#: discard-only, benchmarks, and the virtual address under which a cloud answers its machines.
_REFUSED = tuple(
    ipaddress.ip_network(n)
    for n in (
        *("64:ff9b:1::/48", "2001::/32", "192.88.99.0/24", "100::/64", "198.18.0.0/15"),
        *("168.63.129.16/32", "fec0::/10", "::/96"),
    )
)


def is_public(address: Address, allowed: Iterable[Network] = ()) -> bool:
    """Whether an address is public, or in a network that is allowed all the same.

    An IPv6 address that carries an IPv4 one (mapped, NAT64, 6to4) is judged by both.

    Args:
        address: what a name resolved to.
        allowed: networks of `serve.fetch.allowed_networks`.
    """
    inner = _carried(address)
    if inner is not None:
        return is_public(inner, allowed)
    if any(address.version == n.version and address in n for n in allowed):
        return True
    if any(address.version == n.version and address in n for n in _REFUSED):
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
    )


def _carried(address: Address) -> ipaddress.IPv4Address | None:
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return None
