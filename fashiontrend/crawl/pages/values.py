"""Single values of a page: prices, texts, addresses, however a shop writes them."""

import html
import json
import math
import re
from typing import Any
from urllib.parse import urljoin

import parsel

from fashiontrend.errors import DataError

Found = dict[str, Any]
#: Currencies of three decimals (ISO 4217): there `12.500` is twelve and a half.
THREE_DECIMALS = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
GROUPED = re.compile(r"[1-9]\d{0,2}([.,]\d{3})+")
#: Entities end with a semicolon here: without it `&copy=1` in an address would become a sign.
AMPERSAND = re.compile(r"&(?:amp|#38|#x26);", re.IGNORECASE)


def read_price(value: Any, currency: Any = None) -> Any:
    """What `to_price` makes of a text or number; a list, an object or a truth value as it is."""
    return value if isinstance(value, bool | list | dict) else to_price(value, currency)


def to_price(value: Any, currency: Any = None) -> float | None:
    """A price as a finite number; `2.449` is 2449 unless the currency has three decimals.

    Args:
        value: `38.15`, `38,15`, `1.299,00`, `1,299.00`, `2.449`, 20 or `€ 20`.
        currency: ISO 4217 code, if the page states one.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(_plain(value, currency) if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _plain(text: str, currency: Any) -> str:
    """The number's digits with a point before its decimals and nothing between its thousands."""
    digits = re.sub(r"[^\d.,]", "", text).strip(".,")
    if "," in digits and "." in digits:
        decimal = max(digits.rfind(","), digits.rfind("."))
        return re.sub(r"[.,]", "", digits[:decimal]) + "." + digits[decimal + 1 :]
    if GROUPED.fullmatch(digits) and str(currency) not in THREE_DECIMALS:
        return re.sub(r"[.,]", "", digits)
    return digits.replace(",", ".")


def to_text(value: Any) -> Any:
    """The readable text of an HTML fragment; anything else as it is."""
    if not isinstance(value, str):
        return value
    if "<" in value:
        value = " ".join(parsel.Selector(value).xpath("//text()").getall())
    return re.sub(r"\s+", " ", html.unescape(value)).strip()


def unescape(value: Any) -> Any:
    """A string without HTML entities; anything else as it is."""
    return html.unescape(value).strip() if isinstance(value, str) else value


def to_address(value: Any, url: str) -> str | None:
    """A text as an absolute address, or None if it is none at all."""
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        return urljoin(url, AMPERSAND.sub("&", value.strip()))
    except ValueError:  # `http://[`: one broken address must not hide the rest of the page
        return None


def to_addresses(value: Any, url: str) -> list[str]:
    """Absolute addresses of a string, a list, or objects with src, url or contentUrl; each once."""
    found: dict[str, None] = {}
    for item in as_list(value):
        if isinstance(item, dict):
            item = item.get("src") or item.get("url") or item.get("contentUrl")
        for one in as_list(item):
            if (address := to_address(one, url)) is not None:
                found.setdefault(address)
    return list(found)


def as_list(value: Any) -> list[Any]:
    """A list as it is, nothing as an empty one, a single value as a list of one."""
    return value if isinstance(value, list) else [] if value is None else [value]


def as_dicts(value: Any) -> list[Found]:
    """The objects among a value or a list of values."""
    return [v for v in as_list(value) if isinstance(v, dict)]


def parse_json(text: str, url: str) -> Any:
    """The value of a JSON page.

    Raises:
        DataError: it is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{url}: not JSON ({error}). Check the platform's kind.") from None
