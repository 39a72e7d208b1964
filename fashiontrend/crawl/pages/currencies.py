"""Read currencies in the spellings of shops as ISO 4217 codes."""

import re

#: Signs and names that mean one currency wherever they stand.
CODES = {
    "€": "EUR", "euro": "EUR", "euros": "EUR", "£": "GBP", "zł": "PLN", "zl": "PLN", "us$": "USD", "ca$": "CAD",
    "c$": "CAD",
    "a$": "AUD", "au$": "AUD", "nz$": "NZD", "hk$": "HKD", "s$": "SGD", "nt$": "TWD", "r$": "BRL", "mx$": "MXN",
    "₹": "INR", "rs": "INR",
    "rs.": "INR", "₩": "KRW", "円": "JPY", "元": "CNY", "rmb": "CNY", "₽": "RUB", "руб": "RUB", "руб.": "RUB",
    "₺": "TRY", "tl": "TRY",
    "₴": "UAH", "грн": "UAH", "₪": "ILS", "฿": "THB", "₫": "VND", "₱": "PHP", "kč": "CZK", "ft": "HUF", "lei": "RON",
    "лв": "BGN",
    "лв.": "BGN", "chf": "CHF", "sfr": "CHF", "fr.": "CHF", "₦": "NGN", "₸": "KZT", "rp": "IDR", "rm": "MYR",
}  # fmt: skip
#: Signs of several currencies: by the last part of the shop's host; "" stands for all others.
BY_COUNTRY = {
    "$": {"ca": "CAD", "au": "AUD", "nz": "NZD", "mx": "MXN", "sg": "SGD", "hk": "HKD", "tw": "TWD", "cl": "CLP",
    "co": "COP", "ar": "ARS", "": "USD"},
    "¥": {"cn": "CNY", "": "JPY"},
    "kr": {"se": "SEK", "dk": "DKK", "no": "NOK", "is": "ISK"},
}  # fmt: skip
_CODE = re.compile(r"[A-Za-z]{3}")


def read_currency(stated: object, host: str = "") -> str | None:
    """Return a currency as its ISO 4217 code, None if the text is no currency that is known.

    Args:
        stated: a code in any case, a sign or a name: `pln`, `€`, `kr.`.
        host: of the shop; it decides what `$`, `¥` and `kr` mean.
    """
    text = stated.strip() if isinstance(stated, str) else ""
    sign = text.lower().replace("￥", "¥")
    country = host.rpartition(".")[2].lower()
    shared = BY_COUNTRY.get(sign.rstrip(".").replace(",-", ""))
    if shared is not None:
        return shared.get(country, shared.get(""))
    if sign in CODES:
        return CODES[sign]
    return text.upper() if _CODE.fullmatch(text) else None
