"""Read single values of a page (prices, texts, addresses) in the spellings that shops use."""

import html
import json
import math
import re
from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import urljoin

import parsel

from fashiontrend.errors import DataError

#: An object of a shop's JSON, or of its JSON-LD or microdata.
JsonObject: TypeAlias = Mapping[str, object]
#: Currencies with three decimals (ISO 4217), in which `12.500` is twelve and a half.
THREE_DECIMAL_CURRENCIES = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
GROUPED_THOUSANDS = re.compile(r"[1-9]\d{0,2}([.,]\d{3})+")
#: The semicolon is required: without it `&copy=1` in an address would become a copyright sign.
AMPERSAND_ENTITY = re.compile(r"&(?:amp|#38|#x26);", re.IGNORECASE)


def read_price(value: object, currency: object = None) -> object:
    """Return a text or number as `to_price` reads it, and a list, object or bool unchanged."""
    return value if isinstance(value, bool | list | dict) else to_price(value, currency)


def to_price(value: object, currency: object = None) -> float | None:
    """Return a price as a finite number, None if the value holds none.

    `2.449` is 2449 unless the currency has three decimals.

    Args:
        value: `38.15`, `38,15`, `1.299,00`, `1,299.00`, `2.449`, 20 or `€ 20`.
        currency: ISO 4217 code, None if the page states none.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(_plain(value, currency) if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _plain(text: str, currency: object) -> str:
    """Return the digits with a point before the decimals and no separator of thousands."""
    digits = re.sub(r"[^\d.,]", "", text).strip(".,")
    if "," in digits and "." in digits:
        decimal = max(digits.rfind(","), digits.rfind("."))
        return re.sub(r"[.,]", "", digits[:decimal]) + "." + digits[decimal + 1 :]
    if GROUPED_THOUSANDS.fullmatch(digits) and str(currency) not in THREE_DECIMAL_CURRENCIES:
        return re.sub(r"[.,]", "", digits)
    return digits.replace(",", ".")


def to_text(value: object) -> object:
    """Return the readable text of an HTML fragment; a value of another type is unchanged."""
    if not isinstance(value, str):
        return value
    if "<" in value:
        value = " ".join(parsel.Selector(value).xpath("//text()").getall())
    return re.sub(r"\s+", " ", html.unescape(value)).strip()


def unescape(value: object) -> object:
    """Return a string without HTML entities; a value of another type is unchanged."""
    return html.unescape(value).strip() if isinstance(value, str) else value


def to_address(value: object, url: str) -> str | None:
    """Return a text as an absolute address, None if it is no address."""
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        return urljoin(url, AMPERSAND_ENTITY.sub("&", value.strip()))
    except ValueError:  # `http://[`: one broken address must not hide the rest of the page
        return None


def to_addresses(value: object, url: str) -> list[str]:
    """Return the absolute addresses in a string, a list, or objects with src, url or contentUrl.

    Each address comes once.
    """
    found: dict[str, None] = {}
    for item in as_list(value):
        if isinstance(item, dict):
            item = item.get("src") or item.get("url") or item.get("contentUrl")
        for one in as_list(item):
            if (address := to_address(one, url)) is not None:
                found.setdefault(address)
    return list(found)


def as_list(value: object) -> list[object]:
    """Return a list unchanged, None as an empty list, a single value as a list of one."""
    return value if isinstance(value, list) else [] if value is None else [value]


def as_objects(value: object) -> list[JsonObject]:
    """Return the JSON objects among a value or a list of values."""
    return [v for v in as_list(value) if isinstance(v, dict)]


def parse_json(text: str, url: str) -> object:
    """Return the value of a JSON page.

    Raises:
        DataError: the text is not JSON.
    """
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{url}: not JSON ({error}). Check the platform's kind.") from None
    return value
