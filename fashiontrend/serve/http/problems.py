"""What a caller is told when something cannot be done: RFC 9457, `application/problem+json`."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import pydantic_core
from fastapi.exceptions import HTTPException, RequestValidationError
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:fashiontrend:problem:"
#: Codes of answers that Starlette and FastAPI give by themselves.
CODES = {400: "invalid", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
#: Of statuses that HTTP itself does not know; proxies log 499.
TITLES = {499: "Client Closed Request"}
MOST_ERRORS = 20


class Problem(HTTPException):
    """An answer that is not the one hoped for.

    Args:
        status: HTTP status.
        code: short word that programs compare.
        detail: what failed, what was seen, what was expected, what to do.
        headers: further headers, such as Retry-After.
        errors: single mistakes, each with `path` and `message`.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.code = code
        self.errors = errors

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = (self.status_code, self.code, self.detail, self.headers, self.errors)
        return type(self), arguments


def busy(detail: str, retry_after_s: int, status: int = 429) -> Problem:
    """Too much to do; the caller should come again."""
    return Problem(status, "busy", detail, {"Retry-After": str(retry_after_s)})


def body(problem: HTTPException, request_id: str = "") -> dict[str, Any]:
    """The problem object."""
    code = getattr(problem, "code", CODES.get(problem.status_code, "refused"))
    told: dict[str, Any] = {
        "type": TYPE + code,
        "title": TITLES.get(problem.status_code) or HTTPStatus(problem.status_code).phrase,
        "status": problem.status_code,
        "detail": str(problem.detail),
    }
    if request_id:
        told["request_id"] = request_id
    if errors := getattr(problem, "errors", ()):
        told["errors"] = list(errors)
    return told


def respond(problem: HTTPException, request_id: str = "") -> Response:
    """The whole answer."""
    return Response(
        pydantic_core.to_json(body(problem, request_id)),
        problem.status_code,
        headers=dict(problem.headers or {}),
        media_type=MEDIA_TYPE,
    )


def of_validation(error: RequestValidationError | pydantic_core.ValidationError) -> Problem:
    """What a request's mistakes look like, one line each; the input itself is not echoed."""
    found = [
        {"path": ".".join(str(part) for part in e["loc"]) or "(top)", "message": str(e["msg"])}
        for e in error.errors()[:MOST_ERRORS]
    ]
    text = "; ".join(f"{e['path']}: {e['message']}" for e in found[:3])
    return Problem(400, "invalid", f"The request is not valid: {text}.", errors=found)
