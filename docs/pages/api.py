"""The page of the HTTP API, from its OpenAPI document."""

from typing import Any
from unittest.mock import MagicMock

from docs.pages.markdown import MARK, Schema, kind, limits, plain, table
from fashiontrend.serve.routes.app import create_app


def document() -> Schema:
    """The OpenAPI document; the routes look at their services only when a request comes."""
    application: Any = create_app(MagicMock()).app
    found: Schema = application.openapi()
    return found


def page() -> str:
    """The page of the API."""
    spec = document()
    lines = [
        MARK, "# HTTP API", "",
        "The server is started by `fashiontrend serve`. A request carries its token as `Authorization: Bearer TOKEN`; "
        "each route names the scope that the token needs. A server serves this document at `/openapi.json`.", "",
        "An error is a problem document (RFC 9457, `application/problem+json`) with `status`, `code`, `detail` and, for "
        "invalid bodies, `errors`. A response with 429 or 503 says in `Retry-After` how many seconds to wait.", "",
        "## Routes",
    ]  # fmt: skip
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            lines += _operation(method.upper(), path, operation)
    lines += ["", "## Objects"]
    for name, schema in sorted(spec["components"]["schemas"].items()):
        lines += _object(name, schema)
    return "\n".join(lines) + "\n"


def _operation(method: str, path: str, operation: Schema) -> list[str]:
    lines = ["", f"### {method} {path}", ""]
    lines.append(operation.get("description") or f"{operation.get('summary', '')}.")
    scopes = [s for one in operation.get("security", []) for s in one.get("bearer", [])]
    lines += ["", f"Scope: {', '.join(f'`{s}`' for s in scopes) or 'none'}."]
    rows = [
        (
            f"`{p['name']}`",
            p["in"],
            kind(p["schema"]),
            "required" if p.get("required") else f"`{plain(p['schema'].get('default'))}`",
            limits(p["schema"]),
            p.get("description", ""),
        )
        for p in operation.get("parameters", [])
    ]
    lines += table(("parameter", "in", "type", "default", "range", "description"), rows)
    bodies = operation.get("requestBody", {}).get("content", {})
    lines += table(
        ("body", "type"), [(f"`{media}`", kind(one["schema"])) for media, one in bodies.items()]
    )
    answers = [
        (status, one.get("description", ""), _content(one))
        for status, one in sorted(operation["responses"].items())
    ]
    return lines + table(("status", "meaning", "body"), answers)


def _content(response: Schema) -> str:
    found = [kind(c["schema"]) for c in response.get("content", {}).values() if c.get("schema")]
    return ", ".join(found)


def _object(name: str, schema: Schema) -> list[str]:
    lines = ["", f"### {name}", "", " ".join(str(schema.get("description", "")).split())]
    required = schema.get("required", [])
    rows = [
        (
            f"`{field}`",
            kind(one),
            "required" if field in required else f"`{plain(one.get('default'))}`",
            limits(one),
            one.get("description", ""),
        )
        for field, one in schema.get("properties", {}).items()
    ]
    return lines + table(("field", "type", "default", "range", "description"), rows)
