"""Read the JSON-LD scripts of a page with the faults that search engines forgive."""

import html
import json
import re

import parsel

#: Scripts may hold more than JSON: comments, and marks that hide them from old browsers. JSON
#: strings are matched too, so that nothing inside one is taken for a comment. The possessive
#: quantifiers keep the time linear in the length of the script.
NON_JSON_PARTS = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*+"?)|(?://[ \t]*)?(?:<!\[CDATA\[|\]\]>|<!--|-->)"""
    r"|//[^\n]*|/\*.*?(?:\*/|\Z)",
    re.DOTALL,
)
TRAILING_COMMA = re.compile(r"""(?P<text>"(?:\\.|[^"\\])*+"?)|,(?=\s*+[\]}])""", re.DOTALL)
BETWEEN_OBJECTS = re.compile(r"[\s;,]*+")
#: More objects than this in one script are no product page.
MAX_OBJECTS = 1000


def read_blocks(page: parsel.Selector) -> list[object]:
    """Return the values of a page's JSON-LD scripts; one that cannot be read hides no other."""
    scripts = page.xpath(
        '//script[contains(translate(@type, "LDJSON", "ldjson"), "ld+json")]/text()'
    )
    return [value for script in scripts.getall() for value in read_block(script)]


def read_block(script: str) -> list[object]:
    """Return the values of a script: one, several after one another, or none."""
    encoded = "&quot;" in script or "&#34;" in script
    plain = [script, html.unescape(script)] if encoded else [script]
    for text in [*plain, *(_strip_non_json(one) for one in plain)]:
        values = _values(text)
        if values:
            return values
    return []


def _values(text: str) -> list[object]:
    found: list[object] = []
    decoder, at = json.JSONDecoder(strict=False), 0
    try:
        while len(found) < MAX_OBJECTS:
            between = BETWEEN_OBJECTS.match(text, at)
            at = between.end() if between else at
            if at >= len(text):
                break
            value, at = decoder.raw_decode(text, at)
            found.append(value)
    except (ValueError, RecursionError):
        return []
    return found


def _strip_non_json(script: str) -> str:
    """Remove comments, hiding marks, trailing commas and a last semicolon from a script."""
    bare = NON_JSON_PARTS.sub(lambda match: match["text"] or " ", script)
    return TRAILING_COMMA.sub(lambda match: match["text"] or "", bare).strip().rstrip(";")
