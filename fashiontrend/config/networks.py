"""Networks as settings name them: CIDR without host bits."""

import ipaddress
from typing import Annotated

from pydantic import AfterValidator


def _is_network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{error}; write a network in CIDR form, such as 10.0.0.0/8") from None
    return text


#: A network in CIDR form, such as `10.0.0.0/8`.
NetworkText = Annotated[str, AfterValidator(_is_network)]
