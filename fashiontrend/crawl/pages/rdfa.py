"""Read a page's RDFa by extruct, in the form of JSON-LD."""

import re

import extruct

PRODUCT = re.compile(r"typeof\s*=\s*[\"'][^\"']*\bProduct", re.I)


def read_rdfa(text: str, base: str) -> list[object]:
    """Return the objects of a page's RDFa, none if it states no product or cannot be read.

    It is costly to read, so it is asked only where nothing else states a product.
    """
    if not PRODUCT.search(text):
        return []
    try:
        found = extruct.extract(text, base, syntaxes=["rdfa"])["rdfa"]
    except Exception:  # a broken page can raise anything in the parsers below
        return []
    known = {one.get("@id") for one in found}
    return [_plain(one, known) for one in found]


def _plain(value: object, known: set[object]) -> object:
    """Return a value with the short names of schema.org, and texts in place of literals."""
    if isinstance(value, list):
        return [_plain(one, known) for one in value]
    if not isinstance(value, dict):
        return value
    if "@value" in value:
        return value["@value"]
    if set(value) == {"@id"} and value["@id"] not in known:
        return value["@id"]  # an address, of a picture or of a word of schema.org
    return {
        name if name.startswith("@") else re.split("[/#]", name)[-1]: _plain(one, known)
        for name, one in value.items()
    }
