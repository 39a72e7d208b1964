"""Which IP addresses are public, and so may be asked whoever names them."""

import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
#: IANA's special-purpose blocks, each as a whole: `is_global` of Python 3.11 lets parts of 192.0.0.0/24
#: pass. Also the 6to4 relay, and the virtual address of Azure's platform services.
_REFUSED_4 = tuple(
    ipaddress.IPv4Network(n)
    for n in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
        "168.63.129.16/32",
    )
)
#: In IPv6 only global unicast is allowed, without its special-purpose blocks (the first holds Teredo).
_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_6 = tuple(ipaddress.IPv6Network(n) for n in ("2001::/23", "2001:db8::/32", "3fff::/20"))


def is_public(address: Address, allowed: Iterable[Network] = ()) -> bool:
    """Return whether an address is public, or lies in an explicitly allowed network.

    For an IPv6 address that embeds an IPv4 address (mapped, NAT64, 6to4) the IPv4 address decides.

    Args:
        address: an address that a host name resolved to.
        allowed: private networks that the operator allows, such as `serve.fetch.allowed_networks`.
    """
    inner = _embedded(address)
    if inner is not None:
        return is_public(inner, allowed)
    if any(address.version == n.version and address in n for n in allowed):
        return True
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not any(address in n for n in _REFUSED_4)
    refused = any(address in n for n in _REFUSED_6)
    return address.is_global and address in _UNICAST_6 and not refused


def _embedded(address: Address) -> ipaddress.IPv4Address | None:
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return None
