"""Markdown that the reference pages share, and the types of JSON Schema in plain English."""

import json
from collections.abc import Sequence
from typing import Any, TypeAlias

MARK = "<!-- Written by docs/pages (make reference); do not edit. -->"
#: A JSON Schema.
Schema: TypeAlias = dict[str, Any]
KINDS = {"integer": "integer", "number": "number", "string": "text", "boolean": "true or false"}
SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
LENGTHS = {"minLength": "≥", "maxLength": "≤", "minItems": "≥", "maxItems": "≤"}


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table after an empty line; none if there are no rows."""
    if not rows:
        return []
    lines = ["", row(header), "|" + "---|" * len(header)]
    return lines + [row(cells) for cells in rows]


def row(cells: Sequence[str]) -> str:
    """A line of a table."""
    return "| " + " | ".join(" ".join(c.replace("|", "\\|").split()) for c in cells) + " |"


def plain(value: Any) -> str:
    """A default or a limit as YAML spells it; `none` for null."""
    if isinstance(value, float) and value == int(value):
        value = int(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return "none" if text == "null" else text


def _first(schema: Schema) -> Schema:
    """The first alternative of a property, `null` aside."""
    found = [o for o in schema.get("anyOf", [schema]) if o.get("type") != "null"]
    return found[0] if found else {}


def _items(schema: Schema) -> Schema:
    first: Schema = schema.get("items") or (schema.get("prefixItems") or [{}])[0]
    return first


def kind(schema: Schema) -> str:
    """The type of a property; a reference becomes a link to its heading."""
    one = _first(schema)
    if "$ref" in one:
        name = one["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "enum" in one or "const" in one:
        return "one of " + ", ".join(f"`{v}`" for v in one.get("enum", [one.get("const")]))
    if one.get("type") == "array":
        return f"list of {kind(_items(one))}"
    if one.get("type") == "object" and "properties" in one:
        return "form with " + ", ".join(f"`{name}`" for name in one["properties"])
    if one.get("type") == "object":
        values = one.get("additionalProperties", {})
        return f"mapping of text to {kind(values)}" if isinstance(values, dict) else "mapping"
    return KINDS.get(str(one.get("type")), "text" if one.get("type") else "any")


def limits(schema: Schema) -> str:
    """The range of a property, or of the items of a list."""
    one = _first(schema)
    parts = [f"{sign} {plain(one[key])}" for key, sign in SIGNS.items() if key in one]
    units = {"minLength": "characters", "maxLength": "characters"}
    if "minItems" in one and one["minItems"] == one.get("maxItems"):
        return f"{one['minItems']} items"
    parts += [
        f"{sign} {one[key]} {units.get(key, 'items')}"
        for key, sign in LENGTHS.items()
        if key in one
    ]
    if "pattern" in one:
        parts.append(f"matches `{one['pattern']}`")
    inner = _items(one) if one.get("type") == "array" else one.get("additionalProperties")
    if isinstance(inner, dict) and inner:
        parts.append(limits(inner))
    return ", ".join(p for p in parts if p)
