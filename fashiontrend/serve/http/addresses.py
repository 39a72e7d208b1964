"""Which addresses a server may reach on behalf of a stranger: public ones, nothing of the house."""

import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
#: IANA's special-purpose blocks, whole: `is_global` of Python 3.11 lets parts of 192.0.0.0/24 pass.
#: With them 6to4's relay, and the virtual address under which a cloud answers its own machines.
_REFUSED_4 = tuple(
    ipaddress.IPv4Network(n)
    for n in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
        "168.63.129.16/32",
    )
)
#: Of IPv6 only global unicast is reached, without its special-purpose blocks (Teredo is in the first).
_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_6 = tuple(ipaddress.IPv6Network(n) for n in ("2001::/23", "2001:db8::/32", "3fff::/20"))


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
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not any(address in n for n in _REFUSED_4)
    refused = any(address in n for n in _REFUSED_6)
    return address.is_global and address in _UNICAST_6 and not refused


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
