"""Which network addresses the program may ask when somebody else names them."""

from fashiontrend.addresses.guard import (
    AddressGuard,
    AddressRefused,
    Origin,
    lies_inside,
    origin_of,
)
from fashiontrend.addresses.public import Network, is_public
from fashiontrend.addresses.resolver import Resolver, SystemResolver

__all__ = [
    "AddressGuard", "AddressRefused", "Network", "Origin", "Resolver", "SystemResolver", "is_public",
    "lies_inside", "origin_of",
]  # fmt: skip
