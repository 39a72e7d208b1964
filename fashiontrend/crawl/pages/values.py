"""Read single values of a page (prices, texts, addresses) in the spellings that shops use."""

import html
import json
import math
import re
from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import urljoin

import parsel
from price_parser import Price

from fashiontrend.errors import DataError

#: An object of a shop's JSON, or of its JSON-LD or microdata.
JsonObject: TypeAlias = Mapping[str, object]
#: Currencies with three decimals (ISO 4217), in which `12.500` is twelve and a half.
THREE_DECIMAL_CURRENCIES = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
GROUPED_THOUSANDS = re.compile(r"[1-9]\d{0,2}([.,]\d{3})+")
#: A text of digits and separators alone.
ONLY_AMOUNT = re.compile(r"[\d.,'’\s]+")
#: A longer text is no price.
MAX_PRICE_TEXT = 200
#: The semicolon is required: without it `&copy=1` in an address would become a copyright sign.
AMPERSAND_ENTITY = re.compile(r"&(?:amp|#38|#x26);", re.IGNORECASE)


def to_price(value: object, currency: object = None) -> float | None:
    """Return a price as a finite number, None if the value holds none.

    price-parser finds the amount among other words (`19,99 € inkl. 19% MwSt.`), and the digits are
    read here, because it takes `12.500` for twelve thousand in any currency. `2.449` is 2449 unless
    the currency has three decimals.

    Args:
        value: `38.15`, `38,15`, `1.299,00`, `1,299.00`, `2.449`, 20, `€ 20`, or a list of such.
        currency: ISO 4217 code, None if the page states none.
    """
    if isinstance(value, list):
        return next((p for one in value if (p := to_price(one, currency)) is not None), None)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value) if not isinstance(value, str) else _read_amount(value, currency)
    except (ValueError, OverflowError):
        return None
    return number if number is not None and math.isfinite(number) else None


def _read_amount(text: str, currency: object) -> float | None:
    if ONLY_AMOUNT.fullmatch(text):
        try:
            return float(_plain(text, currency))
        except ValueError:  # `1.299.00`: price-parser does not read it either
            pass
    if len(text) > MAX_PRICE_TEXT or not re.search(r"\d", text):  # price-parser takes `free` for 0
        return None
    found = Price.fromstring(text)
    if found.amount is not None and found.amount % 1:  # `19€99`
        return float(found.amount)
    try:
        return float(_plain(found.amount_text or "", currency))
    except ValueError:
        return None if found.amount is None else float(found.amount)


def price_sign(value: object) -> str | None:
    """Return the sign or code of the currency that the text of a price holds."""
    text = first_text(value)
    if text is None or len(text) > MAX_PRICE_TEXT:
        return None
    sign: str | None = Price.fromstring(text).currency
    return sign


def _plain(text: str, currency: object) -> str:
    """Return the digits with a point before the decimals and no separator of thousands."""
    digits = re.sub(r"[^\d.,]", "", text).strip(".,")
    if "," in digits and "." in digits:
        decimal = max(digits.rfind(","), digits.rfind("."))
        return re.sub(r"[.,]", "", digits[:decimal]) + "." + digits[decimal + 1 :]
    if GROUPED_THOUSANDS.fullmatch(digits) and str(currency) not in THREE_DECIMAL_CURRENCIES:
        return re.sub(r"[.,]", "", digits)
    return digits.replace(",", ".")


def first_text(value: object) -> str | None:
    """Return the first text of a value: itself, a number, a name of an object, or one in a list.

    A text that is blank is none.
    """
    if isinstance(value, list):
        return next((text for one in value if (text := first_text(one)) is not None), None)
    if isinstance(value, dict):
        names = ("name", "@value", "value", "title")
        return next((text for n in names if (text := first_text(value.get(n))) is not None), None)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = html.unescape(str(value)).strip()
    return text or None


def to_text(value: object) -> str | None:
    """Return the readable text of an HTML fragment, or of the first text of a value."""
    value = first_text(value)
    if value is None:
        return None
    if "<" in value:
        value = " ".join(parsel.Selector(value).xpath("//text()").getall())
    return re.sub(r"\s+", " ", html.unescape(value)).strip()


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
